//! Two small files beside the segments: `durable`, how far the log is synced, and `clean`, how it was shut down.
//!
//! ```text
//! durable, 40 bytes, little endian              clean, 40 bytes, little endian
//!  0  magic "1PXDURBL"                           0  magic "1PXCLEAN"
//!  8  offset after the last durable record u64   8  offset after the last record    u64
//! 16  boot id of the machine               u128  16  offset of the last segment     u64
//! 32  zero                                 u32   24  bytes of the last segment      u64
//! 36  CRC32C of bytes 0 to 35              u32   32  zero                           u32
//!                                                36  CRC32C of bytes 0 to 35        u32
//! ```
//! `durable` is overwritten after every sync and not synced itself: it is never ahead of the truth, and exact as
//! long as the machine has not crashed since. A damaged or missing mark is no mark: nothing depends on either.

use std::io;
use std::path::Path;

use crate::Offset;
use crate::disk::{Access, Disk, DiskFile};
use crate::frame::{u32_at, u64_at};

/// The name of the durable mark.
pub(crate) const DURABLE: &str = "durable";
/// The name of the clean mark.
pub(crate) const CLEAN: &str = "clean";
const DURABLE_MAGIC: [u8; 8] = *b"1PXDURBL";
const CLEAN_MAGIC: [u8; 8] = *b"1PXCLEAN";
const MARK_BYTES: usize = 40;
const CRC_AT: usize = 36;

/// How far the log is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Durable {
    /// Offset after the last durable record.
    pub end: Offset,
    /// The machine's run in which it was written.
    pub boot_id: u128,
}

/// How the log was shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clean {
    /// Offset after the last record.
    pub end: Offset,
    /// The last segment.
    pub base: Offset,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Durable {
    /// Overwrites the mark.
    pub(crate) fn write(&self, file: &dyn DiskFile) -> io::Result<()> {
        let mut bytes = start(DURABLE_MAGIC, self.end);
        bytes[16..32].copy_from_slice(&self.boot_id.to_le_bytes());
        file.write_at(&finish(bytes), 0)
    }

    /// Reads the mark, if there is a sound one.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Self>> {
        let bytes = read(disk, &dir.join(DURABLE), DURABLE_MAGIC)?;
        Ok(bytes.map(|bytes| Self {
            end: u64_at(&bytes, 8),
            boot_id: u128::from(u64_at(&bytes, 16)) | u128::from(u64_at(&bytes, 24)) << 64,
        }))
    }
}

impl Clean {
    /// Leaves the mark, so that it survives a crash of the machine.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let mut bytes = start(CLEAN_MAGIC, self.end);
        bytes[16..24].copy_from_slice(&self.base.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.bytes.to_le_bytes());
        let file = disk.open(&dir.join(CLEAN), Access::Create)?;
        file.write_at(&finish(bytes), 0)?;
        file.sync()?;
        disk.sync_dir(dir)
    }

    /// Reads the mark, if there is a sound one.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Self>> {
        let bytes = read(disk, &dir.join(CLEAN), CLEAN_MAGIC)?;
        Ok(bytes.map(|bytes| Self {
            end: u64_at(&bytes, 8),
            base: u64_at(&bytes, 16),
            bytes: u64_at(&bytes, 24),
        }))
    }

    /// Takes the mark away before the log changes.
    pub(crate) fn remove(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        match disk.remove(&dir.join(CLEAN)) {
            Ok(()) => disk.sync_dir(dir),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn start(magic: [u8; 8], end: Offset) -> [u8; MARK_BYTES] {
    let mut bytes = [0; MARK_BYTES];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..16].copy_from_slice(&end.to_le_bytes());
    bytes
}

fn finish(mut bytes: [u8; MARK_BYTES]) -> [u8; MARK_BYTES] {
    let crc = crc32c::crc32c(&bytes[..CRC_AT]);
    bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn read(disk: &dyn Disk, path: &Path, magic: [u8; 8]) -> io::Result<Option<[u8; MARK_BYTES]>> {
    let file = match disk.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = [0; MARK_BYTES];
    let whole = file.read_at(&mut bytes, 0)? == MARK_BYTES;
    let sound = bytes[..8] == magic && u32_at(&bytes, CRC_AT) == crc32c::crc32c(&bytes[..CRC_AT]);
    Ok((whole && sound).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsDisk;

    #[test]
    fn marks_come_back_and_damaged_ones_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let (durable, clean) =
            (Durable { end: 7, boot_id: u128::MAX - 1 }, Clean { end: 8, base: 5, bytes: 900 });
        assert_eq!(Durable::read(&OsDisk, dir.path()).unwrap(), None);
        assert_eq!(Clean::read(&OsDisk, dir.path()).unwrap(), None);

        let file = OsDisk.open(&dir.path().join(DURABLE), Access::Create).unwrap();
        durable.write(file.as_ref()).unwrap();
        clean.write(&OsDisk, dir.path()).unwrap();
        assert_eq!(Durable::read(&OsDisk, dir.path()).unwrap(), Some(durable));
        assert_eq!(Clean::read(&OsDisk, dir.path()).unwrap(), Some(clean));

        file.write_at(&[1], 20).unwrap();
        assert_eq!(Durable::read(&OsDisk, dir.path()).unwrap(), None);
        Clean::remove(&OsDisk, dir.path()).unwrap();
        Clean::remove(&OsDisk, dir.path()).unwrap();
        assert_eq!(Clean::read(&OsDisk, dir.path()).unwrap(), None);
    }
}
