//! The writing connection: one batch, one transaction.
//!
//! A batch becomes a fresh chunk, written together with the totals and the position or not at all; nothing is
//! remembered between two batches. Everything is decoded before anything is written. Never retries: that is the
//! consumer's policy.
//!
//! A commit does not wait for the disk (`synchronous = NORMAL`): a crash of this process loses nothing, and a power
//! cut takes the newest transactions whole, position included, so that the pipeline reads those events again.
//! That is safe as long as the stream still has them, and it keeps every record for a day. So a batch with a record
//! that is older than an hour is synced, with all before it, and so is every replayed dead letter. Retention makes
//! what is left durable once a minute.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use onepixel_consumer::{Batch, Clock, Offset, Record, SinkError, on_all_cores};
use onepixel_event::Source;
use rusqlite::{Transaction, TransactionBehavior};

use crate::chunk::{Builder, Encoded};
use crate::error::{Fault, OpenLiveError, WriteError};
use crate::file::OpenFile;
use crate::limits::{PART_EVENTS, UNSYNCED_AGE_MAX};
use crate::progress::{self, ProgressError};
use crate::retention::now_ms;
use crate::{line, merge, pieces};

/// The connection that writes batches.
pub(crate) struct Writer {
    file: OpenFile,
    path: PathBuf,
    builder: Builder,
    /// Commits wait for the disk.
    is_synced: bool,
}

impl Writer {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenLiveError> {
        let file = OpenFile::to_write(path)?;
        Ok(Self { file, path: path.into(), builder: Builder::default(), is_synced: false })
    }

    /// True while the path leads to the file this writer writes.
    pub(crate) fn is_in_place(&self) -> bool {
        self.file.is_in_place()
    }

    /// The offset after the last one taken; 0 before the first.
    pub(crate) fn position(&self, partition: u32) -> Result<Offset, SinkError> {
        let taken = progress::taken(&self.file.connection, partition);
        Ok(taken.map_err(|error| Failure::from(error).sink(&self.path))?.map_or(0, |taken| taken.end))
    }

    /// Counts what the batch holds above the position, and moves the position to the batch's end. `counted` is all that
    /// it holds.
    pub(crate) fn write(
        &mut self,
        batch: &Batch,
        counted: &Result<Counted, String>,
        horizon_ms: i64,
        clock: &Clock,
    ) -> Result<(), SinkError> {
        let newest_unsynced = now_ms(clock) - i64::try_from(UNSYNCED_AGE_MAX.as_millis()).unwrap_or(i64::MAX);
        let is_old = |record: &Record| {
            i64::try_from(record.committed_at_ms).is_ok_and(|committed_ms| committed_ms < newest_unsynced)
        };
        let is_synced = batch.records.first().is_some_and(is_old);
        self.transact(is_synced, |transaction, builder| {
            let Some(fresh) = progress::advance(transaction, batch)? else { return Ok(()) };
            let is_fresh = |record: &&Record| fresh.contains(record.offset);
            match counted {
                Ok(counted)
                    if counted.is_within(horizon_ms)
                        && batch.records.iter().all(|record| is_fresh(&record)) =>
                {
                    counted.insert(transaction, batch.partition, horizon_ms)
                }
                // Some of it was counted before, or is not kept.
                _ => Counted::of(builder, batch.records.iter().filter(is_fresh), horizon_ms)?.insert(
                    transaction,
                    batch.partition,
                    horizon_ms,
                ),
            }
        })
    }

    /// Counts one record, unless its offset was counted before.
    pub(crate) fn replay(
        &mut self,
        partition: u32,
        record: &Record,
        horizon_ms: i64,
    ) -> Result<(), SinkError> {
        self.transact(true, |transaction, builder| {
            if progress::fill(transaction, partition, record.offset)? {
                Counted::of(builder, std::iter::once(record), horizon_ms)?.insert(
                    transaction,
                    partition,
                    horizon_ms,
                )?;
            }
            Ok(())
        })
    }

