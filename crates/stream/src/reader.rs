//! Readers: durable records in offset order, from any offset, following the end.
//!
//! Sees no record that is not durable. Takes the newest frames from memory, all else from the disk, where it checks every
//! byte that it hands out. Keeps no position for its owner, and removes nothing.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile};
use crate::frame::Header;
use crate::tail::{Folder, Tail};
use crate::walk::{Step, Walk};
use crate::{Offset, OpenError, ReadError, Record, record, segment};

/// Reads the log. Reading from the disk blocks the calling thread for as long as the disk takes; waiting for
/// records does not.
pub struct Reader {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    tail: Tail,
    /// The offset that is handed out next.
    next: Offset,
    /// The durable end when the segment's window was last emptied: what was read ahead below it cannot change.
    stable: Offset,
    segment: Option<Segment>,
    frame: Option<Frame>,
    /// How long it lets records gather.
    rest: Duration,
}

/// The segment that is being read.
struct Segment {
    base: Offset,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    walk: Walk,
}

/// The frame that is being handed out.
struct Frame {
    committed_at_ms: u64,
    body: Bytes,
    /// Where the record of `offset` starts.
    at: usize,
    offset: Offset,
}

impl Reader {
    pub(crate) fn live(disk: Arc<dyn Disk>, dir: PathBuf, tail: Tail, from: Offset) -> Self {
        Self { disk, dir, tail, next: from, stable: 0, segment: None, frame: None, rest: Duration::ZERO }
    }

    /// Reads a folder whose writer may be another process, or none. Takes no lock and never writes; follows the
    /// `durable` file by polling (ten times a second, with tokio's timer), so it never ends with
    /// [`ReadError::Closed`].
    ///
    /// # Errors
    /// When the folder cannot be read, or how far its log reaches cannot be told because it is damaged.
    pub fn open(disk: Arc<dyn Disk>, dir: impl Into<PathBuf>, from: Offset) -> Result<Self, OpenError> {
        let dir = dir.into();
        let tail = Tail::Folder(Folder::open(Arc::clone(&disk), dir.clone())?);
        Ok(Self { disk, dir, tail, next: from, stable: 0, segment: None, frame: None, rest: Duration::ZERO })
    }

    /// Lets records gather for so long once it had reached the end, so that a reader who is in no hurry is woken for many
    /// commits at once. Zero, as it begins: it looks at each.
    #[must_use]
    pub fn rest(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }

    /// The first offset that can still be read.
    pub fn oldest(&self) -> Offset {
        self.tail.oldest()
    }

    /// The offset after the last durable record.
    pub fn end(&self) -> Offset {
        self.tail.end()
    }

    /// The record that is handed out next is the one at `offset`. An offset beyond the end waits for it.
    pub fn seek(&mut self, offset: Offset) {
        self.next = offset;
        self.segment = None;
        self.frame = None;
    }

