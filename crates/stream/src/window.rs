//! A window on a file: few large reads instead of many small ones.

use std::io;

use bytes::Bytes;

use crate::disk::DiskFile;

/// Bytes read at once: large enough that the system call costs little, small enough to hold one per reader.
const WINDOW_BYTES: u64 = 256 * 1024;

/// Bytes of a file that were read last, and where they lie.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Bytes,
    start: u64,
}

impl Window {
    /// Forgets what was read: the file may have changed.
    pub(crate) fn clear(&mut self) {
        self.bytes = Bytes::new();
    }

    /// `wanted` bytes at `position`, or as many as there are before the end of the file.
    pub(crate) fn get(&mut self, file: &dyn DiskFile, position: u64, wanted: usize) -> io::Result<Bytes> {
        if !self.covers(position, wanted) {
            self.fill(file, position, wanted)?;
        }
        let from = usize::try_from(position - self.start).unwrap_or(usize::MAX).min(self.bytes.len());
        let to = from.saturating_add(wanted).min(self.bytes.len());
        Ok(self.bytes.slice(from..to))
    }

    fn covers(&self, position: u64, wanted: usize) -> bool {
        position >= self.start
            && (position - self.start).saturating_add(wanted as u64) <= self.bytes.len() as u64
    }

    fn fill(&mut self, file: &dyn DiskFile, position: u64, wanted: usize) -> io::Result<()> {
        let there = file.size()?.saturating_sub(position);
        let bytes = there.min(WINDOW_BYTES.max(wanted as u64));
        let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(0)];
        let read = file.read_at(&mut buffer, position)?;
        buffer.truncate(read);
        self.bytes = Bytes::from(buffer);
        self.start = position;
        Ok(())
    }
}
