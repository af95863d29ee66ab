//! Free space: how much there is, without asking the disk for every append.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Clock;
use crate::disk::Disk;

/// How long an answer of the disk is believed. What this log writes meanwhile is accounted for.
const FRESH_MS: u64 = 100;
/// The same where there is little left: others write to the disk as well, the archive and the live view among them.
const SCARCE_FRESH_MS: u64 = 2;
/// How much above the watermark is little: more than a fast disk takes while an answer is believed.
const SCARCE_BYTES: u64 = 256 << 20;

/// The free space of the log's folder.
pub(crate) struct Space {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    clock: Clock,
    watermark_bytes: u64,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    free_bytes: u64,
    asked_ms: Option<u64>,
    failed: bool,
    /// The folder is not there any more.
    gone: bool,
}

impl Space {
    /// Watches the folder's free space.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, clock: Clock, watermark_bytes: u64) -> Self {
        Self { disk, dir, clock, watermark_bytes, cached: Mutex::default() }
    }

    /// Free bytes, at most [`FRESH_MS`] old.
    pub(crate) fn free_bytes(&self) -> u64 {
        let now_ms = (self.clock)();
        let mut cached = self.lock();
        let scarce = cached.free_bytes < self.watermark_bytes.saturating_add(SCARCE_BYTES);
        let fresh_ms = if scarce { SCARCE_FRESH_MS } else { FRESH_MS };
        let fresh = cached.asked_ms.is_some_and(|asked| now_ms >= asked && now_ms - asked <= fresh_ms);
        if !fresh {
            self.ask(&mut cached);
            cached.asked_ms = Some(now_ms);
        }
        cached.free_bytes
    }

    /// True below the watermark.
    pub(crate) fn is_low(&self) -> bool {
        self.free_bytes() < self.watermark_bytes
    }

    /// True when so many bytes could be written without coming near the watermark.
    pub(crate) fn is_ample(&self, bytes: u64) -> bool {
        self.free_bytes() > self.watermark_bytes.saturating_add(bytes)
    }

    /// True when the folder was taken away: what is written now lands in files that nobody can open again.
    pub(crate) fn is_gone(&self) -> bool {
        self.free_bytes();
        self.lock().gone
    }

    /// The log wrote this many bytes.
    pub(crate) fn spend(&self, bytes: u64) {
        let mut cached = self.lock();
        cached.free_bytes = cached.free_bytes.saturating_sub(bytes);
    }

    /// Something was removed: ask the disk again.
    pub(crate) fn forget(&self) {
        self.lock().asked_ms = None;
    }

    fn ask(&self, cached: &mut Cached) {
        match self.disk.free_bytes(&self.dir) {
            Ok(free_bytes) => *cached = Cached { free_bytes, asked_ms: None, failed: false, gone: false },
            Err(error) => {
                if !cached.failed {
                    tracing::warn!(dir = %self.dir.display(), %error, "cannot tell the free disk space");
                }
                cached.failed = true;
                cached.gone = error.kind() == std::io::ErrorKind::NotFound;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
