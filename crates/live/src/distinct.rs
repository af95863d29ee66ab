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
/// Fewer hashes in order are not worth a list of their own.
const RUN_MIN: usize = 256;
/// Hashes that are kept in one list before they are spread.
const UNSPREAD_MAX: usize = 32 * 1024;

/// A set of hashes, some of which may have been added more than once.
#[derive(Debug)]
pub(crate) struct Distinct {
    unspread: Vec<u64>,
    parts: Vec<Vec<u64>>,
    /// Lists that are in order, so that those of a part are side by side.
    runs: Vec<Vec<u64>>,
    /// Hashes in parts and runs.
    held: usize,
    /// Repeated ones are looked for when there are more.
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
        let (unspread, parts, runs) = (Vec::new(), Vec::new(), Vec::new());
        Self { unspread, parts, runs, held: 0, dense_above, zero_bits: 0, kept_max }
    }

    /// Adds a hash; adding it again changes nothing, and 0 stands for none.
    pub(crate) fn insert(&mut self, hash: u64) {
        self.unspread.push(hash);
        if self.unspread.len() >= UNSPREAD_MAX {
            self.spread();
        }
    }

    /// Adds many, which are in order.
    pub(crate) fn add_run(&mut self, mut hashes: Vec<u64>) {
        let mask = low_bits(self.zero_bits);
        if mask != 0 {
            hashes.retain(|hash| hash & mask == 0);
        }
        if hashes.len() < RUN_MIN {
            hashes.into_iter().for_each(|hash| self.insert(hash));
            return;
        }
        self.held += hashes.len();
        self.runs.push(hashes);
        if self.held > self.dense_above {
            self.condense();
        }
    }

    /// How many different hashes were added.
    pub(crate) fn count(mut self) -> u64 {
        let mut table = Table::default();
        let kept = if self.parts.is_empty() && self.runs.is_empty() {
            table.reset(self.unspread.len());
            table.add(&self.unspread)
        } else {
            self.spread();
            self.count_parts(&mut table)
        };
        kept.saturating_mul(1_u64.checked_shl(self.zero_bits).unwrap_or(u64::MAX))
    }

    fn count_parts(&self, table: &mut Table) -> u64 {
        let mut cursors = self.cursors();
        let mut count = 0;
        for (number, part) in self.parts.iter().enumerate() {
            let in_part: Vec<&[u64]> = cursors.iter_mut().map(|rest| take_part(rest, number)).collect();
            table.reset(part.len() + in_part.iter().map(|hashes| hashes.len()).sum::<usize>());
            count += table.add(part) + in_part.iter().map(|hashes| table.add(hashes)).sum::<u64>();
        }
        count
    }

    fn cursors(&self) -> Vec<&[u64]> {
        self.runs.iter().map(Vec::as_slice).collect()
    }

    fn spread(&mut self) {
        if self.parts.is_empty() {
            self.parts.resize_with(1 << PART_BITS, Vec::new);
        }
        let (parts, mask) = (&mut self.parts, low_bits(self.zero_bits));
        for hash in self.unspread.drain(..).filter(|hash| *hash & mask == 0) {
            parts[part_of(hash)].push(hash);
            self.held += 1;
        }
        if self.held > self.dense_above {
            self.condense();
        }
    }

    /// Removes repeated hashes, and if that is not enough, leaves some out.
    fn condense(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        let mut cursors: Vec<&[u64]> = runs.iter().map(Vec::as_slice).collect();
        self.parts.resize_with(1 << PART_BITS, Vec::new);
        for (number, part) in self.parts.iter_mut().enumerate() {
            cursors.iter_mut().for_each(|rest| part.extend_from_slice(take_part(rest, number)));
            part.sort_unstable();
            part.dedup();
        }
        loop {
            let mask = low_bits(self.zero_bits);
            self.parts.iter_mut().for_each(|part| part.retain(|hash| hash & mask == 0));
            self.held = self.parts.iter().map(Vec::len).sum();
            if self.held <= self.kept_max || self.zero_bits >= u64::BITS - PART_BITS {
                break;
            }
            self.zero_bits += 1;
        }
        let least = self.kept_max.clamp(1 << 20, DENSE_ABOVE_MIN);
        self.dense_above = (self.held + self.held / 2).max(least);
    }
}

fn part_of(hash: u64) -> usize {
    (hash >> (u64::BITS - PART_BITS)) as usize
}

/// Takes the hashes of a part, and of those before it, from the start of what is left of a run.
fn take_part<'r>(rest: &mut &'r [u64], number: usize) -> &'r [u64] {
    let end = rest.iter().position(|hash| part_of(*hash) > number).unwrap_or(rest.len());
    let (of_part, after) = rest.split_at(end);
    *rest = after;
    of_part
}

fn low_bits(bits: u32) -> u64 {
    1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1)
}

/// An open hash table whose keys are hashes already.
#[derive(Default)]
struct Table(Vec<u64>);

impl Table {
    /// Makes room for so many hashes.
    fn reset(&mut self, hashes: usize) {
        self.0.clear();
        self.0.resize((2 * hashes).next_power_of_two(), 0);
    }

    /// How many of the hashes were not added before; 0 does not count.
    fn add(&mut self, hashes: &[u64]) -> u64 {
        let last = self.0.len() - 1;
        let mut count = 0;
        for &hash in hashes.iter().filter(|hash| **hash != 0) {
            // The first bits are the same for a whole part; multiplying brings all others to the top.
            let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let mut place = spread as usize & last;
            while self.0[place] != 0 && self.0[place] != hash {
                place = (place + 1) & last;
            }
            count += u64::from(self.0[place] == 0);
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
            let mut run = hashes.clone();
            run.sort_unstable();
            run.chunks(1_000).for_each(|run| distinct.add_run(run.to_vec()));
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
        for hash in hashes(3_000_000) {
            distinct.insert(hash);
        }
        assert!(distinct.held <= (1 << 20) + UNSPREAD_MAX, "{}", distinct.held);
        assert!(distinct.zero_bits > 0);
    }

    #[test]
    fn hashes_that_a_stranger_chose_neither_hang_nor_panic() {
        let mut distinct = Distinct::default();
        let hashes: Vec<u64> = (1..20_000_u64).map(|i| i << 20).collect();
        distinct.add_run(hashes.clone());
        hashes.iter().for_each(|hash| distinct.insert(*hash));
        assert_eq!(distinct.count(), 19_999);
    }
}
