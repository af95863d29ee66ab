//! A chunk: some events as columns, whole in itself.
//!
//! Built row by row from lines or column by column from smaller chunks. Each text column has the texts that occur
//! and a code for each event; a cell is a site and a class, with what it counts; visitors are numbered by hash and
//! cell, so that the hashes of any cells are in order. Reads and writes no file.

use std::ops::Range;

use foldhash::{HashMap, HashMapExt as _};
use hashbrown::HashTable;

use crate::axis::{PAGE_VIEW, TEXTS, class_code};
use crate::dictionary::{Dictionary, TEXT_BYTES, Texts, to_u32};
use crate::encode::{self, Cell};
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_CELLS_MAX, CHUNK_EVENTS_MAX};
use crate::line::{Line, visitor_hash};

/// The numbers of pieces in the file. A number never changes its meaning; up to 63.
pub(crate) const TIMES: u8 = 40;
pub(crate) const CELL_CODES: u8 = 41;
pub(crate) const VISITORS: u8 = 42;
pub(crate) const VISITOR_CODES: u8 = 43;
pub(crate) const OFFSETS: u8 = 44;
pub(crate) const VISITOR_CELLS: u8 = 45;

/// The number of the piece with a text column's texts; the one with its codes is the next.
pub(crate) fn texts_piece(column: usize) -> u8 {
    u8::try_from(2 * column).unwrap_or(u8::MAX)
}

/// A chunk as it is stored.
#[derive(Default)]
pub(crate) struct Encoded {
    pub(crate) events: usize,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    /// The lowest and the highest offset.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) cells: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
    /// Each piece's number and where it lies in `bytes`.
    pub(crate) pieces: Vec<(u8, Range<usize>)>,
}

/// All columns of a chunk, as they are merged.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) offsets: Vec<u64>,
    pub(crate) times: Vec<i64>,
    pub(crate) cells: Vec<Cell>,
    /// Twice the cell's number; one more for a page view.
    pub(crate) cell_codes: Vec<u16>,
    pub(crate) visitors: Vec<u64>,
    pub(crate) visitor_codes: Vec<u16>,
    pub(crate) texts: Vec<Texts>,
    pub(crate) codes: Vec<Vec<u16>>,
}

#[derive(Default)]
struct TextColumn {
    dictionary: Dictionary,
    codes: Vec<u16>,
}

/// A chunk that is being built.
pub(crate) struct Builder {
    offsets: Vec<u64>,
    times: Vec<i64>,
    texts: [TextColumn; TEXTS],
    sites: Dictionary,
    cells: Vec<CellKey>,
    cell_of: HashMap<CellKey, u16>,
    cell_codes: Vec<u16>,
    visitors: Vec<Visitor>,
    visitor_of: HashTable<u16>,
    visitor_codes: Vec<u16>,
    /// What the different texts take, about.
    text_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CellKey {
    site: u32,
    class: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Visitor {
    hash: u64,
    cell: u16,
}

impl Visitor {
    /// The hash is one already; the cell must count too, as one visitor may be in many.
    fn spread(&self) -> u64 {
        self.hash ^ u64::from(self.cell).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            offsets: Vec::new(),
            times: Vec::new(),
            texts: std::array::from_fn(|_| TextColumn::default()),
            sites: Dictionary::default(),
            cells: Vec::new(),
            cell_of: HashMap::new(),
            cell_codes: Vec::new(),
            visitors: Vec::new(),
            visitor_of: HashTable::new(),
            visitor_codes: Vec::new(),
            text_bytes: 0,
        }
    }
}

impl Builder {
    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// True when no event more may be added.
    pub(crate) fn is_full(&self) -> bool {
        self.times.len() >= CHUNK_EVENTS_MAX
            || self.cells.len() >= CHUNK_CELLS_MAX
            || self.text_bytes >= CHUNK_BYTES_MAX
    }

