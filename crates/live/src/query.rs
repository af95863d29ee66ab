//! Which columns a question touches. Questions and answers are those of the port, exact to the millisecond.
//!
//! Read in this order: `scope` (which events), `part` (one chunk of them), and then one file for each question.

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

pub(crate) use overview::{overview, sites};
pub(crate) use properties::properties;
pub(crate) use recent::{event, recent};
pub(crate) use scope::Scope;
pub(crate) use series::series;
pub(crate) use state::{gaps, size, totals};
pub(crate) use top::top;

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
