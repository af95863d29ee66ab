//! Forgetting: what is older than the time to live is never shown, and deleted soon after.
//!
//! Deletes from a connection of its own, a bounded number of chunks in each transaction, so that the sink never
//! waits long for the write lock. When to call is the server's business: once a minute, and again after a short
//! pause while there is more. Freed pages are used again; the file does not shrink. Also makes durable what the
//! sink has written since.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onepixel_consumer::Clock;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Fault, OpenLiveError, WriteError};
use crate::file::OpenFile;
use crate::limits::{FORGET_CHUNKS_MAX, FORGET_LATE_MAX};
use crate::{merge, pieces};

/// The moment before which everything is forgotten, in milliseconds since the epoch.
pub(crate) fn horizon_ms(clock: &Clock, ttl: Duration) -> i64 {
    now_ms(clock).saturating_sub(to_ms(ttl))
}

pub(crate) fn now_ms(clock: &Clock) -> i64 {
    i64::try_from(clock()).unwrap_or(i64::MAX)
}

fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Deletes what is older than the time to live.
pub struct Retention {
    path: PathBuf,
    ttl: Duration,
    clock: Clock,
    file: Option<OpenFile>,
}

/// What one call deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Events in the chunks that were deleted.
    pub events: u64,
    /// True when there is more to delete: call again after a pause.
    pub more: bool,
}

impl Retention {
    /// Prepares to delete from the file at `path`; opens it at the first call of [`forget`](Self::forget).
    pub fn new(path: &Path, ttl: Duration, clock: Clock) -> Self {
        Self { path: path.into(), ttl, clock, file: None }
    }

    /// Deletes at most [`FORGET_CHUNKS_MAX`] chunks, in one transaction.
    ///
    /// # Errors
    /// [`WriteError`] when the file cannot be opened or written, or the sink holds the lock; nothing was deleted.
    pub fn forget(&mut self) -> Result<Forgotten, WriteError> {
        let mut file = self.take_file()?;
        let forgotten = forget(&mut file.connection, horizon_ms(&self.clock, self.ttl))
            .and_then(|forgotten| sync(&file.connection).map(|()| forgotten).map_err(Fault::from))
            .map_err(|fault| fault.written(&self.path))?;
        self.file = Some(file);
        Ok(forgotten)
    }

    fn take_file(&mut self) -> Result<OpenFile, OpenLiveError> {
        match self.file.take() {
            Some(file) if file.is_in_place() => Ok(file),
            _ => OpenFile::to_write(&self.path),
        }
    }
}

fn forget(connection: &mut Connection, horizon_ms: i64) -> Result<Forgotten, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // A fresh chunk may hold events of many hours, when few come or old ones are read again.
    let late_ms = horizon_ms.saturating_sub(to_ms(FORGET_LATE_MAX));
    let is_late = "hour IS NULL AND min_ms < ?1 AND max_ms >= ?2 LIMIT 1";
    if !pieces::chunks(&transaction, is_late, [late_ms, horizon_ms])?.is_empty() {
        merge::merge_fresh(&transaction, horizon_ms)?;
    }
    let limit = i64::try_from(FORGET_CHUNKS_MAX).unwrap_or(i64::MAX);
    let old = pieces::chunks(&transaction, "max_ms < ?1 ORDER BY id LIMIT ?2", [horizon_ms, limit])?;
    for chunk in &old {
        pieces::delete(&transaction, chunk.id)?;
    }
    transaction.commit()?;
    let events = old.iter().map(|chunk| chunk.events as u64).sum();
    Ok(Forgotten { events, more: old.len() >= FORGET_CHUNKS_MAX })
}

/// Brings the write-ahead log to the disk, and from there as far into the file as readers let it.
fn sync(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
