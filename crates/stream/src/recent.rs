//! The newest frames in memory: a reader that keeps up takes them from here instead of from the disk.
//!
//! Promises to hand out frames as they were written, and to hold no more than a few of them. Does not know what is durable:
//! a reader asks for nothing beyond the durable end.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::Offset;
use crate::chunk::make_room;
use crate::frame::Header;

/// Bytes of frames that are kept: what a busy log takes within the time for which consumers let events gather.
const BYTES_MAX: usize = 8 << 20;

/// The newest frames.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of their offsets.
    frames: VecDeque<(Header, Bytes)>,
    bytes: usize,
    /// Where the next body goes, as long as there is room.
    chunk: BytesMut,
}

impl Recent {
    /// Keeps a frame that was written, and lets go of the oldest ones.
    pub(crate) fn keep(&self, header: Header, body: &[u8]) {
        let mut kept = self.kept();
        let Kept { frames, bytes, chunk } = &mut *kept;
        make_room(chunk, body.len());
        chunk.extend_from_slice(body);
        frames.push_back((header, chunk.split().freeze()));
        *bytes += body.len();
        while *bytes > BYTES_MAX
            && let Some((_, oldest)) = frames.pop_front()
        {
            *bytes -= oldest.len();
        }
    }

    /// The frame that holds the record at `offset`, if it is kept.
    pub(crate) fn find(&self, offset: Offset) -> Option<(Header, Bytes)> {
        let kept = self.kept();
        let at = kept.frames.partition_point(|(header, _)| header.end() <= offset);
        kept.frames.get(at).filter(|(header, _)| header.base <= offset).cloned()
    }

    /// Lets go of everything: nobody reads.
    pub(crate) fn clear(&self) {
        let mut kept = self.kept();
        if !kept.frames.is_empty() {
            *kept = Kept::default();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(base: Offset, records: u32, body: &[u8]) -> Header {
        let body_bytes = u32::try_from(body.len()).unwrap();
        Header { body_bytes, records, body_crc: 0, base, committed_at_ms: 0, durable: 0 }
    }

    #[test]
    fn finds_the_frame_that_holds_a_record() {
        let recent = Recent::default();
        recent.keep(header(5, 3, b"first"), b"first");
        // Nobody read for a while.
        recent.keep(header(10, 1, b"second"), b"second");
        let found = |offset| recent.find(offset).map(|(_, body)| body);
        assert_eq!([found(4), found(8), found(9), found(11)], [const { None }; 4]);
        assert_eq!([found(5), found(7)], [const { Some(Bytes::from_static(b"first")) }; 2]);
        assert_eq!(found(10).unwrap(), "second");
        recent.clear();
        assert_eq!(recent.find(10), None);
    }

    #[test]
    fn holds_no_more_than_it_may() {
        let recent = Recent::default();
        let body = vec![7; 3 << 20];
        for base in 0..10 {
            recent.keep(header(base, 1, &body), &body);
        }
        assert_eq!((0..10).filter(|base| recent.find(*base).is_some()).collect::<Vec<_>>(), [8, 9]);
        let large = vec![7; BYTES_MAX + 1];
        recent.keep(header(10, 1, &large), &large);
        assert!((0..11).all(|base| recent.find(base).is_none()), "not even one that is too large");
    }
}
