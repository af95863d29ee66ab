//! A window on a file: few large reads instead of many small ones.
//!
//! Who follows the end of the log finds one frame at a time there, and behind it what was prepared for more. So after
//! the file has changed the window takes only what it is asked for, and reads ahead further with each step that follows.

use std::io;

use bytes::{Bytes, BytesMut};

use crate::chunk::make_room;
use crate::disk::DiskFile;

/// Bytes read at once: large enough that the system call costs little, small enough to hold one per reader.
const AHEAD_BYTES_MAX: u64 = 256 * 1024;
/// The first bytes that are read ahead.
const AHEAD_BYTES_MIN: u64 = 8 * 1024;
/// Reads of no more than was asked for: a frame's header, and the frame. Records keep the window's bytes in memory.
const EXACT_READS: u32 = 2;

/// Bytes of a file that were read last, and where they lie.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Bytes,
    start: u64,
    /// Reads since the file may have changed.
    reads: u32,
    /// Where the next read goes, as long as there is room.
    chunk: BytesMut,
}

impl Window {
    /// Forgets what was read: the file may have changed.
    pub(crate) fn clear(&mut self) {
        self.bytes = Bytes::new();
        self.reads = 0;
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
        let bytes = usize::try_from(there.min(self.ahead().max(wanted as u64))).unwrap_or(0);
        make_room(&mut self.chunk, bytes);
        self.chunk.resize(bytes, 0);
        let read = file.read_at(&mut self.chunk, position);
        let taken = read.as_ref().map_or(0, |read| *read);
        self.bytes = self.chunk.split_to(taken).freeze();
        self.chunk.clear();
        read?;
        self.start = position;
        self.reads = self.reads.saturating_add(1);
        Ok(())
    }

    /// How far the next read goes at least.
    fn ahead(&self) -> u64 {
        match self.reads.checked_sub(EXACT_READS) {
            None => 0,
            Some(more) => {
                AHEAD_BYTES_MIN.checked_shl(more).unwrap_or(0).clamp(AHEAD_BYTES_MIN, AHEAD_BYTES_MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A file of a mebibyte, and what was read of it.
    #[derive(Default)]
    struct Counting(Mutex<Vec<usize>>);

    impl DiskFile for Counting {
        fn size(&self) -> io::Result<u64> {
            Ok(1 << 20)
        }

        fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
            bytes.fill(u8::try_from(position % 251).unwrap());
            self.0.lock().unwrap().push(bytes.len());
            Ok(bytes.len())
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            unreachable!("only read")
        }

        fn prepare(&self, _: u64, _: u64) -> io::Result<()> {
            unreachable!("only read")
        }

        fn sync(&self) -> io::Result<()> {
            unreachable!("only read")
        }

        fn truncate(&self, _: u64) -> io::Result<()> {
            unreachable!("only read")
        }
    }

    #[test]
    fn reads_ahead_further_with_each_step_and_not_at_all_at_first() {
        let (file, mut window) = (Counting::default(), Window::default());
        for _ in 0..2 {
            window.clear();
            assert_eq!(window.get(&file, 100, 48).unwrap().len(), 48);
            assert_eq!(window.get(&file, 100, 700).unwrap().len(), 700);
        }
        assert_eq!(*file.0.lock().unwrap(), [48, 700, 48, 700], "one frame at the end");
        let mut position = 800;
        while position < 1 << 20 {
            position += window.get(&file, position, 600).unwrap().len() as u64;
        }
        let reads = file.0.lock().unwrap()[4..].to_vec();
        assert_eq!(reads[..6], [8, 16, 32, 64, 128, 256].map(|kib| kib * 1024));
        assert!(reads.iter().all(|bytes| *bytes <= 256 * 1024), "{reads:?}");
        assert!(window.get(&file, 1 << 20, 48).unwrap().is_empty());
    }
}
