//! Chunks in the file: written whole, read piece by piece.
//!
//! A question reads only the pieces it needs. A fresh chunk, small and short-lived, is one piece that holds all.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::axis::TEXTS;
use crate::chunk::{
    CELL_CODES, Columns, Encoded, OFFSETS, TIMES, VISITOR_CELLS, VISITOR_CODES, VISITORS, texts_piece,
};
use crate::dictionary::{Texts, to_u32};
use crate::encode::{self, Cell};
use crate::error::Fault;
use crate::progress::stored;

/// The number of the piece that holds all pieces of a fresh chunk.
const PACK: u8 = 63;
/// A piece's id is its chunk's, times this, and its number.
const PIECES: i64 = 64;

/// What the table of chunks says about one.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    pub(crate) id: i64,
    pub(crate) partition: u32,
    /// Hours since the epoch; `None`: fresh, of any hours.
    pub(crate) hour: Option<i64>,
    pub(crate) events: usize,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    /// The lowest and the highest offset.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// The columns that [`Meta::of`] reads.
pub(crate) const META: &str = "id, partition, hour, events, min_ms, max_ms, first, last";

impl Meta {
    pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            partition: row.get(1)?,
            hour: row.get(2)?,
            events: row.get::<_, u32>(3)? as usize,
            min_ms: row.get(4)?,
            max_ms: row.get(5)?,
            first: stored(row.get(6)?),
            last: stored(row.get(7)?),
        })
    }
}

/// The chunks that `condition`, a part of a statement after WHERE, is true of.
pub(crate) fn chunks(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Meta>> {
    connection
        .prepare_cached(&format!("SELECT {META} FROM chunk WHERE {condition}"))?
        .query_map(values, Meta::of)?
        .collect()
}

/// Adds a chunk: fresh, or of an hour.
pub(crate) fn insert(
    connection: &Connection,
    partition: u32,
    hour: Option<i64>,
    is_full: bool,
    chunk: &Encoded,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO chunk (partition, hour, is_full, events, bytes, min_ms, max_ms, first, last, cells)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    statement.execute(params![
        partition,
        hour,
        is_full,
        to_u32(chunk.events),
        to_u32(chunk.bytes.len()),
        chunk.min_ms,
        chunk.max_ms,
        chunk.first.cast_signed(),
        chunk.last.cast_signed(),
        chunk.cells
    ])?;
    let id = connection.last_insert_rowid();
    let mut statement = connection.prepare_cached("INSERT INTO piece (id, data) VALUES (?1, ?2)")?;
    if hour.is_none() {
        statement.execute(params![id * PIECES + i64::from(PACK), pack(chunk)])?;
        return Ok(());
    }
    for (number, range) in &chunk.pieces {
        let bytes = chunk.bytes.get(range.clone()).unwrap_or_default();
        statement.execute(params![id * PIECES + i64::from(*number), bytes])?;
    }
    Ok(())
}

/// Deletes a chunk and its pieces.
pub(crate) fn delete(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([id])?;
    connection
        .prepare_cached("DELETE FROM piece WHERE id >= ?1 AND id < ?2")?
        .execute([id * PIECES, (id + 1) * PIECES])?;
    Ok(())
}

/// The number of pieces, the number and length of each, and then all of them.
fn pack(chunk: &Encoded) -> Vec<u8> {
    let mut out = Vec::with_capacity(chunk.bytes.len() + 5 * chunk.pieces.len() + 1);
    out.push(u8::try_from(chunk.pieces.len()).unwrap_or(u8::MAX));
    for (number, range) in &chunk.pieces {
        out.push(*number);
        out.extend_from_slice(&to_u32(range.len()).to_le_bytes());
    }
    out.extend_from_slice(&chunk.bytes);
    out
}

/// The pieces in a pack; `None` when it is damaged.
fn unpack(pack: &[u8]) -> Option<Vec<(u8, Range<usize>)>> {
    let (number, rest) = pack.split_first()?;
    let (heads, _) = rest.split_at_checked(5 * usize::from(*number))?;
    let mut start = 1 + heads.len();
    let mut pieces = Vec::with_capacity(usize::from(*number));
    for [number, length @ ..] in heads.as_chunks::<5>().0 {
        let end = start + u32::from_le_bytes(*length) as usize;
        pieces.push((*number, start..end));
        start = end;
    }
    (start == pack.len()).then_some(pieces)
}

/// All pieces of a fresh chunk.
struct Pack {
    bytes: Vec<u8>,
    pieces: Vec<(u8, Range<usize>)>,
}

impl Pack {
    fn piece(&self, number: u8) -> Option<&[u8]> {
        let (_, range) = self.pieces.iter().find(|(of, _)| *of == number)?;
        self.bytes.get(range.clone())
    }
}

/// A chunk whose pieces are read when they are needed.
pub(crate) struct Chunk<'c> {
    connection: &'c Connection,
    pub(crate) meta: &'c Meta,
    pack: Option<Pack>,
}

