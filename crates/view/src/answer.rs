//! What is told: plain data that serializes to the JSON of the dashboard's API.
//!
//! Visitors are `None` where the store does not know visitors.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::dimension::Dimension;
use crate::grid::Unit;

/// The figures at the top of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Overview {
    /// Events, page views among them, visitors and events of machines in the range.
    #[serde(flatten)]
    pub sums: Sums,
    /// Different visitors of class human in the last five minutes, whatever the range.
    pub now: Option<u64>,
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
    pub visitors: Option<u64>,
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
    pub visitors: Option<u64>,
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
    pub visitors: Option<u64>,
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

/// One of the newest events.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct RecentEvent {
    /// Its place in the stream, where the store knows one stream.
    pub offset: Option<u64>,
    /// What the live view keeps of it: the fields that can be asked for, in the form of the event. Its whole line is
    /// in the stream, as long as that is retained, and in the archive.
    #[cfg_attr(feature = "describe", schema(value_type = Object))]
    pub event: Box<RawValue>,
}
