//! The live view in SQLite: the sink that counts events, and the store that answers the dashboard's questions.
//!
//! [`LiveSink`] writes: each batch in one transaction with the position, so that an event is counted exactly once
//! across any crash and any number of retries. [`LiveStore`] reads. [`Retention`] forgets what is older than the
//! time to live. All three have connections of their own to one file in WAL mode: readers never wait for the writer.
//!
//! Events lie in chunks, column by column: one chunk for each batch at first, merged later into large ones of one
//! hour. Most questions are answered from what a chunk counts as a whole; filters read the columns they need.
//! Read in this order: `line` (an event becomes fields), `chunk` and `encode` (fields become columns), `pieces`
//! (columns in the file), `ingest`, `merge` and `retention` (what writes), `query` (what asks), `view` (the port).
//!
//! Knows no HTTP and no stream. Events themselves are kept by the archive; this view can be deleted at any time
//! and is then built again from what the stream retains.

mod axis;
mod chunk;
mod dictionary;
mod distinct;
mod encode;
mod error;
mod file;
mod ingest;
pub mod limits;
mod line;
mod merge;
mod pieces;
mod progress;
mod query;
mod retention;
mod schema;
mod sink;
mod store;
mod view;

pub use error::{OpenLiveError, ReadError, WriteError};
pub use ingest::Counted;
pub use query::{Gap, Partition, Size, Totals};
pub use retention::{Forgotten, Retention};
pub use sink::LiveSink;
pub use store::LiveStore;