impl<'c> Chunk<'c> {
    pub(crate) fn new(connection: &'c Connection, meta: &'c Meta) -> Self {
        Self { connection, meta, pack: None }
    }

    /// The sites and classes, with what they count.
    pub(crate) fn cells(&self) -> Result<Vec<Cell>, Fault> {
        let mut statement = self.connection.prepare_cached("SELECT cells FROM chunk WHERE id = ?1")?;
        let mut rows = statement.query([self.meta.id])?;
        let cells = match rows.next()? {
            Some(row) => encode::read_cells(row.get_ref(0)?.as_blob().unwrap_or_default()),
            None => None,
        };
        cells.ok_or_else(|| self.damaged("cells"))
    }

    /// Milliseconds since the epoch, of each event.
    pub(crate) fn times(&mut self) -> Result<Vec<i64>, Fault> {
        let (events, min_ms) = (self.meta.events, self.meta.min_ms);
        self.piece(TIMES, "times", |bytes| encode::read_times(bytes, events, min_ms))
    }

    /// Twice the cell's number, one more for a page view, of each event.
    pub(crate) fn cell_codes(&mut self, cells: &[Cell]) -> Result<Vec<u16>, Fault> {
        let events = self.meta.events;
        self.piece(CELL_CODES, "cells", |bytes| encode::read_codes(bytes, events, 2 * cells.len()))
    }

    /// The visitors' hashes, in order; 0 is none. One who is in several cells is there several times.
    pub(crate) fn visitors(&mut self) -> Result<Vec<u64>, Fault> {
        self.piece(VISITORS, "visitors", encode::read_visitors)
    }

    /// The number of its cell, of each visitor in the list.
    pub(crate) fn visitor_cells(&mut self, visitors: &[u64], cells: &[Cell]) -> Result<Vec<u16>, Fault> {
        self.piece(VISITOR_CELLS, "visitors", |bytes| encode::read_codes(bytes, visitors.len(), cells.len()))
    }

    /// The number of its visitor in the list, of each event.
    pub(crate) fn visitor_codes(&mut self, visitors: &[u64]) -> Result<Vec<u16>, Fault> {
        let events = self.meta.events;
        self.piece(VISITOR_CODES, "visitors", |bytes| encode::read_codes(bytes, events, visitors.len()))
    }

    /// The offset of each event.
    pub(crate) fn offsets(&mut self) -> Result<Vec<u64>, Fault> {
        let events = self.meta.events;
        self.piece(OFFSETS, "offsets", |bytes| encode::read_offsets(bytes, events))
    }

    /// The texts of a column.
    pub(crate) fn texts(&mut self, column: usize) -> Result<Texts, Fault> {
        self.piece(texts_piece(column), "texts", encode::read_texts)
    }

    /// The number of its text, of each event.
    pub(crate) fn codes(&mut self, column: usize, texts: &Texts) -> Result<Vec<u16>, Fault> {
        let events = self.meta.events;
        self.piece(texts_piece(column) + 1, "codes", |bytes| encode::read_codes(bytes, events, texts.len()))
    }

    /// Everything, to be merged.
    pub(crate) fn columns(&mut self) -> Result<Columns, Fault> {
        let cells = self.cells()?;
        let visitors = self.visitors()?;
        let mut columns = Columns {
            offsets: self.offsets()?,
            times: self.times()?,
            cell_codes: self.cell_codes(&cells)?,
            visitor_codes: self.visitor_codes(&visitors)?,
            cells,
            visitors,
            ..Columns::default()
        };
        for column in 0..TEXTS {
            let texts = self.texts(column)?;
            columns.codes.push(self.codes(column, &texts)?);
            columns.texts.push(texts);
        }
        Ok(columns)
    }

    fn piece<T>(
        &mut self,
        number: u8,
        what: &str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, Fault> {
        let found = if self.meta.hour.is_none() {
            self.unpacked()?.piece(number).and_then(read)
        } else {
            self.stored(number, read)?.flatten()
        };
        found.ok_or_else(|| self.damaged(what))
    }

    fn unpacked(&mut self) -> Result<&Pack, Fault> {
        let pack = match self.pack.take() {
            Some(pack) => pack,
            None => {
                let bytes = self.stored(PACK, <[u8]>::to_vec)?;
                let pack = bytes.and_then(|bytes| unpack(&bytes).map(|pieces| Pack { bytes, pieces }));
                pack.ok_or_else(|| self.damaged("pack"))?
            }
        };
        Ok(self.pack.insert(pack))
    }

    fn stored<T>(&self, number: u8, read: impl FnOnce(&[u8]) -> T) -> rusqlite::Result<Option<T>> {
        self.connection
            .prepare_cached("SELECT data FROM piece WHERE id = ?1")?
            .query_row([self.meta.id * PIECES + i64::from(number)], |row| {
                Ok(row.get_ref(0)?.as_blob().ok().map(read))
            })
            .optional()
            .map(Option::flatten)
    }

    fn damaged(&self, what: &str) -> Fault {
        Fault::Damaged(format!("the {what} of chunk {} cannot be read", self.meta.id))
    }
}
