//! The spare: a file of zeros that becomes the next segment.
//!
//! A sync of a growing file has to bring its size and its new blocks to the disk as well, in writes of their own. In a
//! file that has its size already a sync is one write: less than half the time and the processor. So the writer fills
//! the next segment with zeros, a piece after each commit, at the pace of the log, while nobody waits for it.
//!
//! Promises that what is taken is on the disk as zeros, whole. Never fails an append: a spare that cannot be written is
//! given up, and the next segment grows as it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Access, Disk, DiskFile};

/// The file's name; not a segment's.
const NAME: &str = "spare";
/// The first spare of a log is complete after so many bytes; each is twice the one before, up to a whole segment.
const FIRST_BYTES: u64 = 4 << 20;
/// Zeros that are written at once: enough that the call costs little, and few enough that no commit waits for them long.
const PIECE_BYTES: u64 = 128 * 1024;
/// Commits from this size on spread the cost of growing over so much that zeros would only double what is written.
const LARGE_COMMIT_BYTES: u64 = 128 * 1024;

/// The file that is being prepared.
pub(crate) struct Spare {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Option<Box<dyn DiskFile>>,
    bytes: u64,
    /// Zeros that are still to be written to keep up with the log.
    owed: u64,
    target: u64,
    target_max: u64,
    /// It could not be written; not tried again.
    failed: bool,
}

impl Spare {
    /// None yet, and of this size in the end. What a crash left is removed.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, bytes_max: u64) -> std::io::Result<Self> {
        let path = dir.join(NAME);
        match disk.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let target = FIRST_BYTES.min(bytes_max);
        Ok(Self { disk, path, file: None, bytes: 0, owed: 0, target, target_max: bytes_max, failed: false })
    }

    fn is_complete(&self) -> bool {
        self.file.is_some() && self.bytes >= self.target
    }

    /// Whether it should be taken before the segment that grows is full: only the log's first ones are so small.
    pub(crate) fn is_early(&self) -> bool {
        self.target < self.target_max && self.is_complete()
    }

    /// Goes on preparing, after a commit of so many bytes; returns how many it wrote.
    pub(crate) fn prepare(&mut self, committed_bytes: u64) -> u64 {
        if self.failed || committed_bytes >= LARGE_COMMIT_BYTES || self.is_complete() {
            return 0;
        }
        // A little faster than the log, so that it is complete first; twice that while each is to be twice the one before.
        let pace = if self.target < self.target_max { 18 } else { 9 };
        self.owed += committed_bytes * pace / 8;
        let before = self.bytes;
        let piece_bytes = PIECE_BYTES.min(self.target / 4).max(1);
        while self.owed >= piece_bytes && self.bytes < self.target {
            self.owed -= piece_bytes;
            if let Err(error) = self.write(piece_bytes.min(self.target - self.bytes)) {
                tracing::debug!(%error, "cannot prepare the next segment; it will grow as it is written");
                self.give_up();
                return 0;
            }
        }
        self.bytes - before
    }

    fn write(&mut self, bytes: u64) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.disk.open(&self.path, Access::Create)?),
        };
        file.prepare(self.bytes, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Hands out the file, if it is complete and on the disk, and its size. It has the spare's name still.
    pub(crate) fn take(&mut self) -> Option<(Box<dyn DiskFile>, u64)> {
        if !self.is_complete() {
            return None;
        }
        let (file, bytes) = (self.file.take()?, std::mem::take(&mut self.bytes));
        self.owed = 0;
        self.target = (self.target * 2).min(self.target_max);
        match file.sync() {
            Ok(()) => Some((file, bytes)),
            Err(error) => {
                tracing::warn!(%error, "cannot sync the prepared segment; the next one grows as it is written");
                self.give_up();
                None
            }
        }
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what there is, and prepares nothing more as long as the log is open.
    pub(crate) fn give_up(&mut self) {
        self.failed = true;
        self.file = None;
        self.bytes = 0;
        if let Err(error) = self.disk.remove(&self.path) {
            tracing::debug!(%error, "cannot remove the spare; the next start does");
        }
    }
}
