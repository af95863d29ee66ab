//! Bits that flip on the medium: wherever it is, the log names the file, and the frame in it.

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
        let bytes = life.kernel.bytes(file);
        let bit = random.below(bytes.len() * 8);
        let (name, place) = (path.to_string_lossy().into_owned(), place_of(bytes, bit / 8));
        let mut damaged = life.kernel.clone();
        damaged.flip(file, bit);
        is_named(damaged, settings, runtime, &name, place)
            .map_err(|what| format!("bit {bit} of {name}, which is {} bytes long: {what}", bytes.len()))?;
    }
    Ok(FLIPS)
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
    loop {
        let is_frame = bytes[place..].starts_with(b"1PXF");
        let body: usize =
            bytes[place + 4..place + 8].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let end = place + FRAME_HEADER + if is_frame { body } else { 0 };
        if at < end || end >= bytes.len() {
            return place;
        }
        place = end;
    }
}
