//! Records: what callers append and what readers get back.

use std::sync::Arc;

use bytes::Bytes;

/// A record's position in the stream, counted from 0 without gaps.
pub type Offset = u64;

/// What makes two appends the same: the second is acknowledged and not stored again.
pub type Key = [u8; 16];

/// Tells the time in milliseconds since the Unix epoch. Passed in, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// One durable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position.
    pub offset: Offset,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub committed_at_ms: u64,
    /// The deduplication key it was appended with.
    pub key: Option<Key>,
    /// The bytes that were appended.
    pub payload: Bytes,
}
