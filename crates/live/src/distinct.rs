//! Counts different visitors.
//!
//! Hashes are spread over parts by their first bits, and each part is counted by itself, in a table that fits the
//! processor's cache. Exact up to [`VISITORS_EXACT_MAX`]; beyond it only hashes with a number of zero bits at their
//! end are kept, a further bit each time there are too many, and the count is scaled up: adaptive sampling
//! (Wegman; analysed by Flajolet, 1990).

use crate::limits::VISITORS_EXACT_MAX;

/// The first bits that tell the part.
const PART_BITS: u32 = 9;
/// Hashes, repeated ones among them, from which on it is worth to look for those: they take 32 MiB.
const DENSE_ABOVE_MIN: usize = 4 << 20;
/// Hashes that are kept in one list before they are spread.
const UNSPREAD_MAX: usize = 32 * 1024;

/// A set of hashes, some of which may have been added more than once.
#[derive(Debug)]
pub(crate) struct Distinct {
    unspread: Vec<u64>,
    parts: Vec<Vec<u64>>,
    /// Hashes in the parts.
    spread: usize,
    /// Duplicates are looked for when there are more.
    dense_above: usize,
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
        let dense_above = kept_max.clamp(1 << 20, DENSE_ABOVE_MIN);
        Self { unspread: Vec::new(), parts: Vec::new(), spread: 0, dense_above, zero_bits: 0, kept_max }
    }

    /// Adds a hash; adding it again changes nothing, and 0 stands for none.
    pub(crate) fn insert(&mut self, hash: u64) {
        self.unspread.push(hash);
        if self.unspread.len() >= UNSPREAD_MAX {
            self.spread();
        }
    }

    /// Adds many.
    pub(crate) fn extend(&mut self, hashes: &[u64]) {
        for hashes in hashes.chunks(UNSPREAD_MAX) {
            self.unspread.extend_from_slice(hashes);
            if self.unspread.len() >= UNSPREAD_MAX {
                self.spread();
            }
        }
    }

    /// How many different hashes were added.
    pub(crate) fn count(mut self) -> u64 {
        if !self.parts.is_empty() {
            self.spread();
        }
        let mut table = Table::default();
        let unspread = table.count(&self.unspread);
        let spread: usize = self.parts.iter().map(|part| table.count(part)).sum();
        let kept = u64::try_from(unspread + spread).unwrap_or(u64::MAX);
        kept.saturating_mul(1_u64.checked_shl(self.zero_bits).unwrap_or(u64::MAX))
    }

    fn spread(&mut self) {
        if self.parts.is_empty() {
            self.parts.resize_with(1 << PART_BITS, Vec::new);
        }
        let (parts, mask) = (&mut self.parts, low_bits(self.zero_bits));
        let mut added = 0;
        for hash in self.unspread.drain(..).filter(|hash| *hash & mask == 0) {
            parts[(hash >> (u64::BITS - PART_BITS)) as usize].push(hash);
            added += 1;
        }
        self.spread += added;
        if self.spread > self.dense_above {
            self.condense();
        }
    }

    /// Removes duplicates, and if that is not enough, leaves a part of the hashes out.
    fn condense(&mut self) {
        loop {
            let mask = low_bits(self.zero_bits);
            for part in &mut self.parts {
                part.retain(|hash| hash & mask == 0);
                part.sort_unstable();
                part.dedup();
            }
            self.spread = self.parts.iter().map(Vec::len).sum();
            if self.spread <= self.kept_max || self.zero_bits >= u64::BITS - PART_BITS {
                break;
            }
            self.zero_bits += 1;
        }
        self.dense_above = (self.spread + self.spread / 2).max(self.kept_max.clamp(1 << 20, DENSE_ABOVE_MIN));
    }
}

fn low_bits(bits: u32) -> u64 {
    1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1)
}

/// An open hash table whose keys are hashes already.
#[derive(Default)]
struct Table(Vec<u64>);

impl Table {
    /// How many different hashes there are, without 0.
    fn count(&mut self, hashes: &[u64]) -> usize {
        let places = (2 * hashes.len()).next_power_of_two();
        self.0.clear();
        self.0.resize(places, 0);
        let mut count = 0;
        for &hash in hashes.iter().filter(|hash| **hash != 0) {
            // The first bits are the same for a whole part; multiplying brings all others to the top.
            let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let mut place = usize::try_from(spread).unwrap_or(0) & (places - 1);
            while self.0[place] != 0 && self.0[place] != hash {
                place = (place + 1) & (places - 1);
            }
            count += usize::from(self.0[place] == 0);
            self.0[place] = hash;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The n-th of a sequence that never repeats: S. Vigna's splitmix64.
    fn hash(n: u64) -> u64 {
        let mut mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn hashes(count: u64) -> Vec<u64> {
        (1..=count).map(hash).collect()
    }

    #[test]
    fn is_exact_up_to_the_limit_and_close_beyond_it() {
        fn check(count: u64, limit: usize, error_max: u64) {
            let mut distinct = Distinct::with_limit(limit);
            let hashes = hashes(count);
            distinct.extend(&hashes);
            hashes.iter().for_each(|hash| distinct.insert(*hash));
            distinct.insert(0);
            let found = distinct.count();
            assert!(found.abs_diff(count) <= error_max, "{found} instead of {count}");
        }
        check(0, 4096, 0);
        check(1, 4096, 0);
        check(4096, 4096, 0);
        check(50_000, 1 << 20, 0);
        check(1_500_000, 1 << 24, 0);
        check(2_100_000, 40_000, 60_000);
    }

    #[test]
    fn memory_stays_bounded_beyond_the_limit() {
        let mut distinct = Distinct::with_limit(4096);
        distinct.extend(&hashes(3_000_000));
        assert!(distinct.spread <= (1 << 20) + UNSPREAD_MAX, "{}", distinct.spread);
        assert!(distinct.zero_bits > 0);
    }

    #[test]
    fn hashes_that_a_stranger_chose_neither_hang_nor_panic() {
        let mut distinct = Distinct::default();
        let hashes: Vec<u64> = (1..20_000_u64).map(|i| i << 20).collect();
        distinct.extend(&hashes);
        distinct.extend(&hashes);
        assert_eq!(distinct.count(), 19_999);
    }
}
