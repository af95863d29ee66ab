//! Walking a segment frame by frame, checking every byte.

use std::io;

use bytes::Bytes;

use crate::disk::DiskFile;
use crate::frame::{HEADER_BYTES, Header, Mark, Seal};
use crate::window::Window;
use crate::{Offset, record, segment};

/// Reads one segment from a frame on.
#[derive(Debug)]
pub(crate) struct Walk {
    window: Window,
    position: u64,
    offset: Offset,
}

/// What the walk came upon.
#[derive(Debug)]
pub(crate) enum Step {
    /// A sound frame: its header and its records.
    Frame(Header, Bytes),
    /// The seal: the segment ends here.
    Seal(Seal),
    /// The file ends here, without a seal.
    End,
    /// What stands here is neither; the walk does not go on.
    Broken(Broken),
}

/// How the bytes at the walk's position fail to be a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The file ends within the header.
    HeaderCut,
    /// The header is damaged.
    Header,
    /// The header is sound, the file ends within the body.
    BodyCut,
    /// The header is sound, the body is damaged.
    Body(Header),
    /// The frame or seal is sound but does not belong here.
    Misplaced,
}

impl Broken {
    /// For the error's text.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::HeaderCut => "the file ends within a frame's header",
            Self::Header => "the frame's header is damaged",
            Self::BodyCut => "the file ends within a frame's body",
            Self::Body(_) => "the frame's body is damaged",
            Self::Misplaced => "a frame that belongs to another place",
        }
    }
}

impl Walk {
    /// From the segment's first frame.
    pub(crate) fn new(base: Offset) -> Self {
        Self { window: Window::default(), position: segment::HEADER_BYTES as u64, offset: base }
    }

    /// Where the next frame is expected, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The offset the next frame is expected to start with.
    pub(crate) fn offset(&self) -> Offset {
        self.offset
    }

    /// Forgets what was read ahead: the file may have grown.
    pub(crate) fn refresh(&mut self) {
        self.window.clear();
    }

    /// Looks at the next frame and, if it is sound, goes past it.
    pub(crate) fn step(&mut self, file: &dyn DiskFile) -> io::Result<Step> {
        let bytes = self.window.get(file, self.position, HEADER_BYTES)?;
        if bytes.is_empty() {
            return Ok(Step::End);
        }
        if bytes.len() < HEADER_BYTES {
            return Ok(Step::Broken(Broken::HeaderCut));
        }
        match Mark::decode(&bytes) {
            None => Ok(Step::Broken(Broken::Header)),
            Some(Mark::Frame(header)) if header.base == self.offset => self.frame(file, header),
            Some(Mark::Seal(seal)) if (seal.end, seal.position) == (self.offset, self.position) => {
                Ok(Step::Seal(seal))
            }
            Some(_) => Ok(Step::Broken(Broken::Misplaced)),
        }
    }

    /// Goes past frames that end at or before `offset` by their headers alone.
    pub(crate) fn skip_to(&mut self, file: &dyn DiskFile, offset: Offset) -> io::Result<()> {
        loop {
            let bytes = self.window.get(file, self.position, HEADER_BYTES)?;
            match Mark::decode(&bytes) {
                Some(Mark::Frame(header)) if header.base == self.offset && header.end() <= offset => {
                    self.pass(header);
                }
                _ => return Ok(()),
            }
        }
    }

    fn frame(&mut self, file: &dyn DiskFile, header: Header) -> io::Result<Step> {
        let body_bytes = header.body_bytes as usize;
        let frame = self.window.get(file, self.position, HEADER_BYTES + body_bytes)?;
        let body = frame.slice(HEADER_BYTES..);
        if body.len() < body_bytes {
            return Ok(Step::Broken(Broken::BodyCut));
        }
        if crc32c::crc32c(&body) != header.body_crc || !record::tile(&body, header.records) {
            return Ok(Step::Broken(Broken::Body(header)));
        }
        self.pass(header);
        Ok(Step::Frame(header, body))
    }

    fn pass(&mut self, header: Header) {
        self.position += header.frame_bytes();
        self.offset = header.end();
    }
}
