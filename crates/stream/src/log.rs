//! The segments as the writer holds them: where the next frame goes, and what can be removed.
//!
//! Promises `written >= durable`, and that after a failed write the log is what it was before it. Does not decide
//! when to write, sync or remove.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::{Access, Disk, DiskFile};
use crate::frame::{HEADER_BYTES, Header, Seal};
use crate::marks::{Clean, DURABLE, Durable};
use crate::recovery::{Found, Sealed};
use crate::spare::Spare;
use crate::{Clock, Durability, Key, Offset, OpenError, Settings, recovery, segment, sidecar};

/// Room that a prepared segment keeps for its seal.
const SEAL_BYTES: u64 = HEADER_BYTES as u64;

/// Why something was not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// There is no space; the log is as it was.
    Full,
    /// The disk refused; the log is as it was.
    Refused(String),
    /// Nobody knows what the disk holds: the log must not go on.
    Fatal(String),
}

/// The log's files.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    clock: Clock,
    segment_bytes: u64,
    sealed: VecDeque<Sealed>,
    sealed_bytes: u64,
    active: Option<Active>,
    spare: Option<Spare>,
    written: Offset,
    durable: Offset,
    mark: Box<dyn DiskFile>,
    mark_failed: bool,
    boot_id: u128,
}

/// The segment that takes frames.
struct Active {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    base: Offset,
    bytes: u64,
    /// The file's size, if it was prepared: zeros follow what was written.
    prepared: u64,
    first_ms: Option<u64>,
    newest_ms: u64,
    keys: Vec<Key>,
}

