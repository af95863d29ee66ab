//! The live view as a sink of the consumer.
//!
//! Promises what [`Sink`] asks for: a batch is counted once, its position is in the same transaction, and `Ok` means
//! that it survives a crash (`ingest` says what a power cut does). Opens the file anew after every failure, and when it was deleted or replaced.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onepixel_consumer::{Batch, Clock, Offset, Record, Sink, SinkError};

use crate::error::{OpenLiveError, WriteError};
use crate::ingest::{Counted, Writer};
use crate::retention::horizon_ms;

/// The partition whose position the sink tells: the embedded stream has one.
const PARTITION: u32 = 0;

/// Counts events into the file behind the dashboard.
pub struct LiveSink {
    path: PathBuf,
    ttl: Duration,
    clock: Clock,
    writer: Option<Writer>,
}

impl LiveSink {
    /// Opens the file at `path`, whose folder exists; creates it, or brings it to this program's version.
    /// Events received longer ago than `ttl` count in the totals only.
    ///
    /// # Errors
    /// [`OpenLiveError`] when somebody has to do something about it. A file that another process has locked is
    /// no such error: the sink answers [`SinkError::Unavailable`] until the lock is gone.
    pub fn open(path: &Path, ttl: Duration, clock: Clock) -> Result<Self, OpenLiveError> {
        let writer = match Writer::open(path) {
            Ok(writer) => Some(writer),
            Err(error) if error.is_transient() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.into(), ttl, clock, writer })
    }

    /// Works on the open file. A connection that failed is not used again.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Writer, i64, &Clock) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let mut writer = self.take_writer()?;
        let result = work(&mut writer, horizon_ms(&self.clock, self.ttl), &self.clock);
        if !matches!(result, Err(SinkError::Unavailable(_))) {
            self.writer = Some(writer);
        }
        result
    }

    fn take_writer(&mut self) -> Result<Writer, SinkError> {
        if let Some(writer) = self.writer.take() {
            if writer.is_in_place() {
                return Ok(writer);
            }
            tracing::error!(
                path = %self.path.display(),
                "the live view's file was deleted or replaced while in use; going on with what is there now"
            );
        }
        Ok(Writer::open(&self.path).map_err(WriteError::from)?)
    }
}

impl Sink for LiveSink {
    /// What the batch counts, or why a record of it is refused.
    type Prepared = Result<Counted, String>;

    fn name(&self) -> &'static str {
        "live"
    }

    async fn position(&mut self) -> Result<Option<Offset>, SinkError> {
        self.attempt(|writer, _, _| writer.position(PARTITION)).map(Some)
    }

    fn prepare(batch: &Batch) -> Self::Prepared {
        Counted::of_batch(batch)
    }

    async fn write_prepared(&mut self, batch: &Batch, counted: &Self::Prepared) -> Result<(), SinkError> {
        self.attempt(|writer, horizon_ms, clock| writer.write(batch, counted, horizon_ms, clock))
    }

    async fn replay(&mut self, partition: u32, record: &Record) -> Result<(), SinkError> {
        self.attempt(|writer, horizon_ms, _| writer.replay(partition, record, horizon_ms))
    }
}
