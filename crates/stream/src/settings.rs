//! What can be set, and the limits that cannot.

use std::path::PathBuf;
use std::time::Duration;

/// One record's payload. Far above any event, and small enough that a few of them never fill a frame.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// One append and one frame, encoded. A frame is checked as a whole, so readers hold one in memory; at this size
/// a sync is spent on transferring bytes and larger ones gain nothing.
pub const APPEND_BYTES_MAX: usize = 4 << 20;

/// Keys that are remembered to recognise a repeated append: minutes of retries at full load, for 26 MB of memory.
pub const KEYS_MAX: usize = 1 << 20;

/// When an append is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After its records were synced.
    Always,
    /// After its records were written; they are synced within this time. A crash of the machine (not of the
    /// process) loses what was answered in it.
    Interval(Duration),
}

/// What the log is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder; it is made when missing.
    pub dir: PathBuf,
    /// Size at which a segment is sealed and the next one begins.
    pub segment_bytes: u64,
    /// When an append is answered.
    pub durability: Durability,
    /// Age from which a segment that every consumer has finished is removed.
    pub retention: Duration,
    /// With less free space than this nothing is appended. 0: until the disk is full.
    pub disk_watermark_bytes: u64,
    /// Bytes that may wait for their commit; above it appends are refused at once.
    pub admission_bytes_max: usize,
}

impl Settings {
    /// Segments of 64 MiB, every append synced, a day of retention, 1 GiB kept free, 32 MiB waiting at most.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            durability: Durability::Always,
            retention: Duration::from_secs(24 * 60 * 60),
            disk_watermark_bytes: 1 << 30,
            admission_bytes_max: 32 << 20,
        }
    }
}
