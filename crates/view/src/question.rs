//! What is asked.

use crate::dimension::{ClassSet, Dimension};

/// Which events a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Only this site; `None`: all of them.
    pub site: Option<String>,
    /// Received at or after this moment, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Received before this moment, in milliseconds since the epoch.
    pub to_ms: i64,
    /// Only these classes.
    pub classes: ClassSet,
    /// Only events with one of these values, for each dimension that is named.
    pub filters: Vec<Filter>,
}

/// One value along one dimension. The empty value means events without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// One that [`Dimension::is_filter`] is true of; others match nothing.
    pub dimension: Dimension,
    /// The whole value.
    pub value: String,
}

impl Default for Query {
    /// All sites, all time, all classes.
    fn default() -> Self {
        Self { site: None, from_ms: i64::MIN, to_ms: i64::MAX, classes: ClassSet::ALL, filters: Vec::new() }
    }
}

/// What to rank by; what is equal then is in the order of the other counts, and of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopOrder {
    /// Most page views first.
    #[default]
    Views,
    /// Most visitors first.
    Visitors,
    /// Most events first.
    Events,
}

/// Which rows of a ranking to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// What to rank by.
    pub order: TopOrder,
    /// At most this many rows, and at most [`TOP_ROWS_MAX`](crate::limits::TOP_ROWS_MAX).
    pub limit: usize,
    /// Rows before the first one shown.
    pub offset: usize,
    /// Only values that hold this text, in any case.
    pub search: Option<String>,
}

impl Default for Ranking {
    fn default() -> Self {
        Self { order: TopOrder::default(), limit: 10, offset: 0, search: None }
    }
}

/// Which of the newest events to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most this many, and at most [`RECENT_ROWS_MAX`](crate::limits::RECENT_ROWS_MAX).
    pub limit: usize,
    /// Only events with an offset below this one: the next page.
    pub before: Option<u64>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 50, before: None }
    }
}
