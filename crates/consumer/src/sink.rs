//! The port to a sink: one backend that keeps what the stream held.

use std::error::Error;
use std::future::Future;

use onepixel_stream::{Offset, Record};

use crate::Batch;

/// One backend. Retry, bisect and dead-lettering are the consumer's policies, never the sink's.
///
/// # Contract
/// 1. `write` is idempotent by range: writing the same batch again, whole, after any failure or crash leaves
///    the sink as if it had been written once.
/// 2. `write` returns `Ok` only when the batch survives a crash of this process.
/// 3. [`SinkError::Refused`] is returned before anything of the batch was written: what is wrong lies in the
///    records, and a smaller batch without the wrong one may pass.
/// 4. [`SinkError::Unavailable`] means that the same batch may pass later; part of it may have been written. A
///    `write` whose future is dropped has left no more than that.
/// 5. Batches come in offset order, without gap and without overlap, but for the repetition of the last one, and
///    but for its parts after [`retract`](Sink::retract).
///
/// The feature `conformance` holds the suite that checks this; every sink's tests run it.
pub trait Sink: Send {
    /// What [`prepare`](Sink::prepare) makes of a batch; `()` when there is nothing to compute.
    type Prepared: Send + Sync + 'static;

    /// The pipeline's name, as in settings, metrics and dead letters: `archive`, `live`.
    fn name(&self) -> &'static str;

    /// The offset after the last one the sink holds, when it keeps it in one transaction with the data.
    /// Such a sink says `Some(0)` while it is empty. `None`: the sink cannot; the consumer's checkpoint of intents
    /// decides.
    fn position(&mut self) -> impl Future<Output = Result<Option<Offset>, SinkError>> + Send;

    /// Computes what a write of the batch needs and only the batch decides, such as its compressed form. Has no
    /// effect: it runs on another thread while the batch before is written, and what it makes may never be written.
    fn prepare(batch: &Batch) -> Self::Prepared;

    /// Writes a batch and, if the sink keeps its position, moves it to the end of the batch's range. `prepared` is
    /// what was made of this batch.
    fn write_prepared(
        &mut self,
        batch: &Batch,
        prepared: &Self::Prepared,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Prepares a batch and writes it.
    fn write(&mut self, batch: &Batch) -> impl Future<Output = Result<(), SinkError>> + Send {
        async { self.write_prepared(batch, &Self::prepare(batch)).await }
    }

    /// Takes back what unfinished writes of `batch` have left, so that its range may be written in smaller batches
    /// or given up. Idempotent. Only asked of sinks without a position; the others write a batch whole or not at
    /// all, and their position tells which.
    fn retract(&mut self, batch: &Batch) -> impl Future<Output = Result<(), SinkError>> + Send {
        let _ = batch;
        async { Ok(()) }
    }

    /// Writes one record out of order, without moving the position: a dead letter that is replayed.
    /// Idempotent by the record's offset.
    fn replay(
        &mut self,
        partition: u32,
        record: &Record,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// Why a sink did not write.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The backend cannot be reached, is busy, full, or not set up: the same batch may pass later.
    #[error("{0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The content is refused, and will be however often it is tried.
    #[error("{reason}")]
    Refused {
        /// What is wrong, for the dead letter.
        reason: String,
    },
}
