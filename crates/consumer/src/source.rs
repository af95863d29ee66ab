//! The port to a stream: where records come from.

use std::error::Error;
use std::future::Future;

use onepixel_stream::{Offset, Record};

/// One partition of a stream, read in order.
///
/// # Contract
/// 1. Only durable records are handed out, each once, in offset order without gap from the offset of `seek`.
/// 2. `next` is cancel safe: a dropped future has consumed nothing.
pub trait Source: Send {
    /// The partition's number.
    fn partition(&self) -> u32;

    /// The first offset that can still be read.
    fn oldest(&self) -> Offset;

    /// The offset after the last durable record.
    fn end(&self) -> Offset;

    /// The next record that is handed out is the one at `offset`.
    fn seek(&mut self, offset: Offset);

    /// Waits until at least one record is there, then hands out up to `records_max` records of together about
    /// `bytes_max` bytes of payload (always at least one record).
    fn next(
        &mut self,
        records_max: usize,
        bytes_max: usize,
    ) -> impl Future<Output = Result<Vec<Record>, SourceError>> + Send;
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The source is shut down and everything up to its end was handed out.
    #[error("the source is closed")]
    Closed,
    /// The offset is not kept any more; reading can go on at `oldest`.
    #[error("offset {offset} is gone, the oldest is {oldest}")]
    Gone {
        /// What was asked for.
        offset: Offset,
        /// What is there.
        oldest: Offset,
    },
    /// Reading failed; it may pass later.
    #[error("{0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What is stored is damaged; somebody must look.
    #[error("{0}")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
}
