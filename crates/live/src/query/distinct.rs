//! Counts different visitors in bounded memory.
//!
//! Exact up to a limit. Beyond it, only hashes with a number of zero bits at their end are kept, a further bit each
//! time the set is full, and the count is scaled up: adaptive sampling (Wegman; analysed by Flajolet, 1990). The error
//! is about 1.2 divided by the square root of the limit.

use foldhash::{HashSet, HashSetExt as _};

use crate::limits::VISITORS_EXACT_MAX;

/// A set of hashes, or a sample of it.
#[derive(Debug)]
pub(super) struct Distinct {
    kept: HashSet<i64>,
    zero_bits: u32,
    kept_max: usize,
}

impl Default for Distinct {
    fn default() -> Self {
        Self::with_limit(VISITORS_EXACT_MAX)
    }
}

impl Distinct {
    fn with_limit(kept_max: usize) -> Self {
        Self { kept: HashSet::new(), zero_bits: 0, kept_max }
    }

    /// Adds a hash; adding it again changes nothing.
    pub(super) fn insert(&mut self, hash: i64) {
        if hash.trailing_zeros() < self.zero_bits || !self.kept.insert(hash) {
            return;
        }
        while self.kept.len() > self.kept_max && self.zero_bits < i64::BITS {
            self.zero_bits += 1;
            let zero_bits = self.zero_bits;
            self.kept.retain(|hash| hash.trailing_zeros() >= zero_bits);
        }
    }

    /// How many different hashes were added; forgets them.
    pub(super) fn take(&mut self) -> u64 {
        let kept = u64::try_from(self.kept.len()).unwrap_or(u64::MAX);
        let count = kept.saturating_mul(1_u64.checked_shl(self.zero_bits).unwrap_or(u64::MAX));
        self.kept.clear();
        self.zero_bits = 0;
        count
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher as _, BuildHasherDefault};

    use siphasher::sip::SipHasher13;

    use super::*;

    #[test]
    fn is_exact_up_to_the_limit_and_close_beyond_it() {
        fn check(count: u64, limit: usize, error_max: u64) {
            let mut distinct = Distinct::with_limit(limit);
            let hash = BuildHasherDefault::<SipHasher13>::default();
            for i in (0..count).chain(0..count) {
                distinct.insert(hash.hash_one(i).cast_signed());
            }
            assert!(distinct.kept.len() <= limit);
            let found = distinct.take();
            assert!(found.abs_diff(count) <= error_max, "{found} instead of {count}");
            assert_eq!(distinct.take(), 0);
        }
        check(0, 4096, 0);
        check(4096, 4096, 0);
        check(100_000, 4096, 5_000);
    }

    #[test]
    fn a_hash_of_zero_bits_only_is_one_visitor() {
        let mut distinct = Distinct::with_limit(0);
        distinct.insert(0);
        assert!(distinct.zero_bits <= 64);
    }
}
