//! The policies of one pipeline, as data.

use std::time::Duration;

/// How one pipeline batches and what it does about failures. Only data: whoever reads files and flags fills it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A batch is full at this many records; 0 means 1.
    pub batch_size: usize,
    /// A batch is full at this many records instead while the stream holds as many more: for a sink whose batches
    /// nobody sees, and which takes large ones for less.
    pub behind_size: usize,
    /// A batch is written this long after its first record came, full or not.
    pub batch_window: Duration,
    /// A batch is full at this many bytes of payload; the last record may exceed it.
    pub batch_bytes: usize,
    /// A write that finds the sink unavailable is tried again this often, then given up; negative: for ever.
    ///
    /// What is given up is treated like what the sink refuses. Parts of a batch that was given up are tried once
    /// each. A batch that may have been written in part is not given up before the sink could take that back.
    pub max_retries: i64,
    /// A record that cannot be written is given up when it is older than this; zero: never. A record that the
    /// sink takes is never too old.
    pub max_record_age: Duration,
    /// Halve what was refused until only the poison records are left, and dead-letter those. Otherwise the whole
    /// batch is dead-lettered.
    pub bisect_on_error: bool,
}
