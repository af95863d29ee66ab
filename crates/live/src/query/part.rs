//! The part of a chunk that a question is about.
//!
//! Most chunks lie in the range whole, and without filters their cells and lists of visitors say everything: no
//! other column is read. Else the rows are found: by time at the range's edges, and by the codes that filters let
//! through, which are looked up once for each chunk's texts and not for each event.

use rusqlite::Connection;

use super::scope::Scope;
use crate::axis::contains_code;
use crate::distinct::Distinct;
use crate::encode::Cell;
use crate::error::Fault;
use crate::pieces::{Chunk, Meta};

/// Rows of a chunk.
pub(crate) enum Rows {
    All(usize),
    Some(Vec<u32>),
}

impl Rows {
    /// Calls `visit` with each row in order.
    pub(crate) fn each(&self, mut visit: impl FnMut(usize)) {
        match self {
            Self::All(events) => (0..*events).for_each(visit),
            Self::Some(rows) => rows.iter().for_each(|row| visit(*row as usize)),
        }
    }

    /// Leaves the rows that `keep` is true of.
    fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        match self {
            Self::All(events) => {
                let mut rows = vec![0; *events];
                let mut kept = 0;
                for row in 0..crate::dictionary::to_u32(*events) {
                    // Written in any case: a branch that nobody can foresee would cost more.
                    rows[kept] = row;
                    kept += usize::from(keep(row as usize));
                }
                rows.truncate(kept);
                *self = Self::Some(rows);
            }
            Self::Some(rows) => rows.retain(|row| keep(*row as usize)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::All(events) => *events == 0,
            Self::Some(rows) => rows.is_empty(),
        }
    }
}

/// A chunk with rows that a question is about.
pub(crate) struct Part<'c> {
    pub(crate) chunk: Chunk<'c>,
    pub(crate) cells: Vec<Cell>,
    /// For each cell: asked for, but for its class as `classes` says it.
    pub(crate) taken: Vec<bool>,
    /// For each cell: asked for.
    pub(crate) asked: Vec<bool>,
    /// Rows within the range and all filters on columns, of any cell.
    pub(crate) rows: Rows,
    /// Nothing was filtered: what the cells say is what is asked for.
    pub(crate) is_whole: bool,
    /// Of each event, twice its cell's number, and one more for a page view; see `read_cells`.
    pub(crate) cell_codes: Vec<u16>,
    /// The hashes of visitors; see `read_visitors`.
    pub(crate) visitors: Vec<u64>,
    /// Of each event, the number of its visitor; see `read_visitors`.
    pub(crate) visitor_codes: Vec<u16>,
}

impl<'c> Part<'c> {
    /// `None`: nothing of the chunk is asked for.
    pub(crate) fn of(
        connection: &'c Connection,
        meta: &'c Meta,
        scope: &Scope,
    ) -> Result<Option<Self>, Fault> {
        let mut chunk = Chunk::new(connection, meta);
        let cells = chunk.cells()?;
        let taken: Vec<bool> = cells.iter().map(|cell| scope.takes(cell)).collect();
        if !taken.contains(&true) {
            return Ok(None);
        }
        let is_asked = |(cell, taken): (&Cell, &bool)| *taken && contains_code(scope.classes, cell.class);
        let asked = cells.iter().zip(&taken).map(is_asked).collect();
        let mut rows = Rows::All(meta.events);
        let mut is_whole = true;
        if !scope.covers(meta) {
            let times = chunk.times()?;
            rows.retain(|row| (scope.from_ms..scope.to_ms).contains(&times[row]));
            is_whole = false;
        }
        for (column, values) in scope.text_filters() {
            let texts = chunk.texts(column)?;
            let wanted: Vec<bool> =
                texts.iter().map(|text| values.iter().any(|value| value.as_bytes() == text)).collect();
            if !wanted.contains(&false) {
                continue;
            }
            is_whole = false;
            if !wanted.contains(&true) {
                return Ok(None);
            }
            let codes = chunk.codes(column, &texts)?;
            rows.retain(|row| wanted[usize::from(codes[row])]);
        }
        let (cell_codes, visitors, visitor_codes) = (Vec::new(), Vec::new(), Vec::new());
        let part = Self { chunk, cells, taken, asked, rows, is_whole, cell_codes, visitors, visitor_codes };
        Ok((!part.rows.is_empty()).then_some(part))
    }

    /// Reads the cell of each event.
    pub(crate) fn read_cells(&mut self) -> Result<(), Fault> {
        if self.cell_codes.is_empty() {
            self.cell_codes = self.chunk.cell_codes(&self.cells)?;
        }
        Ok(())
    }

    /// Reads the visitors and the visitor of each event.
    pub(crate) fn read_visitors(&mut self) -> Result<(), Fault> {
        if self.visitor_codes.is_empty() {
            self.visitors = self.chunk.visitors()?;
            self.visitor_codes = self.chunk.visitor_codes(&self.visitors)?;
        }
        Ok(())
    }

    /// True when the event in this row is of a cell that is asked for.
    pub(crate) fn is_asked(&self, row: usize) -> bool {
        self.asked[usize::from(self.cell_codes[row] / 2)]
    }

    /// Events and page views of each cell, among the rows.
    pub(crate) fn counts(&mut self) -> Result<Vec<[u64; 2]>, Fault> {
        if self.is_whole {
            let counts = self.cells.iter().map(|cell| [u64::from(cell.events), u64::from(cell.views)]);
            return Ok(counts.collect());
        }
        self.read_cells()?;
        let mut counts = vec![[0; 2]; self.cells.len()];
        self.rows.each(|row| {
            let code = self.cell_codes[row];
            let count = &mut counts[usize::from(code / 2)];
            count[0] += 1;
            count[1] += u64::from(code % 2);
        });
        Ok(counts)
    }

    /// Adds the visitors of the rows that are asked for.
    pub(crate) fn add_visitors(&mut self, distinct: &mut Distinct) -> Result<(), Fault> {
        if self.is_whole {
            let mut visitors =
                if self.visitors.is_empty() { self.chunk.visitors()? } else { self.visitors.clone() };
            if self.asked.contains(&false) {
                let cells = self.chunk.visitor_cells(&visitors, &self.cells)?;
                let mut cells = cells.into_iter();
                visitors.retain(|_| cells.next().is_some_and(|cell| self.asked[usize::from(cell)]));
            }
            distinct.add_run(visitors);
            return Ok(());
        }
        self.read_cells()?;
        self.read_visitors()?;
        let mut seen = vec![false; self.visitors.len()];
        self.rows.each(|row| seen[usize::from(self.visitor_codes[row])] |= self.is_asked(row));
        add_seen(&self.visitors, &seen, distinct);
        Ok(())
    }
}

/// Adds those visitors that were seen.
pub(crate) fn add_seen(visitors: &[u64], seen: &[bool], distinct: &mut Distinct) {
    let seen = visitors.iter().zip(seen).filter(|(_, seen)| **seen);
    distinct.add_run(seen.map(|(hash, _)| *hash).collect());
}