    /// Waits until there is at least one durable record, then hands out up to `records_max` records of together
    /// about `bytes_max` bytes of payload, always at least one. Holds about that much memory, and one frame.
    ///
    /// Cancel safe: a dropped future has consumed nothing. After an error the same offset is next.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn next(&mut self, records_max: usize, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        loop {
            let closed = self.tail.look()?;
            self.let_go();
            if self.tail.end() > self.next {
                return self.collect(records_max.max(1), bytes_max);
            }
            if closed {
                return Err(ReadError::Closed);
            }
            self.tail.changed().await?;
            if !self.rest.is_zero() {
                tokio::time::sleep(self.rest).await;
            }
        }
    }

    /// Closes a segment that retention has removed and that is not needed, or its space would stay taken.
    fn let_go(&mut self) {
        let oldest = self.tail.oldest();
        if self.next >= oldest && self.segment.as_ref().is_some_and(|segment| segment.base < oldest) {
            self.segment = None;
        }
    }

    fn collect(&mut self, records_max: usize, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        let end = self.tail.end();
        let (mut records, mut bytes) = (Vec::new(), 0);
        while self.next < end && records.len() < records_max && (records.is_empty() || bytes < bytes_max) {
            match self.take(end) {
                Ok(record) => {
                    bytes += record.payload.len();
                    records.push(record);
                }
                Err(error) if records.is_empty() => return Err(error),
                // What is sound is handed out first; the error comes again.
                Err(_) => break,
            }
        }
        Ok(records)
    }

    fn take(&mut self, end: Offset) -> Result<Record, ReadError> {
        loop {
            if let Some(record) = self.frame.as_mut().and_then(|frame| frame.record(self.next)) {
                self.next += 1;
                return Ok(record);
            }
            self.frame = match self.tail.recent(self.next) {
                Some((header, body)) if header.end() <= end => Some(Frame::new(&header, body)),
                _ => Some(self.read_frame(end)?),
            };
        }
    }

    /// Reads the frame that holds the next offset, which is durable.
    fn read_frame(&mut self, end: Offset) -> Result<Frame, ReadError> {
        loop {
            let next = self.next;
            let mut segment = match self.segment.take() {
                Some(segment) if segment.walk.offset() == next => segment,
                before => self.locate(before)?,
            };
            if next >= self.stable {
                segment.walk.refresh();
                self.stable = end;
            }
            match segment.walk.step(segment.file.as_ref()).map_err(ReadError::io(&segment.path))? {
                Step::Frame(header, _) if header.end() > end => {
                    return Err(segment.corrupt("a frame reaches beyond the durable end"));
                }
                Step::Frame(header, body) => {
                    self.segment = Some(segment);
                    if next < header.end() {
                        return Ok(Frame::new(&header, body));
                    }
                }
                Step::Seal(_) => self.segment = Some(self.following(&segment)?),
                Step::End => return Err(segment.corrupt("the file ends before the durable end")),
                Step::Broken(broken) => return Err(segment.corrupt(broken.what())),
            }
        }
    }

    /// Opens the segment that holds the next offset, at its frame; goes on in the one before if that is it.
    fn locate(&self, before: Option<Segment>) -> Result<Segment, ReadError> {
        let bases = segment::list(self.disk.as_ref(), &self.dir).map_err(ReadError::io(&self.dir))?;
        let Some(base) = bases.iter().rev().find(|base| **base <= self.next) else {
            let oldest = bases.first().copied().unwrap_or_else(|| self.tail.end());
            return Err(ReadError::Gone { offset: self.next, oldest });
        };
        let is_in = |segment: &Segment| segment.base == *base && segment.walk.offset() <= self.next;
        let mut segment = match before.filter(is_in) {
            Some(mut segment) => {
                // What was read ahead lay beyond the durable end then.
                segment.walk.refresh();
                segment
            }
            None => self.enter(*base)?,
        };
        segment.walk.skip_to(segment.file.as_ref(), self.next).map_err(ReadError::io(&segment.path))?;
        Ok(segment)
    }

    /// Opens the segment after a sealed one.
    fn following(&self, sealed: &Segment) -> Result<Segment, ReadError> {
        let base = sealed.walk.offset();
        match self.enter(base) {
            Err(ReadError::Gone { oldest, .. }) if oldest <= base => {
                Err(sealed.corrupt("the segment after this one is missing"))
            }
            other => other,
        }
    }

    fn enter(&self, base: Offset) -> Result<Segment, ReadError> {
        let path = segment::path(&self.dir, base);
        match segment::open(self.disk.as_ref(), &self.dir, base) {
            Ok(file) => Ok(Segment { base, path, file, walk: Walk::new(base) }),
            Err(OpenError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                let bases = segment::list(self.disk.as_ref(), &self.dir).map_err(ReadError::io(&self.dir))?;
                let oldest = bases.first().copied().unwrap_or_else(|| self.tail.end());
                Err(ReadError::Gone { offset: self.next, oldest })
            }
            Err(error) => Err(error.into_read()),
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("dir", &self.dir).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Segment {
    fn corrupt(&self, what: &str) -> ReadError {
        ReadError::Corrupt {
            path: self.path.clone(),
            position: self.walk.position(),
            offset: self.walk.offset(),
            what: what.to_owned(),
        }
    }
}

impl Frame {
    fn new(header: &Header, body: Bytes) -> Self {
        Self { committed_at_ms: header.committed_at_ms, body, at: 0, offset: header.base }
    }

    /// The record at `offset`, going past those before it. `None`: it lies after this frame.
    fn record(&mut self, offset: Offset) -> Option<Record> {
        while let Some(parts) = record::parts(&self.body, self.at) {
            let here = self.offset;
            self.offset += 1;
            self.at = parts.end;
            if here == offset {
                let payload = self.body.slice(parts.payload..parts.end);
                return Some(Record {
                    offset,
                    committed_at_ms: self.committed_at_ms,
                    key: parts.key,
                    payload,
                });
            }
        }
        None
    }
}

/// The offsets that a folder's log holds: from the oldest up to and without the durable end. Takes no lock and
/// changes nothing; a folder that another process writes is fine.
///
/// # Errors
/// As [`Reader::open`].
pub fn extent(disk: Arc<dyn Disk>, dir: &Path) -> Result<Range<Offset>, OpenError> {
    let tail = Tail::Folder(Folder::open(disk, dir.to_owned())?);
    Ok(tail.oldest()..tail.end())
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::disk::Access;
    use crate::frame::{HEADER_BYTES, Mark};
    use crate::state::Published;
    use crate::{OsDisk, Records};

    fn frame(base: Offset, payload: &[u8]) -> Vec<u8> {
        let mut records = Records::new();
        records.push(None, |buffer| buffer.extend_from_slice(payload)).unwrap();
        let header = Header {
            body_bytes: u32::try_from(records.bytes.len()).unwrap(),
            records: 1,
            body_crc: crc32c::crc32c(&records.bytes),
            base,
            committed_at_ms: 0,
            durable: base,
        };
        [&header.encode()[..], &records.bytes[..]].concat()
    }

    #[tokio::test]
    async fn bytes_that_were_read_before_they_were_durable_are_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsDisk.open(&segment::path(dir.path(), 0), Access::Create).unwrap();
        let (first, taken_back, second) = (frame(0, b"first"), frame(1, b"taken back"), frame(1, b"second"));
        let end = segment::HEADER_BYTES + first.len();
        file.write_at(&[&segment::header(0, 0)[..], &first, &taken_back].concat(), 0).unwrap();

        let published = watch::Sender::new(Published { oldest: 0, durable: 1, closed: false });
        let tail = Tail::Live(published.subscribe(), Arc::default());
        let mut reader = Reader::live(Arc::new(OsDisk), dir.path().to_owned(), tail, 0);
        assert_eq!(reader.next(10, 1000).await.unwrap()[0].payload, "first");

        file.truncate(end as u64).unwrap();
        file.write_at(&second, end as u64).unwrap();
        published.send_modify(|published| published.durable = 2);
        assert_eq!(reader.next(10, 1000).await.unwrap()[0].payload, "second");
    }

    #[tokio::test]
    async fn what_was_read_ahead_does_not_count_behind_what_came_from_memory() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsDisk.open(&segment::path(dir.path(), 0), Access::Create).unwrap();
        let durable: Vec<u8> = (0..4).flat_map(|base| frame(base, b"durable")).collect();
        let end = segment::HEADER_BYTES + durable.len();
        file.write_at(&[&segment::header(0, 0)[..], &durable, &frame(4, b"taken back")].concat(), 0).unwrap();

        let (published, recent) = (
            watch::Sender::new(Published { oldest: 0, durable: 4, closed: false }),
            Arc::new(crate::recent::Recent::default()),
        );
        let tail = Tail::Live(published.subscribe(), Arc::clone(&recent));
        let mut reader = Reader::live(Arc::new(OsDisk), dir.path().to_owned(), tail, 0);
        assert_eq!(reader.next(10, 1000).await.unwrap().len(), 4);

        file.truncate(end as u64).unwrap();
        let (fourth, fifth) = (frame(4, b"4"), frame(5, b"five"));
        file.write_at(&[&fourth[..], &fifth].concat(), end as u64).unwrap();
        let Some(Mark::Frame(header)) = Mark::decode(&fourth[..HEADER_BYTES]) else { unreachable!() };
        recent.keep(header, &fourth[HEADER_BYTES..]);
        published.send_modify(|published| published.durable = 6);
        let read = reader.next(10, 1000).await.unwrap();
        assert_eq!(read.iter().map(|record| &record.payload[..]).collect::<Vec<_>>(), [&b"4"[..], b"five"]);
    }

    #[tokio::test]
    async fn a_frame_beyond_the_durable_end_is_not_handed_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsDisk.open(&segment::path(dir.path(), 0), Access::Create).unwrap();
        file.write_at(&[&segment::header(0, 0)[..], &frame(0, b"first")].concat(), 0).unwrap();
        let published = watch::Sender::new(Published { oldest: 0, durable: 0, closed: true });
        let tail = Tail::Live(published.subscribe(), Arc::default());
        let mut reader = Reader::live(Arc::new(OsDisk), dir.path().to_owned(), tail, 0);
        assert!(matches!(reader.next(10, 1000).await, Err(ReadError::Closed)));
    }
}
