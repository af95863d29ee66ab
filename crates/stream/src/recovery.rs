//! Opening: what the folder holds, whether it can be trusted, and where the log goes on.
//!
//! Reads the last segment whole; of the sealed ones the header and the seal, which must lie end to end. A torn
//! write at the end of the last segment is cut (see [`crate::tear`]); damage to what was acknowledged is refused.
//! [`inspect`] changes nothing; [`repair`] does, and is done twice without harm.

use std::path::{Path, PathBuf};

use crate::disk::{Access, Disk, DiskFile};
use crate::frame::{HEADER_BYTES, Header, Mark, Seal};
use crate::marks::{Clean, Durable};
use crate::segment::Head;
use crate::walk::{Broken, Step, Walk};
use crate::{Key, Offset, OpenError, segment, sidecar, tear};

/// Bytes that are written again at once.
const REWRITE_BYTES: usize = 1 << 20;

/// Bytes that are looked at at once for one that is not zero.
const LOOK_BYTES: usize = 256 * 1024;

/// A segment that takes no more frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed {
    /// Offset of the first record.
    pub base: Offset,
    /// Offset after the last record.
    pub end: Offset,
    /// Size in bytes, the seal included.
    pub bytes: u64,
    /// When its newest frame was committed.
    pub newest_ms: u64,
    /// How many keys it has.
    pub keys: u32,
}

/// The last segment, as far as it is sound.
#[derive(Debug)]
pub(crate) struct Last {
    /// Offset of the first record.
    pub base: Offset,
    /// Offset after the last record.
    pub end: Offset,
    /// Where the sound part ends, in bytes. 0: not even the header was written.
    pub bytes: u64,
    /// Where its last byte that is not zero ends; behind it is what was prepared for more.
    pub used_bytes: u64,
    /// Size of the file.
    pub file_bytes: u64,
    /// Where the frames start that are not known to be synced.
    pub unproven: u64,
    /// When its first frame was committed.
    pub first_ms: Option<u64>,
    /// When its newest frame was committed.
    pub newest_ms: u64,
    /// The keys in it, in order.
    pub keys: Vec<Key>,
    /// The seal, if it is sealed.
    pub seal: Option<Seal>,
}

/// What was found in the folder.
#[derive(Debug)]
pub(crate) struct Found {
    /// All segments but the last, oldest first.
    pub sealed: Vec<Sealed>,
    /// The last segment; none in a new folder.
    pub last: Option<Last>,
    /// The durable mark.
    pub durable: Option<Durable>,
    /// Whether the log was shut down in order.
    pub clean: bool,
}

impl Found {
    /// Offset after the last sound record.
    pub(crate) fn end(&self) -> Offset {
        self.last.as_ref().map_or(0, |last| last.end)
    }
}

/// Looks at the folder without changing it.
pub(crate) fn inspect(disk: &dyn Disk, dir: &Path) -> Result<Found, OpenError> {
    let durable = Durable::read(disk, dir).map_err(OpenError::io(dir))?;
    let clean = Clean::read(disk, dir).map_err(OpenError::io(dir))?;
    let bases = segment::list(disk, dir).map_err(OpenError::io(dir))?;
    let mut sealed = Vec::with_capacity(bases.len());
    for pair in bases.windows(2) {
        sealed.push(check_sealed(disk, dir, pair[0], pair[1])?);
    }
    let durable_end = durable.map_or(0, |durable| durable.end);
    let last = match bases.last() {
        Some(base) => Some(check_last(disk, dir, *base, durable_end)?),
        None => None,
    };
    let found = Found { sealed, last, durable, clean: clean.is_some() };
    check_end(dir, &found, durable_end)?;
    check_clean(dir, &found, clean)?;
    Ok(found)
}