    /// Adds an event; not to a full chunk.
    pub(crate) fn push(&mut self, offset: u64, line: &Line<'_>) {
        self.offsets.push(offset);
        self.times.push(line.ms);
        for (column, text) in self.texts.iter_mut().zip(line.texts) {
            let before = column.dictionary.len();
            column.codes.push(narrow(column.dictionary.number(text.as_bytes())));
            if column.dictionary.len() > before {
                self.text_bytes += text.len() + TEXT_BYTES;
            }
        }
        let cell = self.cell(line.site, class_code(line.class));
        let is_view = line.texts[14] == PAGE_VIEW;
        self.cell_codes.push(2 * cell + u16::from(is_view));
        let visitor = self.visitor(cell, visitor_hash(line.visitor));
        self.visitor_codes.push(visitor);
    }

    /// Adds those of `rows` that there is room for; returns how many.
    pub(crate) fn append(&mut self, from: &Columns, rows: &[u32]) -> usize {
        if !self.is_empty() && self.cells.len() + from.cells.len() > CHUNK_CELLS_MAX {
            return 0;
        }
        let room = CHUNK_EVENTS_MAX.saturating_sub(self.times.len());
        let rows = rows.get(..rows.len().min(room)).unwrap_or_default();
        self.offsets.extend(rows.iter().map(|row| from.offsets[*row as usize]));
        self.times.extend(rows.iter().map(|row| from.times[*row as usize]));
        for (column, (texts, codes)) in self.texts.iter_mut().zip(from.texts.iter().zip(&from.codes)) {
            column.append(texts, codes, rows);
        }
        self.text_bytes = self.texts.iter().map(|column| column.dictionary.size_bytes()).sum();
        let mut cell_of: Vec<Option<u16>> = vec![None; from.cells.len()];
        let mut visitor_of: Vec<Option<u16>> = vec![None; from.visitors.len()];
        for row in rows.iter().map(|row| *row as usize) {
            let code = from.cell_codes[row];
            let local = usize::from(code / 2);
            let cell = match cell_of[local] {
                Some(cell) => cell,
                None => *cell_of[local].insert(self.cell(&from.cells[local].site, from.cells[local].class)),
            };
            self.cell_codes.push(2 * cell + code % 2);
            let local = usize::from(from.visitor_codes[row]);
            let visitor = match visitor_of[local] {
                Some(visitor) => visitor,
                None => *visitor_of[local].insert(self.visitor(cell, from.visitors[local])),
            };
            self.visitor_codes.push(visitor);
        }
        rows.len()
    }

    fn cell(&mut self, site: &str, class: u8) -> u16 {
        let key = CellKey { site: self.sites.number(site.as_bytes()), class };
        *self.cell_of.entry(key).or_insert_with(|| {
            self.cells.push(key);
            narrow(to_u32(self.cells.len() - 1))
        })
    }

    fn visitor(&mut self, cell: u16, hash: u64) -> u16 {
        let visitor = Visitor { hash, cell };
        let visitors = &mut self.visitors;
        let same = |code: &u16| visitors.get(usize::from(*code)) == Some(&visitor);
        let spread = |code: &u16| visitors.get(usize::from(*code)).map_or(0, Visitor::spread);
        match self.visitor_of.entry(visitor.spread(), same, spread) {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let code = narrow(to_u32(visitors.len()));
                entry.insert(code);
                visitors.push(visitor);
                code
            }
        }
    }

    /// The chunk as it is stored; the builder is empty then.
    pub(crate) fn finish(&mut self) -> Encoded {
        let (min_ms, max_ms) = (least(&self.times), most(&self.times));
        let mut encoded = Encoded {
            events: self.times.len(),
            min_ms,
            max_ms,
            first: self.offsets.iter().copied().min().unwrap_or(0),
            last: self.offsets.iter().copied().max().unwrap_or(0),
            ..Encoded::default()
        };
        let mut piece = |number: u8, write: &dyn Fn(&mut Vec<u8>)| {
            let start = encoded.bytes.len();
            write(&mut encoded.bytes);
            encoded.pieces.push((number, start..encoded.bytes.len()));
        };
        for (index, column) in self.texts.iter().enumerate() {
            let values = column.dictionary.len();
            piece(texts_piece(index), &|out| encode::texts(out, &column.dictionary));
            piece(texts_piece(index) + 1, &|out| encode::codes(out, &column.codes, values));
        }
        let visitors = self.sort_visitors();
        piece(TIMES, &|out| encode::times(out, &self.times, min_ms, max_ms));
        piece(CELL_CODES, &|out| encode::codes(out, &self.cell_codes, 2 * self.cells.len()));
        piece(VISITORS, &|out| visitors.iter().for_each(|v| out.extend_from_slice(&v.hash.to_le_bytes())));
        let of_cells: Vec<u16> = visitors.iter().map(|visitor| visitor.cell).collect();
        piece(VISITOR_CELLS, &|out| encode::codes(out, &of_cells, self.cells.len()));
        piece(VISITOR_CODES, &|out| encode::codes(out, &self.visitor_codes, visitors.len()));
        piece(OFFSETS, &|out| encode::offsets(out, &self.offsets));
        encoded.cells = self.count_cells(&visitors);
        self.clear();
        encoded
    }

