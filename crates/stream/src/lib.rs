//! The embedded durable log: bytes in, offsets out.

mod batch;
mod record;

pub use batch::Records;
pub use record::{Clock, Key, Offset, Record};

/// Why an append was refused. (to be completed)
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// One record is over the limit.
    #[error("record of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Bytes that wait for their commit are at the limit: try again later.
    #[error("too many bytes wait for their commit")]
    Overloaded,
    /// Free disk space is below the watermark: try again when there is space.
    #[error("free disk space is below the watermark")]
    DiskFull,
    /// The log failed and takes nothing until the process is restarted.
    #[error("the log has failed: {reason}")]
    Failed {
        /// What happened.
        reason: String,
    },
    /// The log is shut down.
    #[error("the log is closed")]
    Closed,
}

/// What an append came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Every record of the append lies below this offset.
    pub end: Offset,
    /// Records that were there already, by their key.
    pub duplicates: u32,
}

/// A handle to the log; cheap to clone.
#[derive(Clone)]
pub struct Stream;

impl Stream {
    /// Appends and waits until the records are durable.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, records: Records) -> Result<Appended, AppendError> {
        let _ = records;
        unimplemented!()
    }
}