/// The cheap look at a sealed segment: its header, its first frame, and the seal at its end.
fn check_sealed(disk: &dyn Disk, dir: &Path, base: Offset, next: Offset) -> Result<Sealed, OpenError> {
    let path = segment::path(dir, base);
    let file = segment::open(disk, dir, base)?;
    let bytes = file.size().map_err(OpenError::io(&path))?;
    let position = bytes.saturating_sub(HEADER_BYTES as u64);
    let corrupt =
        |position, offset, what: String| OpenError::Corrupt { path: path.clone(), position, offset, what };

    let first = mark_at(file.as_ref(), segment::HEADER_BYTES as u64).map_err(OpenError::io(&path))?;
    match first {
        Some(Mark::Frame(header)) if header.base == base => {}
        _ => return Err(corrupt(segment::HEADER_BYTES as u64, base, Broken::Header.what().to_owned())),
    }
    match mark_at(file.as_ref(), position).map_err(OpenError::io(&path))? {
        Some(Mark::Seal(seal)) if seal.position != position || seal.end < base => {
            Err(corrupt(position, base, "the seal belongs to another place".to_owned()))
        }
        Some(Mark::Seal(seal)) if seal.end != next => {
            let what = format!("the segment ends at offset {}, the next one starts at {next}", seal.end);
            Err(corrupt(position, seal.end.min(next), what))
        }
        Some(Mark::Seal(seal)) => {
            Ok(Sealed { base, end: next, bytes, newest_ms: seal.newest_ms, keys: seal.keys })
        }
        _ => Err(corrupt(position, base, "the segment's seal is missing or damaged".to_owned())),
    }
}

fn mark_at(file: &dyn DiskFile, position: u64) -> std::io::Result<Option<Mark>> {
    let mut bytes = [0; HEADER_BYTES];
    let read = file.read_at(&mut bytes, position)?;
    Ok(Mark::decode(&bytes[..read]))
}

/// Reads the last segment whole.
fn check_last(disk: &dyn Disk, dir: &Path, base: Offset, durable_end: Offset) -> Result<Last, OpenError> {
    let path = segment::path(dir, base);
    let file = disk.open(&path, Access::Read).map_err(OpenError::io(&path))?;
    let file_bytes = file.size().map_err(OpenError::io(&path))?;
    let mut last = Last {
        base,
        end: base,
        bytes: 0,
        used_bytes: used(file.as_ref(), file_bytes).map_err(OpenError::io(&path))?,
        file_bytes,
        unproven: segment::HEADER_BYTES as u64,
        first_ms: None,
        newest_ms: 0,
        keys: Vec::new(),
        seal: None,
    };
    if head_is_written(&path, file.as_ref(), base, last.used_bytes)? {
        let broken = last.read(&path, file.as_ref(), durable_end)?;
        last.judge(&path, file.as_ref(), broken)?;
    }
    Ok(last)
}

fn head_is_written(
    path: &Path,
    file: &dyn DiskFile,
    base: Offset,
    used_bytes: u64,
) -> Result<bool, OpenError> {
    let mut bytes = [0; segment::HEADER_BYTES];
    let read = file.read_at(&mut bytes, 0).map_err(OpenError::io(path))?;
    let damaged = |what: &str| {
        Err(OpenError::Corrupt { path: path.to_owned(), position: 0, offset: base, what: what.to_owned() })
    };
    match segment::head(&bytes[..read], base) {
        Head::Sound => Ok(true),
        Head::Unwritten if used_bytes == 0 || read < segment::HEADER_BYTES => Ok(false),
        Head::Unwritten => damaged("the segment's header is missing"),
        Head::Damaged(what) => damaged(what),
        Head::Newer(found) => {
            Err(OpenError::Version { path: path.to_owned(), found, supported: segment::VERSION })
        }
    }
}