    /// Brings the visitors into the order of their hashes and cells.
    fn sort_visitors(&mut self) -> Vec<Visitor> {
        let mut order: Vec<(Visitor, u16)> = self
            .visitors
            .iter()
            .enumerate()
            .map(|(code, visitor)| (*visitor, narrow(to_u32(code))))
            .collect();
        order.sort_unstable();
        let mut sorted = vec![0; order.len()];
        for (place, (_, code)) in order.iter().enumerate() {
            sorted[usize::from(*code)] = narrow(to_u32(place));
        }
        for code in &mut self.visitor_codes {
            *code = sorted[usize::from(*code)];
        }
        order.into_iter().map(|(visitor, _)| visitor).collect()
    }

    fn count_cells(&self, visitors: &[Visitor]) -> Vec<u8> {
        let mut counts = vec![([0_u32; 3], i64::MIN); self.cells.len()];
        for (code, ms) in self.cell_codes.iter().zip(&self.times) {
            let (count, max_ms) = &mut counts[usize::from(code / 2)];
            count[0] += 1;
            count[1] += u32::from(code % 2);
            *max_ms = (*max_ms).max(*ms);
        }
        for visitor in visitors {
            counts[usize::from(visitor.cell)].0[2] += 1;
        }
        let mut out = to_u32(self.cells.len()).to_le_bytes().to_vec();
        for (cell, (counts, max_ms)) in self.cells.iter().zip(counts) {
            encode::cell(&mut out, self.sites.text(cell.site), cell.class, counts, max_ms);
        }
        out
    }

    /// Forgets all events and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.offsets.clear();
        self.times.clear();
        for column in &mut self.texts {
            column.dictionary.clear();
            column.codes.clear();
        }
        self.sites.clear();
        self.cells.clear();
        self.cell_of.clear();
        self.cell_codes.clear();
        self.visitors.clear();
        self.visitor_of.clear();
        self.visitor_codes.clear();
        self.text_bytes = 0;
    }
}

impl TextColumn {
    fn append(&mut self, texts: &Texts, codes: &[u16], rows: &[u32]) {
        let Self { dictionary, codes: out } = self;
        if texts.len() == 1 && !rows.is_empty() {
            // Most columns of most events are empty.
            let code = narrow(dictionary.number(texts.get(0)));
            out.resize(out.len() + rows.len(), code);
            return;
        }
        let mut is_used = vec![false; texts.len()];
        rows.iter().for_each(|row| is_used[usize::from(codes[*row as usize])] = true);
        let number = |(local, is_used): (usize, &bool)| {
            if *is_used { narrow(dictionary.number(texts.get(local))) } else { 0 }
        };
        let code_of: Vec<u16> = is_used.iter().enumerate().map(number).collect();
        out.extend(rows.iter().map(|row| code_of[usize::from(codes[*row as usize])]));
    }
}

fn least(times: &[i64]) -> i64 {
    times.iter().copied().min().unwrap_or(0)
}

fn most(times: &[i64]) -> i64 {
    times.iter().copied().max().unwrap_or(0)
}

/// A chunk has at most 65,536 events, so no more of anything that events have.
fn narrow(number: u32) -> u16 {
    debug_assert!(number <= u32::from(u16::MAX), "a code that does not fit");
    u16::try_from(number).unwrap_or(u16::MAX)
}
