//! The live view: the sink that counts events, and the store that answers the dashboard's questions (SQLite).
//!
//! [`LiveSink`] writes: each batch in one transaction with the position, so that an event is counted exactly once
//! across any crash and any number of retries. [`LiveStore`] reads. [`Retention`] forgets what is older than the
//! time to live. All three have connections of their own to one file in WAL mode: readers never wait for the writer.
//!
//! An event counts in the minute it was received in, per site and class, along each [`Dimension`].
//! Knows no HTTP and no stream. Events themselves are kept by the archive; this view can be deleted at any time
//! and is then built again from what the stream retains.

mod axis;
mod error;
mod file;
mod fold;
mod ingest;
pub mod limits;
mod progress;
mod query;
mod retention;
mod schema;
mod sink;
mod store;
mod tally;
mod words;

pub use axis::{ClassSet, Dimension};
pub use error::{OpenLiveError, QueryError, WriteError};
pub use query::{
    ClassCount, Gap, Overview, Page, Partition, Point, Query, Ranked, RecentEvent, Series, Size, Top,
    TopOrder, Totals,
};
pub use retention::{Forgotten, Retention};
pub use sink::LiveSink;
pub use store::LiveStore;
