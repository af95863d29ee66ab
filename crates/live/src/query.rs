//! What is asked, what is answered, and which columns that touches.
//!
//! Every answer is plain data that serializes to the JSON of the dashboard's API, and exact to the millisecond.
//! Read in this order: `scope` (which events), `part` (one chunk of them), and then one file for each question.

mod grid;
mod overview;
mod part;
mod paths;
mod properties;
mod recent;
mod scope;
mod series;
mod state;
mod top;
mod values;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::axis::{ClassSet, Dimension};

pub(crate) use grid::Grid;
pub use grid::Unit;
pub(crate) use overview::{overview, sites};
pub(crate) use properties::properties;
pub(crate) use recent::{event, recent};
pub(crate) use scope::Scope;
pub(crate) use series::series;
pub(crate) use state::{gaps, size, totals};
pub(crate) use top::top;

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

/// The figures at the top of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Overview {
    /// Events, page views among them, visitors and events of machines in the range.
    #[serde(flatten)]
    pub sums: Sums,
    /// Different visitors of class human in the last five minutes, whatever the range.
    pub now: u64,
    /// The events of each class that occurs, whatever classes were asked for: what a filter would show.
    pub classes: Vec<ClassCount>,
    /// The range of the same length just before; `None` if it was not asked for, or begins before what is kept.
    pub previous: Option<Sums>,
}

/// What a range holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Sums {
    /// Events.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
    /// Different visitors. A visitor's id changes every UTC day, unless the page gave its own.
    pub visitors: u64,
    /// Events of every class but human.
    pub machine_events: u64,
}

/// What one class did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct ClassCount {
    /// `human`, `bot`, ...
    pub class: &'static str,
    /// Events of the class.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
}

/// A site that had events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct SiteCount {
    /// The site.
    pub site: String,
    /// Its events.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
    /// When the newest was received, in milliseconds since the epoch.
    pub last_ms: i64,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Series {
    /// What each point stands for.
    pub unit: Unit,
    /// The zone whose hours and days they are.
    pub zone: String,
    /// One after the other without a gap, the oldest first.
    pub points: Vec<Point>,
}

/// What happened in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Point {
    /// Where the minute, hour or day begins, in milliseconds since the epoch.
    pub start_ms: i64,
    /// Where it ends.
    pub end_ms: i64,
    /// What lies in it, in the range and in what is kept.
    #[serde(flatten)]
    pub sums: Sums,
    /// Not all of it is counted: it is not over yet, or cut by the range or by what is kept.
    pub partial: bool,
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

/// The most frequent values along a dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Top {
    /// The dimension.
    #[cfg_attr(feature = "describe", schema(value_type = String))]
    pub dimension: Dimension,
    /// The rows asked for.
    pub rows: Vec<Ranked>,
    /// How many different values match, the empty one included.
    pub values: u64,
    /// Events with any of them.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
    /// Different visitors of them.
    pub visitors: u64,
}

/// One value and how often it occurred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Ranked {
    /// The value; empty: events without one.
    pub value: String,
    /// Events.
    pub events: u64,
    /// Page views among them.
    pub views: u64,
    /// Different visitors.
    pub visitors: u64,
}

/// One of the events' own properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Property {
    /// Its name.
    pub key: String,
    /// Events that have it.
    pub events: u64,
    /// Its most frequent values: texts as they are, everything else as JSON.
    pub values: Vec<PropertyValue>,
}

/// One value of a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct PropertyValue {
    /// The value.
    pub value: String,
    /// Events that have it.
    pub events: u64,
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

/// One of the newest events.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct RecentEvent {
    /// Its place in the stream.
    pub offset: u64,
    /// What the live view keeps of it: the fields that can be asked for, in the form of the event. Its whole line is
    /// in the stream, as long as that is retained, and in the archive.
    #[cfg_attr(feature = "describe", schema(value_type = Object))]
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
    /// Bytes of them that are free for new chunks.
    pub free_bytes: u64,
    /// Events that can be asked about, and those that wait to be deleted.
    pub events: u64,
    /// Chunks they are in.
    pub chunks: u64,
}
