//! What is asked, what is answered, and which rows that touches.
//!
//! Every answer is plain data that serializes to the JSON of the dashboard's API. Ranges are widened to whole minutes
//! and cut at the time to live.

mod counts;
mod distinct;
mod recent;
mod scope;
mod series;
mod state;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::axis::ClassSet;

pub(crate) use counts::{overview, sites, top};
pub(crate) use recent::{event, recent};
pub(crate) use scope::Scope;
pub(crate) use series::{Grid, series};
pub(crate) use state::{gaps, size, totals};

/// Which events a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Only this site; `None`: all of them.
    pub site: Option<String>,
    /// Received at or after this moment, in milliseconds since the epoch. Counts are kept by the minute: the minute
    /// this moment lies in counts whole.
    pub from_ms: i64,
    /// Received before this moment, in milliseconds since the epoch. A minute that has begun counts whole.
    pub to_ms: i64,
    /// Only these classes.
    pub classes: ClassSet,
}

impl Default for Query {
    /// All sites, all time, all classes.
    fn default() -> Self {
        Self { site: None, from_ms: i64::MIN, to_ms: i64::MAX, classes: ClassSet::ALL }
    }
}

/// The figures at the top of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Events in the range, page views among them.
    pub events: u64,
    /// Page views in the range.
    pub views: u64,
    /// Different visitors in the range. A visitor's id changes every UTC day, unless the page gave its own.
    /// Up to [`VISITORS_EXACT_MAX`](crate::limits::VISITORS_EXACT_MAX) exact, beyond that an estimate.
    pub visitors: u64,
    /// Different visitors in the current minute and the four before it, whatever the range.
    pub now: u64,
    /// The events of each class that occurs, whatever classes were asked for: what a filter would show.
    pub classes: Vec<ClassCount>,
}

/// What one class did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// `human`, `bot`, ...
    pub class: &'static str,
    /// Events of the class.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Series {
    /// Width of each point.
    pub bucket_seconds: i64,
    /// One after the other without a gap, the oldest first; those before the time to live are zero.
    pub points: Vec<Point>,
}

/// What happened in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Where the point begins, in milliseconds since the epoch. The first may begin before the range: it counts what
    /// lies in the range.
    pub start_ms: i64,
    /// Events.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
    /// Different visitors within the point.
    pub visitors: u64,
}

/// What to rank by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopOrder {
    /// Most page views first, then most events, then what was seen first.
    #[default]
    Views,
    /// Most events first, then most page views, then what was seen first.
    Events,
}

/// The most frequent values along a dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Top {
    /// The first of them.
    pub rows: Vec<Ranked>,
    /// How many different values there are.
    pub values: u64,
    /// Events with any value along the dimension.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
}

/// One value and how often it occurred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranked {
    /// The value.
    pub value: String,
    /// Events.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
}

/// Which of the newest events to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most this many, and at most [`RECENT_ROWS_MAX`](crate::limits::RECENT_ROWS_MAX).
    pub limit: usize,
    /// Only events counted before this one: the next page.
    pub before: Option<i64>,
    /// Only events counted after this one: what is new.
    pub after: Option<i64>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 50, before: None, after: None }
    }
}

/// One of the newest events, whole.
#[derive(Debug, Clone, Serialize)]
pub struct RecentEvent {
    /// Its place in the order in which events were counted.
    pub seq: i64,
    /// The event as it was received: the line of the archive.
    pub event: Box<RawValue>,
}

/// What was counted since the file was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// One entry for each partition of the stream.
    pub partitions: Vec<Partition>,
}

/// What was counted of one partition. `counted == position - first - missing + strays`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// The partition's number.
    pub partition: u32,
    /// The first offset that was taken: a view that was enabled later did not begin at 0.
    pub first: Option<u64>,
    /// The offset after the last one that was taken.
    pub position: Option<u64>,
    /// Events counted.
    pub counted: u64,
    /// Those of them that came in by the pixel.
    pub pixel: u64,
    /// Those of them that came in by the API.
    pub api: u64,
    /// Offsets between `first` and `position` that were not counted: see [`gaps`](crate::LiveStore::gaps).
    pub missing: u64,
    /// Replayed offsets outside of `first` to `position` that were counted.
    pub strays: u64,
}

/// Offsets that were not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first of them.
    pub first: u64,
    /// The offset after the last of them.
    pub end: u64,
}

/// How much the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Bytes of the database, without its write-ahead log.
    pub bytes: u64,
    /// Bytes of them that are free for new rows.
    pub free_bytes: u64,
    /// Events kept whole.
    pub recent_events: u64,
    /// Different texts.
    pub words: u64,
}
