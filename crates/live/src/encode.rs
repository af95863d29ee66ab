//! The bytes of a chunk's pieces.
//!
//! ```text
//! texts      u32 number, u32 end of each, the texts
//! codes      u8 width (0: all are 0; 1; 2), one number for each event
//! times      u8 width (4 or 8), milliseconds after the chunk's oldest event, for each event
//! visitors   u64 hash for each visitor of a cell, in the order of the hashes and of the cells
//! of cells   as codes, the cell of each of them
//! offsets    u32 runs, then u64 first offset and u32 length of each
//! cells      u32 number, then of each: u32 bytes of the site, the site, u8 class, u32 events, views, visitors,
//!            i64 newest event in milliseconds since the epoch
//! ```
//! All numbers little-endian. Whatever is read is checked: a damaged file is an error, never a panic.

use crate::dictionary::{Dictionary, Texts, to_u32};

/// One site and class of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) site: String,
    pub(crate) class: u8,
    pub(crate) events: u32,
    /// Page views among the events.
    pub(crate) views: u32,
    /// Entries in the chunk's list of visitors; the first may stand for "none".
    pub(crate) visitors: u32,
    /// When its newest event was received, in milliseconds since the epoch.
    pub(crate) max_ms: i64,
}

pub(crate) fn texts(out: &mut Vec<u8>, dictionary: &Dictionary) {
    let (bytes, ends) = dictionary.parts();
    out.extend_from_slice(&to_u32(ends.len()).to_le_bytes());
    ends.iter().for_each(|end| out.extend_from_slice(&end.to_le_bytes()));
    out.extend_from_slice(bytes);
}

/// `values`: how many different codes there are.
pub(crate) fn codes(out: &mut Vec<u8>, codes: &[u16], values: usize) {
    if values <= 1 {
        out.push(0);
    } else if values <= 256 {
        out.push(1);
        out.extend(codes.iter().map(|code| code.to_le_bytes()[0]));
    } else {
        out.push(2);
        out.extend(codes.iter().flat_map(|code| code.to_le_bytes()));
    }
}

pub(crate) fn times(out: &mut Vec<u8>, times: &[i64], min_ms: i64, max_ms: i64) {
    let after = |ms: &i64| ms.wrapping_sub(min_ms).cast_unsigned();
    if u32::try_from(after(&max_ms)).is_ok() {
        out.push(4);
        out.extend(times.iter().flat_map(|ms| {
            let [a, b, c, d, ..] = after(ms).to_le_bytes();
            [a, b, c, d]
        }));
    } else {
        out.push(8);
        out.extend(times.iter().flat_map(|ms| after(ms).to_le_bytes()));
    }
}

pub(crate) fn offsets(out: &mut Vec<u8>, offsets: &[u64]) {
    let mut runs: Vec<(u64, u32)> = Vec::new();
    for &offset in offsets {
        match runs.last_mut() {
            Some((first, length)) if *first + u64::from(*length) == offset => *length += 1,
            _ => runs.push((offset, 1)),
        }
    }
    out.extend_from_slice(&to_u32(runs.len()).to_le_bytes());
    for (first, length) in runs {
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
    }
}

/// Adds a cell; the number of them stands in front.
pub(crate) fn cell(out: &mut Vec<u8>, site: &[u8], class: u8, counts: [u32; 3], max_ms: i64) {
    out.extend_from_slice(&to_u32(site.len()).to_le_bytes());
    out.extend_from_slice(site);
    out.push(class);
    counts.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
    out.extend_from_slice(&max_ms.to_le_bytes());
}

/// A piece that is read from its start; everything is `None` once it is not what it should be.
struct Piece<'a>(&'a [u8]);

impl<'a> Piece<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

pub(crate) fn read_texts(piece: &[u8]) -> Option<Texts> {
    let mut piece = Piece(piece);
    let number = piece.u32()? as usize;
    let ends = piece.take(number.checked_mul(4)?)?.as_chunks::<4>().0;
    Texts::new(piece.0, ends.iter().map(|end| u32::from_le_bytes(*end)).collect())
}

/// The codes of `events` events, all below `values`.
pub(crate) fn read_codes(piece: &[u8], events: usize, values: usize) -> Option<Vec<u16>> {
    let mut piece = Piece(piece);
    let codes: Vec<u16> = match piece.u8()? {
        0 => vec![0; events],
        1 => piece.0.iter().map(|code| u16::from(*code)).collect(),
        2 => piece.0.as_chunks::<2>().0.iter().map(|code| u16::from_le_bytes(*code)).collect(),
        _ => return None,
    };
    let highest = codes.iter().copied().max().unwrap_or(0);
    (codes.len() == events && (events == 0 || usize::from(highest) < values)).then_some(codes)
}

