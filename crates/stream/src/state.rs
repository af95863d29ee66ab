//! What the log's parts tell each other, and what it tells about itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::Offset;
use crate::log::Log;
use crate::queue::Queue;
use crate::recent::Recent;
use crate::space::Space;

/// A look at the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Offset of the first record that is kept.
    pub oldest: Offset,
    /// Offset after the last written record.
    pub written: Offset,
    /// Offset after the last durable record: where readers end.
    pub durable: Offset,
    /// Bytes of all segments.
    pub stored_bytes: u64,
    /// Number of segments.
    pub segments: usize,
    /// Free disk space, in bytes.
    pub free_bytes: u64,
    /// Whether an append would be taken.
    pub status: Status,
}

/// Whether an append would be taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Yes.
    Ready,
    /// Not until there is space on the disk.
    DiskFull,
    /// Not until the log is opened again; the reason.
    Failed(String),
    /// It is shut down.
    Closed,
}

/// What readers wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    /// Offset of the first record that is kept.
    pub oldest: Offset,
    /// Offset after the last durable record.
    pub durable: Offset,
    /// The writer has stopped.
    pub closed: bool,
}

/// What handles, readers and the writer have in common.
pub(crate) struct Shared {
    /// Where appends wait.
    pub queue: Queue,
    /// The disk's free space.
    pub space: Space,
    /// What readers follow.
    pub published: watch::Sender<Published>,
    /// What readers that keep up take from memory.
    pub recent: Arc<Recent>,
    /// Every consumer has finished what lies below.
    pub released: AtomicU64,
    /// The disk refused a write for lack of space, whatever it says about its free space.
    pub exhausted: AtomicBool,
    /// Commits take so little time that any thread may make one.
    pub is_quick: AtomicBool,
    written: AtomicU64,
    stored_bytes: AtomicU64,
    segments: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Shared {
    /// For a log that was just opened.
    pub(crate) fn new(log: &Log, queue: Queue, space: Space) -> Self {
        let published = Published { oldest: log.oldest(), durable: log.durable(), closed: false };
        let shared = Self {
            queue,
            space,
            published: watch::Sender::new(published),
            recent: Arc::default(),
            released: AtomicU64::new(0),
            exhausted: AtomicBool::new(false),
            is_quick: AtomicBool::new(false),
            written: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
            segments: AtomicU64::new(0),
            failure: Mutex::new(None),
        };
        shared.publish(log);
        shared
    }

    /// Tells everybody how far the log is.
    pub(crate) fn publish(&self, log: &Log) {
        self.written.store(log.written(), Ordering::Release);
        self.stored_bytes.store(log.stored_bytes(), Ordering::Relaxed);
        self.segments.store(log.segments() as u64, Ordering::Relaxed);
        self.published.send_if_modified(|published| {
            debug_assert!(published.durable <= log.durable(), "durable went back");
            let before = *published;
            (published.oldest, published.durable) = (log.oldest(), log.durable());
            before != *published
        });
    }

    /// Nothing will be taken any more.
    pub(crate) fn fail(&self, reason: &str) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }

    /// Why nothing is taken any more.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A look at it all.
    pub(crate) fn state(&self) -> State {
        let published = *self.published.borrow();
        let written = self.written.load(Ordering::Acquire).max(published.durable);
        State {
            oldest: published.oldest,
            written,
            durable: published.durable,
            stored_bytes: self.stored_bytes.load(Ordering::Relaxed),
            segments: usize::try_from(self.segments.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            free_bytes: self.space.free_bytes(),
            status: self.status(published.closed),
        }
    }

    fn status(&self, closed: bool) -> Status {
        if closed {
            return Status::Closed;
        }
        match self.failure() {
            Some(reason) => Status::Failed(reason),
            None if self.exhausted.load(Ordering::Relaxed) || self.space.is_low() => Status::DiskFull,
            None => Status::Ready,
        }
    }
}

/// What opening the log came to; for the caller to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Offset of the first record that is kept.
    pub oldest: Offset,
    /// Offset the next record gets.
    pub next: Offset,
    /// Number of segments.
    pub segments: usize,
    /// True after an orderly shutdown, and for a new log.
    pub clean: bool,
    /// What an interrupted write had left, and is cut.
    pub cut: Option<Cut>,
}

/// What an interrupted write had left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub path: PathBuf,
    /// Where it was cut, in bytes.
    pub position: u64,
    /// How many bytes were cut.
    pub bytes: u64,
}
