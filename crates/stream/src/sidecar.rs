//! Key files: the keys of a sealed segment, so that opening the log need not read the segment for them.
//!
//! ```text
//! 24 + 16 * keys + 4 bytes, little endian
//!  0  magic "1PXKEYS1"
//!  8  offset of the segment's first record   u64
//! 16  offset after its last record           u64
//! 24  keys, in the order of their records    16 bytes each
//!  .. CRC32C of all before                   u32
//! ```
//! Derived from the segment: made again when missing or damaged, so it is not synced.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Access, Disk};
use crate::frame::{u32_at, u64_at};
use crate::walk::{Step, Walk};
use crate::{Key, Offset, OpenError, record, segment};

const MAGIC: [u8; 8] = *b"1PXKEYS1";
const KEYS_AT: usize = 24;

/// The path of a segment's key file.
pub(crate) fn path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{base:020}.keys"))
}

/// Writes the key file of the segment from `base` to `end`.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, base: Offset, end: Offset, keys: &[Key]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(KEYS_AT + size_of_val(keys) + 4);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&base.to_le_bytes());
    bytes.extend_from_slice(&end.to_le_bytes());
    bytes.extend_from_slice(keys.as_flattened());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    disk.open(&path(dir, base), Access::Create)?.write_at(&bytes, 0)
}

/// The keys of a sealed segment: from its key file, or from the segment itself, which makes the file again.
pub(crate) fn load(disk: &dyn Disk, dir: &Path, base: Offset, end: Offset) -> Result<Vec<Key>, OpenError> {
    if let Ok(Some(keys)) = read(disk, dir, base, end) {
        return Ok(keys);
    }
    let keys = collect(disk, dir, base)?;
    let path = path(dir, base);
    tracing::warn!(path = %path.display(), "the key file was missing or damaged; made it again from its segment");
    if let Err(error) = write(disk, dir, base, end, &keys) {
        tracing::warn!(path = %path.display(), %error, "cannot write the key file");
    }
    Ok(keys)
}

fn read(disk: &dyn Disk, dir: &Path, base: Offset, end: Offset) -> io::Result<Option<Vec<Key>>> {
    let file = disk.open(&path(dir, base), Access::Read)?;
    let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(0)];
    let read = file.read_at(&mut bytes, 0)?;
    Ok(decode(&bytes[..read], base, end))
}

fn decode(bytes: &[u8], base: Offset, end: Offset) -> Option<Vec<Key>> {
    let crc_at = bytes.len().checked_sub(4).filter(|at| *at >= KEYS_AT)?;
    let sound = bytes[..8] == MAGIC
        && u32_at(bytes, crc_at) == crc32c::crc32c(&bytes[..crc_at])
        && (u64_at(bytes, 8), u64_at(bytes, 16)) == (base, end);
    let (keys, rest) = bytes[KEYS_AT..crc_at].as_chunks::<{ size_of::<Key>() }>();
    (sound && rest.is_empty()).then(|| keys.to_vec())
}

fn collect(disk: &dyn Disk, dir: &Path, base: Offset) -> Result<Vec<Key>, OpenError> {
    let path = segment::path(dir, base);
    let file = segment::open(disk, dir, base)?;
    let (mut walk, mut keys) = (Walk::new(base), Vec::new());
    loop {
        match walk.step(file.as_ref()).map_err(OpenError::io(&path))? {
            Step::Frame(_, body) => keys_of(&body, &mut keys),
            Step::Seal(_) => return Ok(keys),
            Step::End => return Err(damage(path, &walk, "the seal is missing")),
            Step::Broken(broken) => return Err(damage(path, &walk, broken.what())),
        }
    }
}

fn damage(path: PathBuf, walk: &Walk, what: &str) -> OpenError {
    OpenError::Corrupt { path, position: walk.position(), offset: walk.offset(), what: what.to_owned() }
}

/// Adds the keys in a frame's body, in order.
pub(crate) fn keys_of(body: &[u8], keys: &mut Vec<Key>) {
    let mut at = 0;
    while let Some(parts) = record::parts(body, at) {
        keys.extend(parts.key);
        at = parts.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsDisk;

    #[test]
    fn only_a_whole_key_file_of_the_same_segment_counts() {
        let dir = tempfile::tempdir().unwrap();
        let keys = [[1; 16], [2; 16]];
        write(&OsDisk, dir.path(), 5, 9, &keys).unwrap();
        assert_eq!(read(&OsDisk, dir.path(), 5, 9).unwrap(), Some(keys.to_vec()));
        assert_eq!(read(&OsDisk, dir.path(), 5, 10).unwrap(), None);

        let file = OsDisk.open(&path(dir.path(), 5), Access::Write).unwrap();
        let size = usize::try_from(file.size().unwrap()).unwrap();
        let mut sound = vec![0; size];
        file.read_at(&mut sound, 0).unwrap();
        for at in 0..size {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            assert_eq!(decode(&bytes, 5, 9), None, "byte {at}");
            assert_eq!(decode(&sound[..at], 5, 9), None, "length {at}");
        }
    }
}