pub(crate) fn read_times(piece: &[u8], events: usize, min_ms: i64) -> Option<Vec<i64>> {
    let mut piece = Piece(piece);
    let times: Vec<i64> = match piece.u8()? {
        4 => {
            let after = piece.0.as_chunks::<4>().0.iter();
            after.map(|after| min_ms.wrapping_add(i64::from(u32::from_le_bytes(*after)))).collect()
        }
        8 => {
            let after = piece.0.as_chunks::<8>().0.iter();
            after.map(|after| min_ms.wrapping_add(i64::from_le_bytes(*after))).collect()
        }
        _ => return None,
    };
    (times.len() == events).then_some(times)
}

pub(crate) fn read_visitors(piece: &[u8]) -> Option<Vec<u64>> {
    let (hashes, rest) = piece.as_chunks::<8>();
    rest.is_empty().then(|| hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
}

pub(crate) fn read_offsets(piece: &[u8], events: usize) -> Option<Vec<u64>> {
    let mut piece = Piece(piece);
    let mut offsets = Vec::with_capacity(events);
    for _ in 0..piece.u32()? {
        let (first, length) = (piece.u64()?, piece.u32()?);
        if offsets.len() + length as usize > events {
            return None;
        }
        offsets.extend(first..first.checked_add(u64::from(length))?);
    }
    (offsets.len() == events).then_some(offsets)
}

pub(crate) fn read_cells(piece: &[u8]) -> Option<Vec<Cell>> {
    let mut piece = Piece(piece);
    let number = piece.u32()?;
    let mut cells = Vec::new();
    for _ in 0..number {
        let bytes = piece.u32()? as usize;
        let site = std::str::from_utf8(piece.take(bytes)?).ok()?.to_owned();
        let class = piece.u8()?;
        let (events, views, visitors) = (piece.u32()?, piece.u32()?, piece.u32()?);
        let max_ms = piece.u64()?.cast_signed();
        cells.push(Cell { site, class, events, views, visitors, max_ms });
    }
    piece.0.is_empty().then_some(cells)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            numbers in proptest::collection::vec(0_u16..400, 0..50),
            moments in proptest::collection::vec(prop_oneof![any::<i64>(), 0..5_000_000_i64], 1..50),
            places in proptest::collection::vec(0_u64..60, 0..50),
        ) {
            let values = numbers.iter().map(|n| usize::from(*n) + 1).max().unwrap_or(0);
            let mut out = Vec::new();
            codes(&mut out, &numbers, values);
            prop_assert_eq!(read_codes(&out, numbers.len(), values), Some(numbers.clone()));
            prop_assert_eq!(read_codes(&out, numbers.len() + 1, 1).is_some(), values <= 1);

            let (min, max) = (*moments.iter().min().unwrap(), *moments.iter().max().unwrap());
            let mut out = Vec::new();
            times(&mut out, &moments, min, max);
            prop_assert_eq!(read_times(&out, moments.len(), min), Some(moments));

            let mut out = Vec::new();
            offsets(&mut out, &places);
            prop_assert_eq!(read_offsets(&out, places.len()), Some(places));
        }

        #[test]
        fn other_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), events in 0_usize..20) {
            drop(read_texts(&bytes));
            drop(read_codes(&bytes, events, 3));
            drop(read_times(&bytes, events, i64::MAX));
            drop(read_visitors(&bytes));
            drop(read_offsets(&bytes, events));
            drop(read_cells(&bytes));
        }
    }

    #[test]
    fn cells_and_texts_are_read_as_they_were_written() {
        let mut out = 2_u32.to_le_bytes().to_vec();
        cell(&mut out, b"blog", 0, [3, 2, 1], -7);
        cell(&mut out, b"", 5, [1, 0, 0], i64::MAX);
        let read = read_cells(&out).unwrap();
        let blog = Cell { site: "blog".into(), class: 0, events: 3, views: 2, visitors: 1, max_ms: -7 };
        assert_eq!(read[0], blog);
        let other =
            Cell { site: String::new(), class: 5, events: 1, views: 0, visitors: 0, max_ms: i64::MAX };
        assert_eq!(read[1], other);
        assert_eq!(read_cells(&out[..out.len() - 1]), None);

        let mut dictionary = Dictionary::default();
        assert_eq!(["x", "", "ä"].map(|text| dictionary.number(text.as_bytes())), [0, 1, 2]);
        let mut out = Vec::new();
        texts(&mut out, &dictionary);
        assert_eq!(read_texts(&out).unwrap().iter().collect::<Vec<_>>(), ["x", "", "ä"].map(str::as_bytes));
    }
}
