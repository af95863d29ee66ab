//! The bytes of an object to its lines, piece by piece.
//!
//! Memory is bounded by one line and one piece, whatever the object's size or however far it inflates.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use crate::limits::LINE_BYTES_MAX;

/// Takes compressed pieces and hands out lines without their line end; several gzip members are read as one.
pub(crate) struct LineReader<F: FnMut(&[u8])> {
    gzip: MultiGzDecoder<Lines<F>>,
}

struct Lines<F> {
    begun: Vec<u8>,
    count: u64,
    on_line: F,
}

impl<F: FnMut(&[u8])> LineReader<F> {
    pub(crate) fn new(on_line: F) -> Self {
        Self { gzip: MultiGzDecoder::new(Lines { begun: Vec::new(), count: 0, on_line }) }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        self.gzip.write_all(piece)
    }

    /// Checks that the object was whole and gives the number of its lines. A last line without an end is a line.
    pub(crate) fn finish(self) -> io::Result<u64> {
        let mut lines = self.gzip.finish()?;
        if !lines.begun.is_empty() {
            lines.end_line(&[]);
        }
        Ok(lines.count)
    }
}

impl<F: FnMut(&[u8])> Lines<F> {
    fn end_line(&mut self, rest: &[u8]) {
        self.count += 1;
        if self.begun.is_empty() {
            (self.on_line)(rest);
        } else {
            self.begun.extend_from_slice(rest);
            (self.on_line)(&self.begun);
            self.begun.clear();
        }
    }
}

impl<F: FnMut(&[u8])> Write for Lines<F> {
    fn write(&mut self, inflated: &[u8]) -> io::Result<usize> {
        let mut pieces = inflated.split(|byte| *byte == b'\n');
        let begun = pieces.next_back().unwrap_or_default();
        for rest in pieces {
            self.end_line(rest);
        }
        if self.begun.len() + begun.len() > LINE_BYTES_MAX {
            let message = format!("a line exceeds {LINE_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.begun.extend_from_slice(begun);
        Ok(inflated.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