/// Where the file's last byte that is not zero ends.
fn used(file: &dyn DiskFile, file_bytes: u64) -> std::io::Result<u64> {
    let mut buffer = vec![0; LOOK_BYTES];
    let mut end = file_bytes;
    while end > 0 {
        let start = end.saturating_sub(LOOK_BYTES as u64);
        let wanted = usize::try_from(end - start).unwrap_or(LOOK_BYTES);
        let read = file.read_at(&mut buffer[..wanted], start)?;
        if let Some(last) = buffer[..read].iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

impl Last {
    /// Goes through all sound frames. Returns what ends them, if it is not the end of the file.
    fn read(
        &mut self,
        path: &Path,
        file: &dyn DiskFile,
        durable_end: Offset,
    ) -> Result<Option<Broken>, OpenError> {
        let mut walk = Walk::new(self.base);
        let broken = loop {
            match walk.step(file).map_err(OpenError::io(path))? {
                Step::Frame(header, body) => self.add(&header, &body, walk.position(), durable_end),
                Step::Seal(seal) => {
                    self.seal = Some(seal);
                    break None;
                }
                Step::End => break None,
                Step::Broken(broken) => break Some(broken),
            }
        };
        self.bytes = walk.position() + if self.seal.is_some() { HEADER_BYTES as u64 } else { 0 };
        Ok(broken)
    }

    fn add(&mut self, header: &Header, body: &[u8], position: u64, durable_end: Offset) {
        self.end = header.end();
        self.first_ms.get_or_insert(header.committed_at_ms);
        self.newest_ms = self.newest_ms.max(header.committed_at_ms);
        if self.end <= durable_end {
            self.unproven = position;
        }
        sidecar::keys_of(body, &mut self.keys);
    }

    /// Decides whether what follows the sound frames may be cut.
    fn judge(&self, path: &Path, file: &dyn DiskFile, broken: Option<Broken>) -> Result<(), OpenError> {
        let objection = match broken {
            Some(broken) => tear::objection(file, self.bytes, self.end, broken, self.used_bytes)
                .map_err(OpenError::io(path))?,
            None if self.bytes < self.used_bytes => Some("bytes after the segment's seal".to_owned()),
            None => None,
        };
        match objection {
            None => Ok(()),
            Some(what) => Err(OpenError::Corrupt {
                path: path.to_owned(),
                position: self.bytes,
                offset: self.end,
                what,
            }),
        }
    }
}

fn check_end(dir: &Path, found: &Found, durable_end: Offset) -> Result<(), OpenError> {
    let end = found.end();
    if end >= durable_end {
        return Ok(());
    }
    let (path, position) = last_place(dir, found);
    let what = format!(
        "the log ends at offset {end}, but the file `durable` says that records up to {durable_end} were acknowledged"
    );
    Err(OpenError::Corrupt { path, position, offset: end, what })
}

fn check_clean(dir: &Path, found: &Found, clean: Option<Clean>) -> Result<(), OpenError> {
    let Some(clean) = clean else { return Ok(()) };
    let same = found.last.as_ref().is_some_and(|last| {
        (last.base, last.end, last.bytes, last.file_bytes)
            == (clean.base, clean.end, clean.bytes, clean.bytes)
    });
    if same {
        return Ok(());
    }
    let (path, position) = last_place(dir, found);
    let what = format!(
        "the log was shut down in order at offset {}, byte {} of the segment of offset {}, and is not what it was",
        clean.end, clean.bytes, clean.base
    );
    Err(OpenError::Corrupt { path, position, offset: found.end(), what })
}

fn last_place(dir: &Path, found: &Found) -> (PathBuf, u64) {
    match &found.last {
        Some(last) => (segment::path(dir, last.base), last.bytes),
        None => (dir.to_owned(), 0),
    }
}

/// Cuts what was torn from the last segment and makes what remains survive a crash of the machine. Returns the
/// segment's file, ready for more; `None` when its header has to be written first.
pub(crate) fn repair(
    disk: &dyn Disk,
    dir: &Path,
    found: &Found,
) -> Result<Option<Box<dyn DiskFile>>, OpenError> {
    let Some(last) = found.last.as_ref().filter(|last| last.bytes > 0) else { return Ok(None) };
    let path = segment::path(dir, last.base);
    let file = disk.open(&path, Access::Write).map_err(OpenError::io(&path))?;
    if last.bytes < last.file_bytes {
        file.truncate(last.bytes).map_err(OpenError::io(&path))?;
    }
    // After a failed sync the kernel may hold pages as clean that never reached the disk: write them again.
    // After a crash of the machine all that is read comes from the disk.
    let same_run = found.durable.is_none_or(|durable| durable.boot_id == disk.boot_id());
    if same_run && !found.clean {
        rewrite(file.as_ref(), last.unproven, last.bytes).map_err(OpenError::io(&path))?;
    }
    file.sync().map_err(OpenError::io(&path))?;
    disk.sync_dir(dir).map_err(OpenError::io(dir))?;
    Ok(Some(file))
}

fn rewrite(file: &dyn DiskFile, from: u64, to: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; REWRITE_BYTES];
    let mut position = from;
    while position < to {
        let wanted = usize::try_from(to - position).unwrap_or(REWRITE_BYTES).min(REWRITE_BYTES);
        let read = file.read_at(&mut buffer[..wanted], position)?;
        if read == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        file.write_at(&buffer[..read], position)?;
        position += read as u64;
    }
    Ok(())
}
