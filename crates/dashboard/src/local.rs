//! What only the process that holds the stream can tell: the pipeline page, the inspector, the live feed.

use std::sync::Arc;

use onepixel_consumer::{Progress, Snapshot};
use onepixel_gateway::LastRequests;
use onepixel_stream::{Offset, Stream};
use serde::Serialize;
use utoipa::ToSchema;

/// A process with a stream of its own, and the consumers that follow it.
pub trait Local: Send + Sync {
    /// The stream.
    fn stream(&self) -> &Stream;

    /// The last requests at the doors.
    fn last_requests(&self) -> &LastRequests;

    /// The consumers that run here, by name.
    fn consumers(&self) -> &[(&'static str, Arc<Progress>)];

    /// Consumers that could not be started, and why.
    fn broken(&self) -> &[(&'static str, String)];

    /// Up to here consumers that do not run in this process have finished the stream.
    fn finished_elsewhere(&self) -> Option<Offset>;

    /// Records per second: of the stream for `None`, else of the consumer with this number in [`consumers`](Self::consumers).
    fn rate(&self, consumer: Option<usize>) -> f64;

    /// The account of the archive with `durable` events acknowledged. May block on the disk.
    ///
    /// # Errors
    /// In words, when the dead letters cannot be read.
    fn account(&self, durable: Offset, archive: &Snapshot) -> Result<Account, String>;

    /// The last objects of the archive, the newest first.
    fn objects(&self) -> Vec<Object>;

    /// Requests of which nothing was stored since the start, by reason.
    fn rejected(&self) -> Vec<Rejected>;

    /// With less free space than this, nothing is taken.
    fn watermark_bytes(&self) -> u64;

    /// How long the stream keeps what every consumer has finished.
    fn retention_s(&self) -> u64;

    /// Now, in milliseconds since the epoch.
    fn now_ms(&self) -> u64;
}

/// The account of the archive at one moment: acknowledged = archived + pending + dead-lettered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// Events that were acknowledged.
    pub acknowledged: u64,
    /// Events in the archive.
    pub archived: u64,
    /// Events on their way there.
    pub pending: u64,
    /// Events that the archive refused.
    pub dead_lettered: u64,
    /// Whether every event is somewhere.
    #[serde(skip)]
    pub balanced: bool,
}

/// One object of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ObjectState)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Events in it.
    pub records: u64,
    /// Compressed.
    pub bytes: u64,
    /// When it was durable.
    pub ms: u64,
}

/// How often a request was refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rejected {
    /// The reason in one word.
    pub reason: String,
    /// Requests.
    pub count: u64,
}
