//! The index of the newest keys: tells a repeated append from a new one.
//!
//! Bounded: when it is full the oldest key is forgotten. It holds keys of written records only; the writer takes
//! back what it added for a frame that could not be written.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::Key;

/// The newest keys. A ring keeps their order, a table of places in the ring finds them: 26 bytes a key.
pub(crate) struct KeyIndex {
    ring: Vec<Key>,
    /// The ring's place for the next key, once it is full.
    next: usize,
    places: HashTable<u32>,
    hasher: RandomState,
    keys_max: usize,
}

impl KeyIndex {
    /// An empty index of at most `keys_max` keys.
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { ring: Vec::new(), next: 0, places: HashTable::new(), hasher: RandomState::new(), keys_max }
    }

    /// Adds a key; false when it is there already.
    pub(crate) fn insert(&mut self, key: Key) -> bool {
        let hash = self.hasher.hash_one(key);
        if self.places.find(hash, |place| self.ring[*place as usize] == key).is_some() {
            return false;
        }
        let place = self.claim(key);
        let (ring, hasher) = (&self.ring, &self.hasher);
        self.places.insert_unique(hash, place, |place| hasher.hash_one(ring[*place as usize]));
        true
    }

    /// Takes back the `count` keys that were added last, which are no more than it can hold.
    pub(crate) fn take_back(&mut self, count: usize) {
        for _ in 0..count.min(self.places.len()) {
            self.next = self.next.checked_sub(1).unwrap_or(self.ring.len() - 1);
            self.forget(self.next);
        }
    }

    /// Finds a place in the ring for the key, at the oldest one's expense if need be.
    fn claim(&mut self, key: Key) -> u32 {
        let place = self.next;
        if place == self.ring.len() {
            self.ring.push(key);
        } else {
            self.forget(place);
            self.ring[place] = key;
        }
        self.next = if place + 1 == self.keys_max { 0 } else { place + 1 };
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Removes the key at the place, if the table still refers to it.
    fn forget(&mut self, place: usize) {
        let hash = self.hasher.hash_one(self.ring[place]);
        if let Ok(entry) = self.places.find_entry(hash, |other| *other as usize == place) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> Key {
        [n; 16]
    }

    #[test]
    fn the_oldest_key_makes_room() {
        let mut index = KeyIndex::new(2);
        assert!(index.insert(key(1)));
        assert!(index.insert(key(2)));
        assert!(!index.insert(key(1)));
        assert!(index.insert(key(3)));
        assert!(!index.insert(key(2)));
        assert!(index.insert(key(1)));
        assert_eq!(index.places.len(), 2);
    }

    #[test]
    fn what_was_taken_back_is_new_again() {
        let mut index = KeyIndex::new(4);
        for n in 0..6 {
            assert!(index.insert(key(n)));
        }
        index.take_back(3);
        assert_eq!(index.places.len(), 1);
        assert!(!index.insert(key(2)));
        for n in 3..6 {
            assert!(index.insert(key(n)), "{n}");
        }
        assert!(!index.insert(key(2)));
        index.take_back(100);
        assert_eq!(index.places.len(), 0);
    }

    proptest! {
        #[test]
        fn it_holds_what_a_queue_holds(steps in proptest::collection::vec((0u8..24, 0usize..4), 1..200)) {
            let (mut index, mut model) = (KeyIndex::new(8), VecDeque::new());
            for (n, back) in steps {
                let new = !model.contains(&n);
                prop_assert_eq!(index.insert(key(n)), new);
                if new {
                    model.push_back(n);
                    if model.len() > 8 {
                        model.pop_front();
                    }
                }
                if back == 3 {
                    index.take_back(1);
                    model.pop_back();
                }
                prop_assert_eq!(index.places.len(), model.len());
            }
        }
    }
}
