//! Bits that flip on the medium: wherever it is, the log names the file, and the frame in it.
//!
//! A segment may be longer than what was written to it; what is flipped there damages nothing.

use std::path::Path;

use onepixel_stream::Settings;
use tokio::runtime::Runtime;

use crate::kernel::Kernel;
use crate::life::Life;
use crate::log::{self, path_of};
use crate::model::{Violation, require};
use crate::random::Random;

/// Bits that are flipped in one log, one after the other.
const FLIPS: usize = 4;
/// Bytes of a segment's header (`docs/format.md`).
const SEGMENT_HEADER: usize = 32;
/// Bytes of a frame's header, and of a seal.
const FRAME_HEADER: usize = 48;

/// Flips bits of a log all of which is durable; how many.
///
/// # Errors
/// A bit that was not noticed, or was looked for in the wrong place.
pub fn check(
    life: &Life,
    settings: &Settings,
    runtime: &Runtime,
    random: &mut Random,
) -> Result<usize, Violation> {
    let segments: Vec<_> =
        life.kernel.names().filter(|path| path.extension().is_some_and(|it| it == "log")).collect();
    for _ in 0..FLIPS {
        let path = segments[random.below(segments.len())];
        let Some(file) = life.kernel.file(path) else { continue };
        let bit = random.below(written(life.kernel.bytes(file)) * 8);
        flip(&life.kernel, path, bit, settings, runtime)?;
    }
    Ok(FLIPS)
}

/// Flips every bit of every segment, one after the other; how many.
///
/// # Errors
/// As [`check`].
pub fn check_every_bit(kernel: &Kernel, settings: &Settings, runtime: &Runtime) -> Result<usize, Violation> {
    let mut flips = 0;
    for path in kernel.names().filter(|path| path.extension().is_some_and(|it| it == "log")) {
        let Some(file) = kernel.file(path) else { continue };
        let bits = written(kernel.bytes(file)) * 8;
        (0..bits).try_for_each(|bit| flip(kernel, path, bit, settings, runtime))?;
        flips += bits;
    }
    Ok(flips)
}

fn flip(
    kernel: &Kernel,
    path: &Path,
    bit: usize,
    settings: &Settings,
    runtime: &Runtime,
) -> Result<(), Violation> {
    let Some(file) = kernel.file(path) else { return Err(format!("{} is gone", path.display())) };
    let bytes = kernel.bytes(file);
    let (name, place) = (path.to_string_lossy().into_owned(), place_of(bytes, bit / 8));
    let mut damaged = kernel.clone();
    damaged.flip(file, bit);
    is_named(damaged, settings, runtime, &name, place)
        .map_err(|what| format!("bit {bit} of {name}, which is {} bytes long: {what}", bytes.len()))
}

fn is_named(
    damaged: Kernel,
    settings: &Settings,
    runtime: &Runtime,
    name: &str,
    place: usize,
) -> Result<(), Violation> {
    let told = match log::look(damaged, settings, runtime) {
        Ok(opened) => return Err(format!("not noticed, the log was cut at {:?}", opened.cut)),
        Err(told) => told,
    };
    let expected = format!("{}: damaged at byte {place}, ", path_of(name).display());
    require(told.starts_with(&expected), || format!("expected \"{expected}...\", was told: {told}"))
}

/// Where the header, frame or seal starts that holds this byte.
fn place_of(bytes: &[u8], at: usize) -> usize {
    if at < SEGMENT_HEADER {
        return 0;
    }
    let mut place = SEGMENT_HEADER;
    while let Some(end) = end_of(bytes, place).filter(|end| *end <= at) {
        place = end;
    }
    place
}

/// How many bytes were written to a segment: up to the end of its last frame, or of its seal.
fn written(bytes: &[u8]) -> usize {
    let mut end = bytes.len().min(SEGMENT_HEADER);
    while let Some(next) = end_of(bytes, end) {
        end = next;
    }
    end
}

/// Where the frame or seal ends that starts here; nothing where neither does.
fn end_of(bytes: &[u8], place: usize) -> Option<usize> {
    let rest = bytes.get(place..)?;
    let is_frame = rest.starts_with(b"1PXF");
    if !is_frame && !rest.starts_with(b"1PXS") {
        return None;
    }
    let body: usize = rest.get(4..8)?.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some(place + FRAME_HEADER + if is_frame { body } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of five bytes, a seal, and space that was made ready and not used.
    fn segment() -> Vec<u8> {
        let mut bytes = vec![1; SEGMENT_HEADER];
        for (magic, body) in [(b"1PXF", 5), (b"1PXS", 0)] {
            let start = bytes.len();
            bytes.extend_from_slice(magic);
            bytes.resize(start + FRAME_HEADER + body, 0);
            bytes[start + 4] = 5;
        }
        bytes.resize(4096, 0);
        bytes
    }

    #[test]
    fn space_that_was_not_used_is_not_written() {
        let bytes = segment();
        assert_eq!(written(&bytes), 32 + 53 + 48);
        assert_eq!(written(&bytes[..32]), 32);
        assert_eq!(written(&[]), 0);
    }

    #[test]
    fn a_byte_belongs_to_the_frame_it_lies_in() {
        let place = |at| place_of(&segment(), at);
        assert_eq!([0, 31, 32, 84, 85, 132].map(place), [0, 0, 32, 32, 85, 85]);
    }
}