impl Log {
    /// Takes over what recovery found.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        settings: &Settings,
        clock: Clock,
        found: Found,
    ) -> Result<Self, OpenError> {
        let dir = settings.dir.clone();
        let file = recovery::repair(disk.as_ref(), &dir, &found)?;
        Clean::remove(disk.as_ref(), &dir).map_err(OpenError::io(&dir))?;
        let mark = open_mark(disk.as_ref(), &dir)?;
        let (boot_id, end) = (disk.boot_id(), found.end());
        let spare =
            Spare::new(Arc::clone(&disk), &dir, settings.segment_bytes).map_err(OpenError::io(&dir))?;
        // Where answers do not wait for a sync, it does not matter what one costs.
        let spare = (settings.durability == Durability::Always).then_some(spare);
        let mut log = Self {
            disk,
            dir,
            clock,
            segment_bytes: settings.segment_bytes,
            sealed_bytes: found.sealed.iter().map(|sealed| sealed.bytes).sum(),
            sealed: found.sealed.into(),
            active: None,
            spare,
            written: end,
            durable: end,
            mark,
            mark_failed: false,
            boot_id,
        };
        if let (Some(last), Some(file)) = (found.last, file) {
            log.take_over(last, file);
        }
        if log.active.is_none() {
            log.begin().map_err(|error| log.open_error(error))?;
        }
        log.write_mark().map_err(OpenError::io(&log.dir))?;
        Ok(log)
    }

    fn take_over(&mut self, last: recovery::Last, file: Box<dyn DiskFile>) {
        let path = segment::path(&self.dir, last.base);
        let active = Active {
            file,
            path,
            base: last.base,
            bytes: last.bytes,
            prepared: 0,
            first_ms: last.first_ms,
            newest_ms: last.newest_ms,
            keys: last.keys,
        };
        match last.seal {
            Some(_) => self.push_sealed(active),
            None => self.active = Some(active),
        }
    }

    fn open_error(&self, error: WriteError) -> OpenError {
        let source = match error {
            WriteError::Full => io::Error::from(io::ErrorKind::StorageFull),
            WriteError::Refused(reason) | WriteError::Fatal(reason) => io::Error::other(reason),
        };
        OpenError::Io { path: self.dir.clone(), source }
    }

    /// Offset after the last written record.
    pub(crate) fn written(&self) -> Offset {
        self.written
    }

    /// Offset after the last record that is known to be synced.
    pub(crate) fn durable(&self) -> Offset {
        debug_assert!(self.durable <= self.written, "durable beyond written");
        self.durable
    }

    /// Offset of the first record that is kept.
    pub(crate) fn oldest(&self) -> Offset {
        let active = self.active.as_ref().map_or(self.written, |active| active.base);
        self.sealed.front().map_or(active, |sealed| sealed.base)
    }

    /// Bytes of all segments.
    pub(crate) fn stored_bytes(&self) -> u64 {
        let active = self.active.as_ref().map_or(0, |active| active.bytes);
        self.sealed_bytes + active
    }

    /// Number of segments.
    pub(crate) fn segments(&self) -> usize {
        self.sealed.len() + usize::from(self.active.is_some())
    }

    /// The sealed segments, oldest first.
    pub(crate) fn sealed(&self) -> &VecDeque<Sealed> {
        &self.sealed
    }

    /// The active segment's keys, in order.
    pub(crate) fn active_keys(&self) -> &[Key] {
        self.active.as_ref().map_or(&[], |active| &active.keys)
    }

    /// When the active segment's first frame was committed; `None` while it is empty.
    pub(crate) fn active_since_ms(&self) -> Option<u64> {
        self.active.as_ref().and_then(|active| active.first_ms)
    }

    /// Writes a frame of `records` records: `frame` starts with room for its header. `keys` are those in it.
    pub(crate) fn write(
        &mut self,
        frame: &mut [u8],
        records: u32,
        keys: &[Key],
    ) -> Result<Header, WriteError> {
        self.make_room(frame.len() as u64)?;
        let now_ms = (self.clock)();
        let Some(active) = &mut self.active else {
            return Err(WriteError::Refused("there is no active segment".to_owned()));
        };
        let (head, body) = frame.split_at_mut(HEADER_BYTES);
        let header = Header {
            body_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
            records,
            body_crc: crc32c::crc32c(body),
            base: self.written,
            committed_at_ms: now_ms,
            durable: self.durable,
        };
        head.copy_from_slice(&header.encode());
        active.append(frame)?;
        active.first_ms.get_or_insert(now_ms);
        active.newest_ms = active.newest_ms.max(now_ms);
        active.keys.extend_from_slice(keys);
        self.written = header.end();
        Ok(header)
    }

    /// Makes everything that was written durable. After an error the log must not go on.
    pub(crate) fn sync(&mut self) -> Result<(), WriteError> {
        if self.durable == self.written {
            return Ok(());
        }
        if let Some(active) = &self.active {
            active.sync()?;
        }
        self.advance_durable();
        Ok(())
    }

    /// Seals the active segment; the next write begins a new one. Synced before the seal is written, too: where
    /// there is a seal, what lies before it was synced.
    pub(crate) fn seal(&mut self) -> Result<(), WriteError> {
        self.sync()?;
        let Some(active) = self.active.as_mut().filter(|active| active.first_ms.is_some()) else {
            return Ok(());
        };
        let seal = Seal {
            keys: u32::try_from(active.keys.len()).unwrap_or(u32::MAX),
            end: self.written,
            position: active.bytes,
            first_ms: active.first_ms.unwrap_or(0),
            newest_ms: active.newest_ms,
        };
        active.trim()?;
        active.append(&seal.encode())?;
        active.sync()?;
        if let Some(active) = self.active.take() {
            self.write_sidecar(&active);
            self.push_sealed(active);
        }
        Ok(())
    }

    /// Removes the oldest segment, which is sealed.
    pub(crate) fn remove_oldest(&mut self) -> io::Result<()> {
        if self.active.is_none() && self.sealed.len() == 1 {
            // There is always a segment: its name is how the log knows its next offset when it is opened again.
            self.begin()
                .map_err(|error| io::Error::other(format!("cannot begin the next segment: {error:?}")))?;
        }
        let Some(oldest) = self.sealed.front() else { return Ok(()) };
        remove_if_there(self.disk.as_ref(), &sidecar::path(&self.dir, oldest.base))?;
        remove_if_there(self.disk.as_ref(), &segment::path(&self.dir, oldest.base))?;
        self.sealed_bytes -= oldest.bytes;
        self.sealed.pop_front();
        self.disk.sync_dir(&self.dir)
    }

    /// Tries whether the disk takes this many bytes, and leaves nothing behind.
    pub(crate) fn probe(&mut self, bytes: usize) -> Result<(), WriteError> {
        self.make_room(0)?;
        let Some(active) = &mut self.active else { return Ok(()) };
        let before = active.bytes;
        active.append(&vec![0; bytes])?;
        active.bytes = before;
        active.roll_back()
    }

    /// Leaves the mark of an orderly shutdown, when everything is durable. Without an active segment (the disk
    /// refused to begin one) there may be the start of one, so there is nothing to vouch for.
    pub(crate) fn mark_clean(&mut self) -> io::Result<()> {
        if let Some(spare) = &mut self.spare {
            spare.give_up();
        }
        match &mut self.active {
            Some(active) if self.durable == self.written => {
                let trimmed = active.trim().and_then(|()| active.sync());
                trimmed.map_err(|error| io::Error::other(format!("{error:?}")))?;
                let clean = Clean { end: self.durable, base: active.base, bytes: active.bytes };
                clean.write(self.disk.as_ref(), &self.dir)
            }
            _ => Ok(()),
        }
    }

    /// Sees that there is an active segment, with room for this many bytes unless it is empty.
    fn make_room(&mut self, bytes: u64) -> Result<(), WriteError> {
        let full = self.active.as_ref().is_some_and(|active| self.is_full(active, bytes));
        if full {
            self.seal()?;
        }
        if self.active.is_none() { self.begin() } else { Ok(()) }
    }

    /// Whether another segment should take the next bytes: a prepared one is better than one that grows.
    fn is_full(&self, active: &Active, bytes: u64) -> bool {
        if active.prepared > 0 {
            return active.bytes + bytes + SEAL_BYTES > active.prepared;
        }
        self.spare.as_ref().is_some_and(Spare::is_early) || active.bytes + bytes > self.segment_bytes
    }

    /// Goes on preparing the next segment, after a commit of so many bytes; returns how many it wrote. Nobody waits for it.
    pub(crate) fn prepare(&mut self, committed_bytes: u64) -> u64 {
        self.spare.as_mut().map_or(0, |spare| spare.prepare(committed_bytes))
    }

    /// Gives up the segment that is being prepared: its space is needed.
    pub(crate) fn give_up_spare(&mut self) {
        if let Some(mut spare) = self.spare.take() {
            spare.give_up();
        }
    }

    fn begin(&mut self) -> Result<(), WriteError> {
        let (base, path) = (self.written, segment::path(&self.dir, self.written));
        let header = segment::header(base, (self.clock)());
        let prepared = self.spare.as_mut().and_then(Spare::take);
        let (file, prepared) = match prepared {
            Some((file, bytes)) => (file, bytes),
            None => (self.disk.open(&path, Access::Create).map_err(|error| refusal(&error))?, 0),
        };
        file.write_at(&header, 0).map_err(|error| refusal(&error))?;
        file.sync().map_err(|error| fatal("sync", &error))?;
        if let Some(spare) = self.spare.as_ref().filter(|_| prepared > 0) {
            self.disk.rename(spare.path(), &path).map_err(|error| refusal(&error))?;
        }
        self.disk.sync_dir(&self.dir).map_err(|error| fatal("sync", &error))?;
        let bytes = header.len() as u64;
        self.active = Some(Active {
            file,
            path,
            base,
            bytes,
            prepared,
            first_ms: None,
            newest_ms: 0,
            keys: Vec::new(),
        });
        Ok(())
    }

    fn push_sealed(&mut self, active: Active) {
        self.sealed_bytes += active.bytes;
        self.sealed.push_back(Sealed {
            base: active.base,
            end: self.written,
            bytes: active.bytes,
            newest_ms: active.newest_ms,
            keys: u32::try_from(active.keys.len()).unwrap_or(u32::MAX),
        });
    }

    fn write_sidecar(&self, active: &Active) {
        if active.keys.is_empty() {
            return;
        }
        let written = sidecar::write(self.disk.as_ref(), &self.dir, active.base, self.written, &active.keys);
        if let Err(error) = written {
            tracing::warn!(segment = %active.path.display(), %error, "cannot write the key file; it is made when needed");
        }
    }

    /// What was written is synced: says so in the durable mark. The mark being behind does no harm but to other
    /// processes' view, so the log goes on without it.
    fn advance_durable(&mut self) {
        self.durable = self.written;
        let outcome = self.write_mark();
        if let (Err(error), false) = (&outcome, self.mark_failed) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot write the durable mark; `tail` falls behind");
        }
        self.mark_failed = outcome.is_err();
    }

    fn write_mark(&self) -> io::Result<()> {
        Durable { end: self.durable, boot_id: self.boot_id }.write(self.mark.as_ref())
    }
}

