//! Segments: files of frames, each named after the offset of its first record.
//!
//! ```text
//! segment header, 32 bytes, little endian
//!  0  magic "1PXSEGMT"
//!  8  format version                 u32
//! 12  offset of the first record     u64
//! 20  created, ms since 1970         u64
//! 28  CRC32C of bytes 0 to 27        u32
//! ```
//! Frames follow, and a seal once the next segment begins. Magic, version and checksum stay where they are in
//! every version, so that an older release can tell a newer file from a damaged one.

use std::path::{Path, PathBuf};

use crate::disk::{Access, Disk, DiskFile};
use crate::frame::{u32_at, u64_at};
use crate::{Offset, OpenError};

/// Bytes of a segment's header.
pub(crate) const HEADER_BYTES: usize = 32;
/// The version this release writes, and the newest it reads.
pub(crate) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"1PXSEGMT";
const CRC_AT: usize = 28;
const SUFFIX: &str = ".log";

/// The path of the segment whose first record has this offset.
pub(crate) fn path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{base:020}{SUFFIX}"))
}

/// The first offsets of the folder's segments, ascending. Files with other names are left alone.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> std::io::Result<Vec<Offset>> {
    let names = disk.list(dir)?;
    let mut bases: Vec<Offset> = names.iter().filter_map(|name| base_of(name)).collect();
    bases.sort_unstable();
    Ok(bases)
}

fn base_of(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// The header's bytes.
pub(crate) fn header(base: Offset, created_ms: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&base.to_le_bytes());
    bytes[20..28].copy_from_slice(&created_ms.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..CRC_AT]);
    bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// What a segment's first bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A whole header for this offset.
    Sound,
    /// The header was never written as a whole: nothing follows it.
    Unwritten,
    /// A newer release's.
    Newer(u32),
    /// Something else.
    Damaged(&'static str),
}

/// Checks the header of the segment of `base`; `bytes` are the file's first [`HEADER_BYTES`], or fewer if it is
/// shorter.
pub(crate) fn head(bytes: &[u8], base: Offset) -> Head {
    if bytes.len() < HEADER_BYTES || bytes.iter().all(|byte| *byte == 0) {
        return Head::Unwritten;
    }
    if bytes[..8] != MAGIC || u32_at(bytes, CRC_AT) != crc32c::crc32c(&bytes[..CRC_AT]) {
        return Head::Damaged("the segment's header is damaged");
    }
    match u32_at(bytes, 8) {
        VERSION if u64_at(bytes, 12) == base => Head::Sound,
        VERSION => Head::Damaged("the segment's header belongs to another offset: the file was renamed"),
        version => Head::Newer(version),
    }
}

/// Opens a segment that must have a sound header.
pub(crate) fn open(disk: &dyn Disk, dir: &Path, base: Offset) -> Result<Box<dyn DiskFile>, OpenError> {
    let path = path(dir, base);
    let file = disk.open(&path, Access::Read).map_err(OpenError::io(&path))?;
    let mut bytes = [0; HEADER_BYTES];
    let read = file.read_at(&mut bytes, 0).map_err(OpenError::io(&path))?;
    match head(&bytes[..read], base) {
        Head::Sound => Ok(file),
        Head::Newer(found) => Err(OpenError::Version { path, found, supported: VERSION }),
        Head::Unwritten => Err(corrupt_head(path, base, "the segment's header is missing")),
        Head::Damaged(what) => Err(corrupt_head(path, base, what)),
    }
}

fn corrupt_head(path: PathBuf, offset: Offset, what: &str) -> OpenError {
    OpenError::Corrupt { path, position: 0, offset, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_twenty_digits_are_segments() {
        assert_eq!(base_of("00000000000000000042.log"), Some(42));
        assert_eq!(base_of("18446744073709551615.log"), Some(u64::MAX));
        for name in [
            "42.log",
            "00000000000000000042.keys",
            "+0000000000000000042.log",
            "durable",
            "99999999999999999999.log",
        ] {
            assert_eq!(base_of(name), None, "{name}");
        }
    }

    #[test]
    fn heads_are_told_apart() {
        let sound = header(5, 1000);
        assert_eq!(head(&sound, 5), Head::Sound);
        assert!(matches!(head(&sound, 6), Head::Damaged(_)));
        assert_eq!(head(&sound[..31], 5), Head::Unwritten);
        assert_eq!(head(&[0; HEADER_BYTES], 5), Head::Unwritten);
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = sound;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(head(&flipped, 5), Head::Damaged(_)), "bit {bit}");
        }
        let mut newer = sound;
        newer[8] = 2;
        let crc = crc32c::crc32c(&newer[..CRC_AT]);
        newer[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(head(&newer, 5), Head::Newer(2));
    }
}
