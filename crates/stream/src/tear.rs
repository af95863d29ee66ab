//! Telling a write that never finished from damage.
//!
//! A crash of the machine may leave any part of what was not synced: the file ends early, or sectors that were
//! never written read as zeros. It leaves no other bytes, and it leaves what was synced alone. So broken bytes at
//! a segment's end are cut only if
//! 1. no later frame or seal says that they were synced when it was written, and
//! 2. the file ends within the frame, or a sector of it is zero, or all is zero from within the frame on to the end
//!    of a file that was prepared with zeros.
//!
//! Everything else is damage.

use std::io;

use crate::Offset;
use crate::disk::DiskFile;
use crate::frame::{FRAME_MAGIC, HEADER_BYTES, Mark};
use crate::walk::Broken;
use crate::window::Window;

/// The unit in which disks write or do not write.
const SECTOR_BYTES: u64 = 512;

/// Says why the broken bytes at `position`, where the frame of `offset` should be, are not a torn write.
/// `None`: they are one. The file's last byte that is not zero ends at `used_bytes`.
pub(crate) fn objection(
    file: &dyn DiskFile,
    position: u64,
    offset: Offset,
    broken: Broken,
    used_bytes: u64,
) -> io::Result<Option<String>> {
    let known = match broken {
        Broken::Body(header) => header.frame_bytes(),
        _ => HEADER_BYTES as u64,
    };
    let after = if matches!(broken, Broken::Body(_)) { position + known } else { position + 1 };
    if let Some(witness) = witness(file, after, offset)? {
        let what = broken.what();
        return Ok(Some(format!("{what}, and what follows at byte {witness} shows that it had been synced")));
    }
    let torn = match broken {
        Broken::HeaderCut | Broken::BodyCut => true,
        Broken::Header | Broken::Body(_) => {
            let ends_within = used_bytes < position + known && used_bytes < file.size()?;
            ends_within || has_zero_sector(file, position, known)?
        }
        Broken::Misplaced => false,
    };
    Ok((!torn).then(|| format!("{}, without the signs of an interrupted write", broken.what())))
}

/// Where after `from` a frame or seal stands that was written when `offset` had been synced.
fn witness(file: &dyn DiskFile, from: u64, offset: Offset) -> io::Result<Option<u64>> {
    let size = file.size()?;
    let mut window = Window::default();
    let mut position = from;
    while position + HEADER_BYTES as u64 <= size {
        let bytes = window.get(file, position, 64 * 1024)?;
        for at in candidates(&bytes) {
            let found = position + at as u64;
            let proves = match Mark::decode(&bytes[at..]) {
                Some(Mark::Frame(header)) => header.durable > offset,
                Some(Mark::Seal(seal)) => seal.position == found && seal.end > offset,
                None => false,
            };
            if proves {
                return Ok(Some(found));
            }
        }
        // A header that the bytes end in is whole in the next ones.
        position += (bytes.len() - (HEADER_BYTES - 1)) as u64;
    }
    Ok(None)
}

/// Where in the bytes a whole header or seal may start.
fn candidates(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let last = (bytes.len() + 1).saturating_sub(HEADER_BYTES);
    (0..last).filter(|at| bytes[*at..*at + 3] == FRAME_MAGIC[..3])
}

/// True when one of the sectors that the range lies in is zero, as far as it lies at or after `position` (before
/// it is what was written earlier) and before the file's end.
fn has_zero_sector(file: &dyn DiskFile, position: u64, bytes: u64) -> io::Result<bool> {
    let first_sector = position / SECTOR_BYTES * SECTOR_BYTES;
    let end = (position + bytes).next_multiple_of(SECTOR_BYTES).min(file.size()?);
    let mut window = Window::default();
    let mut sector = first_sector;
    while sector < end {
        let from = sector.max(position);
        let to = (sector + SECTOR_BYTES).min(end);
        let piece = window.get(file, from, usize::try_from(to - from).unwrap_or(0))?;
        if !piece.is_empty() && piece.iter().all(|byte| *byte == 0) {
            return Ok(true);
        }
        sector += SECTOR_BYTES;
    }
    Ok(false)
}