    fn transact(
        &mut self,
        is_synced: bool,
        work: impl FnOnce(&Transaction<'_>, &mut Builder) -> Result<(), Failure>,
    ) -> Result<(), SinkError> {
        let Self { file, path, builder, is_synced: was_synced } = self;
        let attempt = || {
            if is_synced != *was_synced {
                let wanted = if is_synced { "FULL" } else { "NORMAL" };
                file.connection.pragma_update(None, "synchronous", wanted)?;
                *was_synced = is_synced;
            }
            let transaction = file.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            work(&transaction, builder)?;
            transaction.commit()?;
            if let Err(error) = file.trim_log() {
                // What was committed is committed: the log only stays large for now.
                tracing::warn!(path = %path.display(), %error, "cannot begin the live view's log again");
            }
            Ok(())
        };
        attempt().map_err(|failure: Failure| failure.sink(path))
    }
}

/// What ends a transaction early.
enum Failure {
    Refused { reason: String },
    Progress(ProgressError),
    Fault(Fault),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Refused { reason }
    }
}

impl From<ProgressError> for Failure {
    fn from(error: ProgressError) -> Self {
        Self::Progress(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl Failure {
    fn sink(self, path: &Path) -> SinkError {
        match self {
            Self::Refused { reason } => SinkError::Refused { reason },
            Self::Progress(ProgressError::Database(source)) => Fault::Database(source).written(path).into(),
            Self::Progress(ProgressError::Offset(offset)) => WriteError::Offset { offset }.into(),
            Self::Fault(fault) => fault.written(path).into(),
        }
    }
}

thread_local! {
    /// A thread that prepares one batch after the other keeps its builder's memory.
    static BUILDER: RefCell<Builder> = RefCell::default();
}

/// The events of some records, as they are counted.
#[derive(Default)]
pub struct Counted {
    pixel: i64,
    api: i64,
    chunks: Vec<Encoded>,
}

impl Counted {
    /// Counts every record, on all cores; or says why one of them is no event. No time to live is known here.
    pub(crate) fn of_batch(batch: &Batch) -> Result<Self, String> {
        let parts: Vec<&[Record]> = batch.records.chunks(PART_EVENTS).collect();
        let count = |(): &mut (), at: usize| {
            BUILDER.with_borrow_mut(|builder| Self::of(builder, parts[at].iter(), i64::MIN))
        };
        let parts = on_all_cores(parts.len(), || (), count);
        parts.into_iter().try_fold(Self::default(), |mut sum, part| {
            let part = part?;
            sum.pixel += part.pixel;
            sum.api += part.api;
            sum.chunks.extend(part.chunks);
            Ok(sum)
        })
    }

    /// Events from before the horizon count in the totals only.
    fn of<'a>(
        builder: &mut Builder,
        records: impl Iterator<Item = &'a Record>,
        horizon_ms: i64,
    ) -> Result<Self, String> {
        let mut counted = Self::default();
        // What was refused has left something.
        builder.clear();
        for record in records {
            if builder.is_full() {
                counted.chunks.push(builder.finish());
            }
            let read = line::read(&record.payload, |line| {
                match line.source {
                    Source::Pixel => counted.pixel += 1,
                    Source::Api => counted.api += 1,
                }
                if line.ms >= horizon_ms {
                    builder.push(record.offset, line);
                }
            });
            read.map_err(|error| format!("offset {}: {error}", record.offset))?;
        }
        if !builder.is_empty() {
            counted.chunks.push(builder.finish());
        }
        Ok(counted)
    }

    /// True when none of its events is from before the horizon.
    fn is_within(&self, horizon_ms: i64) -> bool {
        self.chunks.iter().all(|chunk| chunk.min_ms >= horizon_ms)
    }

    /// Adds the events to the file.
    fn insert(&self, transaction: &Transaction<'_>, partition: u32, horizon_ms: i64) -> Result<(), Failure> {
        if !self.chunks.is_empty() {
            merge::make_room(transaction, horizon_ms)?;
        }
        for chunk in &self.chunks {
            pieces::insert(transaction, partition, None, false, chunk)?;
        }
        progress::add(transaction, partition, self.pixel, self.api)?;
        Ok(())
    }
}
