//! Which events a question is about, in terms of chunks and cells.

use onepixel_view::{ClassSet, Dimension, Query};
use rusqlite::Connection;

use crate::axis::{class_name, column};
use crate::encode::Cell;
use crate::pieces::{self, Meta};

/// A query, cut at the time to live.
#[derive(Clone)]
pub(crate) struct Scope {
    /// Received at or after this moment, which is not before the horizon.
    pub(crate) from_ms: i64,
    /// Received before this moment.
    pub(crate) to_ms: i64,
    /// Before this moment everything is forgotten.
    pub(crate) horizon_ms: i64,
    pub(crate) now_ms: i64,
    pub(crate) site: Option<String>,
    pub(crate) classes: ClassSet,
    /// Each must hold: the event has one of the values.
    pub(crate) filters: Vec<(Dimension, Vec<String>)>,
}

impl Scope {
    pub(crate) fn new(query: &Query, horizon_ms: i64, now_ms: i64) -> Self {
        let mut filters: Vec<(Dimension, Vec<String>)> = Vec::new();
        for filter in &query.filters {
            match filters.iter_mut().find(|(dimension, _)| *dimension == filter.dimension) {
                Some((_, values)) => values.push(filter.value.clone()),
                None => filters.push((filter.dimension, vec![filter.value.clone()])),
            }
        }
        Self {
            from_ms: query.from_ms.max(horizon_ms),
            to_ms: query.to_ms,
            horizon_ms,
            now_ms,
            site: query.site.clone(),
            classes: query.classes,
            filters,
        }
    }

    /// The same question about another range.
    pub(crate) fn over(&self, from_ms: i64, to_ms: i64) -> Self {
        Self { from_ms: from_ms.max(self.horizon_ms), to_ms, ..self.clone() }
    }

    /// The chunks that may hold any of it, in the order of time.
    pub(crate) fn chunks(&self, connection: &Connection) -> rusqlite::Result<Vec<Meta>> {
        pieces::chunks(
            connection,
            "max_ms >= ?1 AND min_ms < ?2 ORDER BY min_ms, id",
            [self.from_ms, self.to_ms],
        )
    }

    /// True when all of the chunk's events lie in the range.
    pub(crate) fn covers(&self, meta: &Meta) -> bool {
        self.from_ms <= meta.min_ms && meta.max_ms < self.to_ms
    }

    /// True when the cell is asked for, but for its class as `classes` says it.
    pub(crate) fn takes(&self, cell: &Cell) -> bool {
        self.site.as_ref().is_none_or(|site| *site == cell.site)
            && self.filters.iter().all(|(dimension, values)| match dimension {
                Dimension::Site => values.contains(&cell.site),
                Dimension::Class => values.iter().any(|value| value == class_name(cell.class)),
                Dimension::Entry | Dimension::Exit => false,
                _ => true,
            })
    }

    /// The filters that are about a text column: the column, and the values it may have.
    pub(crate) fn text_filters(&self) -> impl Iterator<Item = (usize, &[String])> {
        self.filters.iter().filter_map(|(dimension, values)| Some((column(*dimension)?, values.as_slice())))
    }
}
