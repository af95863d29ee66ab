//! Does every offset lie in exactly one place? Pure: ranges in, findings out.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use onepixel_stream::Offset;

/// What covers the offsets from 0 up to a checkpoint, and what does not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Offsets that lie in exactly one object.
    pub(crate) archived: u64,
    /// Offsets that lie in no object but in the dead-letter log.
    pub(crate) dead_lettered: u64,
    /// Offsets that lie nowhere.
    pub(crate) missing: Vec<RangeInclusive<Offset>>,
    /// Offsets that lie in more than one object.
    pub(crate) doubled: Vec<RangeInclusive<Offset>>,
}

/// Checks the offsets below `committed` against `objects` (in any order; what lies at or beyond `committed` is
/// not yet promised and left out) and the offsets of dead letters that no replay has brought into an object.
pub(crate) fn cover(
    objects: &mut [RangeInclusive<Offset>],
    dead: &BTreeSet<Offset>,
    committed: Offset,
) -> Coverage {
    objects.sort_by_key(|range| (*range.start(), *range.end()));
    let mut found = Coverage::default();
    let mut next: Offset = 0;
    for range in objects.iter() {
        let (first, end) = (*range.start(), range.end().saturating_add(1).min(committed));
        if first >= end {
            continue;
        }
        found.gap(next, first, dead);
        if first < next {
            found.doubled.push(first..=next.min(end) - 1);
        }
        found.archived += end.saturating_sub(next.max(first));
        next = next.max(end);
    }
    found.gap(next, committed, dead);
    found
}

impl Coverage {
    /// Offsets from `from` up to and without `to` lie in no object.
    pub(super) fn gap(&mut self, from: Offset, to: Offset, dead: &BTreeSet<Offset>) {
        if from >= to {
            return;
        }
        let mut next = from;
        for &letter in dead.range(from..to) {
            if next < letter {
                self.missing.push(next..=letter - 1);
            }
            self.dead_lettered += 1;
            next = letter + 1;
        }
        if next < to {
            self.missing.push(next..=to - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Ranges<'a> = &'a [(u64, u64)];

    fn check(
        objects: &[(u64, u64)],
        dead: &[u64],
        committed: u64,
        expected: (u64, u64, Ranges<'_>, Ranges<'_>),
    ) {
        let mut objects: Vec<_> = objects.iter().map(|&(first, last)| first..=last).collect();
        let found = cover(&mut objects, &dead.iter().copied().collect(), committed);
        let ranges =
            |list: &[RangeInclusive<u64>]| list.iter().map(|r| (*r.start(), *r.end())).collect::<Vec<_>>();
        assert_eq!(
            (found.archived, found.dead_lettered, ranges(&found.missing), ranges(&found.doubled)),
            (expected.0, expected.1, expected.2.to_vec(), expected.3.to_vec())
        );
    }

    #[test]
    fn every_offset_lies_in_exactly_one_place() {
        check(&[], &[], 0, (0, 0, &[], &[]));
        check(&[(0, 9), (10, 19)], &[], 20, (20, 0, &[], &[]));
        check(&[(10, 19), (0, 9)], &[], 20, (20, 0, &[], &[]));
        check(&[(0, 4), (6, 9)], &[5], 10, (9, 1, &[], &[]));
        check(&[], &[0, 1, 2], 3, (0, 3, &[], &[]));
    }

    #[test]
    fn what_is_not_committed_is_not_promised() {
        check(&[(0, 9), (10, 19)], &[], 10, (10, 0, &[], &[]));
        check(&[(0, 19)], &[], 10, (10, 0, &[], &[]));
        check(&[(10, 19)], &[12], 10, (0, 0, &[(0, 9)], &[]));
    }

    #[test]
    fn gaps_and_overlaps_are_named() {
        check(&[(0, 9)], &[], 20, (10, 0, &[(10, 19)], &[]));
        check(&[(5, 9)], &[], 10, (5, 0, &[(0, 4)], &[]));
        check(&[(0, 3), (8, 9)], &[5], 10, (6, 1, &[(4, 4), (6, 7)], &[]));
        check(&[(0, 9), (5, 14)], &[], 15, (15, 0, &[], &[(5, 9)]));
        check(&[(0, 9), (2, 4)], &[], 10, (10, 0, &[], &[(2, 4)]));
        check(&[(0, 9), (0, 9)], &[], 10, (10, 0, &[], &[(0, 9)]));
    }
}
