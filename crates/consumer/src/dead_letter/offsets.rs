//! A set of offsets that costs memory by the run, not by the offset: an outage dead-letters thousands in a row.

use std::collections::BTreeMap;

use onepixel_stream::Offset;

/// Runs of consecutive offsets: first to last. No two touch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Offsets {
    runs: BTreeMap<Offset, Offset>,
    len: u64,
}

impl Offsets {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn contains(&self, offset: Offset) -> bool {
        self.run_of(offset).is_some()
    }

    /// False when it was there already.
    pub(super) fn insert(&mut self, offset: Offset) -> bool {
        if self.contains(offset) {
            return false;
        }
        let before = offset.checked_sub(1).and_then(|before| self.run_of(before));
        let after = offset.checked_add(1).and_then(|after| self.runs.remove(&after));
        let first = before.map_or(offset, |(first, _)| first);
        self.runs.insert(first, after.unwrap_or(offset));
        self.len += 1;
        true
    }

    pub(super) fn remove(&mut self, offset: Offset) {
        let Some((first, last)) = self.run_of(offset) else { return };
        self.runs.remove(&first);
        if first < offset {
            self.runs.insert(first, offset - 1);
        }
        if offset < last {
            self.runs.insert(offset + 1, last);
        }
        self.len -= 1;
    }

    fn run_of(&self, offset: Offset) -> Option<(Offset, Offset)> {
        let (&first, &last) = self.runs.range(..=offset).next_back()?;
        (offset <= last).then_some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0_u64..40), 0..200)) {
            let (mut offsets, mut model) = (Offsets::default(), BTreeSet::new());
            for (insert, offset) in steps {
                if insert {
                    prop_assert_eq!(offsets.insert(offset), model.insert(offset));
                } else {
                    offsets.remove(offset);
                    model.remove(&offset);
                }
                prop_assert_eq!(offsets.len(), model.len() as u64);
                for probe in 0..41 {
                    prop_assert_eq!(offsets.contains(probe), model.contains(&probe));
                }
                let runs: Vec<_> = offsets.runs.iter().collect();
                prop_assert!(runs.windows(2).all(|pair| *pair[0].1 + 1 < *pair[1].0), "runs touch: {:?}", runs);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_are_offsets_too() {
        let mut offsets = Offsets::default();
        for offset in [u64::MAX, 0, u64::MAX - 1, 1] {
            assert!(offsets.insert(offset));
            assert!(!offsets.insert(offset));
        }
        assert_eq!(offsets.runs, BTreeMap::from([(0, 1), (u64::MAX - 1, u64::MAX)]));
    }
}
