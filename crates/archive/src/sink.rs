//! The archive as a sink.
//!
//! A batch is looked at whole, then each of its runs becomes an object. Writing it again overwrites the same names
//! with the same bytes.

use futures_util::{StreamExt, TryStreamExt, stream};
use onepixel_consumer::{Batch, Offset, Record, Sink, SinkError};

use crate::limits::PUTS_IN_FLIGHT_MAX;
use crate::run::{self, Run};
use crate::{Archive, WriteArchiveError};

/// Writes batches into an [`Archive`].
///
/// Everything that goes wrong with the store is [`SinkError::Unavailable`], even a missing bucket or a wrong key: that
/// is set-up, not content, and passes when somebody corrects it.
#[derive(Debug)]
pub struct ArchiveSink {
    archive: Archive,
}

impl ArchiveSink {
    /// A sink into `archive`.
    pub fn new(archive: Archive) -> Self {
        Self { archive }
    }

    async fn write_runs(&self, records: &[Record], runs: &[Run]) -> Result<(), SinkError> {
        let archive = &self.archive;
        stream::iter(runs.iter().cloned())
            .map(|run| async move { archive.write(&run.name, &records[run.at]).await })
            .buffer_unordered(PUTS_IN_FLIGHT_MAX)
            .try_collect()
            .await
            .map_err(unavailable)
    }
}

impl Sink for ArchiveSink {
    fn name(&self) -> &'static str {
        "archive"
    }

    async fn position(&mut self) -> Result<Option<Offset>, SinkError> {
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let runs = run::split(batch.partition, &batch.records)?;
        self.write_runs(&batch.records, &runs).await
    }

    /// Removes the objects that a write of the batch makes. A batch that is refused has made none.
    ///
    /// A remote store may still finish a request whose answer nobody waited for; so do not drop a write and retract it
    /// at once.
    async fn retract(&mut self, batch: &Batch) -> Result<(), SinkError> {
        for run in run::split(batch.partition, &batch.records).unwrap_or_default() {
            self.archive.remove(&run.name).await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// The record becomes an object of its own, unless an object of its hour holds it already: a batch that was given
    /// up half-way may have been written in part.
    async fn replay(&mut self, partition: u32, record: &Record) -> Result<(), SinkError> {
        let runs = run::split(partition, std::slice::from_ref(record))?;
        for run in &runs {
            let held = self.archive.holds(run.name.first_at, partition, record.offset).await;
            if held.map_err(|e| SinkError::Unavailable(Box::new(e)))? {
                tracing::debug!(offset = record.offset, archive = %self.archive, "the archive holds the record already");
                return Ok(());
            }
        }
        self.write_runs(std::slice::from_ref(record), &runs).await
    }
}

fn unavailable(error: WriteArchiveError) -> SinkError {
    SinkError::Unavailable(Box::new(error))
}