impl Active {
    /// Writes at the end; after an error the file ends where it did before.
    fn append(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        match self.file.write_at(bytes, self.bytes) {
            Ok(()) => {
                self.bytes += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.roll_back()?;
                Err(refusal(&error))
            }
        }
    }

    /// Takes away what lies beyond the end. Synced, so that a later frame in the same place can only be torn into
    /// zeros, never into what was there.
    fn roll_back(&mut self) -> Result<(), WriteError> {
        self.prepared = 0;
        let done = self.file.truncate(self.bytes).and_then(|()| self.file.sync());
        done.map_err(|error| fatal(&format!("truncate {} after a failed write", self.path.display()), &error))
    }

    /// Cuts the zeros that were prepared and are not needed.
    fn trim(&mut self) -> Result<(), WriteError> {
        if std::mem::take(&mut self.prepared) > self.bytes {
            self.file.truncate(self.bytes).map_err(|error| {
                fatal(&format!("cut the prepared end of {}", self.path.display()), &error)
            })?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), WriteError> {
        self.file.sync().map_err(|error| fatal(&format!("sync {}", self.path.display()), &error))
    }
}

fn open_mark(disk: &dyn Disk, dir: &std::path::Path) -> Result<Box<dyn DiskFile>, OpenError> {
    let path = dir.join(DURABLE);
    match disk.open(&path, Access::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk.open(&path, Access::Create),
        other => other,
    }
    .map_err(OpenError::io(&path))
}

fn remove_if_there(disk: &dyn Disk, path: &std::path::Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn refusal(error: &io::Error) -> WriteError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::Full,
        _ => WriteError::Refused(error.to_string()),
    }
}

fn fatal(doing: &str, error: &io::Error) -> WriteError {
    WriteError::Fatal(format!("cannot {doing}: {error}"))
}
