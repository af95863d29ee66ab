//! How far a pipeline is, for whoever watches it: metrics, dashboard, retention.
//!
//! The pipeline writes, everybody else reads. The counters count since the start of the process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use onepixel_stream::Offset;

/// Shared between a pipeline and those who watch it.
#[derive(Debug, Default)]
pub struct Progress {
    committed: AtomicU64,
    end: AtomicU64,
    batches: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    retries: AtomicU64,
    dead_lettered: AtomicU64,
    skipped: AtomicU64,
    /// When the first record that was read ahead, and that of the batch being written, were appended; 0: none.
    read_ahead_at_ms: AtomicU64,
    writing_at_ms: AtomicU64,
    trouble: Mutex<Troubles>,
}

/// What a pipeline is doing when it gets into trouble: it does both at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Reading,
    Writing,
}

#[derive(Debug, Default)]
struct Troubles {
    reading: Option<LastError>,
    writing: Option<LastError>,
}

impl Troubles {
    /// What cannot be written keeps everything behind it waiting.
    fn shown(&self) -> Option<LastError> {
        self.writing.as_ref().or(self.reading.as_ref()).cloned()
    }
}

/// What [`Progress`] says at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Everything below this offset is in the sink or in its dead-letter log, and survives a crash. 0 until the
    /// pipeline knows its position.
    pub committed: Offset,
    /// The offset after the last durable record, as the pipeline last saw it: old while it waits for the sink.
    pub end: Offset,
    /// Batches, and parts of batches, that the sink took.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of payload in them.
    pub bytes: u64,
    /// Writes that were tried again.
    pub retries: u64,
    /// Records given to the dead-letter log.
    pub dead_lettered: u64,
    /// Records that were gone before the sink had them.
    pub skipped: u64,
    /// When the oldest record that was read and is not committed was appended, in milliseconds since the Unix
    /// epoch; `None` when there is none.
    pub oldest_pending_at_ms: Option<u64>,
    /// The trouble the pipeline is in; `None` when all is well.
    pub last_error: Option<LastError>,
}

/// Why a pipeline does not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// What happened last.
    pub text: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

impl Snapshot {
    /// Durable records that are not committed.
    pub fn lag(&self) -> u64 {
        self.end.saturating_sub(self.committed)
    }
}

impl Progress {
    /// Everything below this offset is in the sink or in its dead-letter log, and survives a crash.
    pub fn committed(&self) -> Offset {
        self.committed.load(Ordering::Acquire)
    }

    /// Everything at once.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            committed: self.committed(),
            end: read(&self.end),
            batches: read(&self.batches),
            records: read(&self.records),
            bytes: read(&self.bytes),
            retries: read(&self.retries),
            dead_lettered: read(&self.dead_lettered),
            skipped: read(&self.skipped),
            oldest_pending_at_ms: [&self.writing_at_ms, &self.read_ahead_at_ms]
                .map(read)
                .into_iter()
                .find(|&at_ms| at_ms != 0),
            last_error: self.troubles().shown(),
        }
    }

    pub(crate) fn set_committed(&self, offset: Offset) {
        self.committed.store(offset, Ordering::Release);
    }

    pub(crate) fn set_end(&self, offset: Offset) {
        self.end.store(offset, Ordering::Relaxed);
    }

    pub(crate) fn set_read_ahead(&self, at_ms: Option<u64>) {
        self.read_ahead_at_ms.store(at_ms.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn set_writing(&self, at_ms: Option<u64>) {
        self.writing_at_ms.store(at_ms.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn count_batch(&self, records: usize, bytes: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_dead_letters(&self, letters: u64) {
        self.dead_lettered.fetch_add(letters, Ordering::Relaxed);
    }

    pub(crate) fn count_skipped(&self, records: u64) {
        self.skipped.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn set_error(&self, doing: Doing, error: Option<LastError>) {
        let mut troubles = self.troubles();
        match doing {
            Doing::Reading => troubles.reading = error,
            Doing::Writing => troubles.writing = error,
        }
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
