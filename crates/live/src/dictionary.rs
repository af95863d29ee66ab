//! Texts and their numbers, each text once.
//!
//! [`Dictionary`] gives numbers out, in the order in which texts come; [`Texts`] is what one looks like that is
//! only read. The texts lie one after the other in one piece of memory, which is also their form in the file.

use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// What a text takes besides its bytes, about: its end, and its place in the table.
pub(crate) const TEXT_BYTES: usize = 12;

/// Numbers for texts, from 0 on.
#[derive(Default)]
pub(crate) struct Dictionary {
    bytes: Vec<u8>,
    /// Where each text ends.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: RandomState,
    /// The number of the empty text, which most texts of most columns are.
    empty: Option<u32>,
    /// The number that was asked for last: neighbours are often alike.
    last: u32,
}

impl Dictionary {
    /// The text's number; a new one if it was not there.
    pub(crate) fn number(&mut self, text: &[u8]) -> u32 {
        if text.is_empty()
            && let Some(number) = self.empty
        {
            return number;
        }
        let Self { bytes, ends, table, hasher, empty, last } = self;
        let at = |number: u32| span(ends, number).and_then(|span| bytes.get(span)).unwrap_or_default();
        if !text.is_empty() && at(*last) == text {
            return *last;
        }
        let hash = hasher.hash_one(text);
        let entry = table.entry(hash, |&number| at(number) == text, |&number| hasher.hash_one(at(number)));
        *last = match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let number = to_u32(ends.len());
                entry.insert(number);
                bytes.extend_from_slice(text);
                ends.push(to_u32(bytes.len()));
                if text.is_empty() {
                    *empty = Some(number);
                }
                number
            }
        };
        *last
    }

    /// Different texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// What the texts take, about, with their place in the table.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * TEXT_BYTES
    }

    /// The text behind a number; empty for a number that was not given out.
    pub(crate) fn text(&self, number: u32) -> &[u8] {
        span(&self.ends, number).and_then(|span| self.bytes.get(span)).unwrap_or_default()
    }

    /// The texts one after the other, and where each ends.
    pub(crate) fn parts(&self) -> (&[u8], &[u32]) {
        (&self.bytes, &self.ends)
    }

    /// Forgets all texts and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.table.clear();
        self.empty = None;
    }
}

/// The texts of one column of one chunk.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    /// `None` when the parts do not belong together.
    pub(crate) fn new(bytes: &[u8], ends: Vec<u32>) -> Option<Self> {
        let is_whole = ends.last().map_or(0, |end| *end as usize) == bytes.len();
        (is_whole && ends.is_sorted()).then(|| Self { bytes: bytes.to_vec(), ends })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// What the texts take, about.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * TEXT_BYTES
    }

    /// The text behind a number; empty for a number that was not given out.
    pub(crate) fn get(&self, number: usize) -> &[u8] {
        let span = u32::try_from(number).ok().and_then(|number| span(&self.ends, number));
        span.and_then(|span| self.bytes.get(span)).unwrap_or_default()
    }

    /// All of them in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|number| self.get(number))
    }
}

fn span(ends: &[u32], number: u32) -> Option<Range<usize>> {
    let number = number as usize;
    let end = *ends.get(number)?;
    let start = if number == 0 { 0 } else { *ends.get(number - 1)? };
    Some(start as usize..end as usize)
}

/// Chunks are bounded far below what 32 bits count; see `limits`.
pub(crate) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_one_number() {
        let mut dictionary = Dictionary::default();
        let texts = ["a", "", "ä", "a", "", "aä", "ä"].map(str::as_bytes);
        let numbers = texts.map(|text| dictionary.number(text));
        assert_eq!(numbers, [0, 1, 2, 0, 1, 3, 2]);
        assert!(texts.iter().zip(&numbers).all(|(text, number)| dictionary.text(*number) == *text));
        assert_eq!((dictionary.len(), dictionary.text(4)), (4, &b""[..]));
        let (bytes, ends) = dictionary.parts();
        let read = Texts::new(bytes, ends.to_vec()).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), ["a", "", "ä", "aä"].map(str::as_bytes));
        dictionary.clear();
        assert_eq!((dictionary.number(b"z"), dictionary.number(b"")), (0, 1));
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        assert!(Texts::new(b"ab", vec![1, 2]).is_some());
        assert!(Texts::new(b"ab", vec![1]).is_none());
        assert!(Texts::new(b"ab", vec![2, 1]).is_none());
        assert!(Texts::new(b"ab", vec![3]).is_none());
        assert!(Texts::new(b"ab", vec![]).is_none());
    }
}
