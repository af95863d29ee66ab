//! Segment scanning: any bytes as a segment are refused, or read as exactly the sound frames they start with.
//!
//! What is sound is told by a second reading of `docs/format.md`, simpler than the log's own. With an odd first byte
//! the checksums are put right before, so that what stands behind them is reached.

use onepixel_sim::kernel::{Change, Kernel};
use onepixel_sim::log::{look, path_of, settings};
use onepixel_stream::{APPEND_BYTES_MAX, Durability, RECORD_BYTES_MAX};
use tokio::runtime::Builder;

const SEGMENT_HEADER: usize = 32;
const FRAME_HEADER: usize = 48;

/// Puts the bytes there as the first segment, and opens the log.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let mut bytes = rest.to_vec();
    if choice & 1 == 1 {
        put_right(&mut bytes);
    }
    let expected = payloads(&bytes);
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime without threads");
    // What cannot be trusted is refused; there is nothing more to ask.
    let Ok(opened) = look(disk_with(&bytes), &settings(1 << 20, Durability::Always), &runtime) else {
        return;
    };
    let found: Vec<&[u8]> = opened.found.records.iter().map(|record| &record.payload[..]).collect();
    assert_eq!(found, expected, "other records than the bytes hold");
    let again = look(opened.kernel, &settings(1 << 20, Durability::Always), &runtime);
    assert!(again.is_ok_and(|again| again.found == opened.found), "opened twice, not the same");
}

fn disk_with(bytes: &[u8]) -> Kernel {
    let mut kernel = Kernel::default();
    kernel.apply(&Change::Create(path_of("00000000000000000000.log"), 0));
    kernel.apply(&Change::Write(0, 0, bytes.into()));
    kernel.apply(&Change::Sync(0));
    kernel.apply(&Change::SyncDir);
    kernel
}

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn size(bytes: &[u8], at: usize) -> usize {
    usize::try_from(number(bytes, at, 4)).unwrap_or(usize::MAX)
}

fn crc_holds(bytes: &[u8], at: usize) -> bool {
    size(bytes, at) as u64 == u64::from(crc32c::crc32c(&bytes[..at]))
}

/// The payloads of the sound frames from the start.
fn payloads(bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let is_segment = bytes.len() >= SEGMENT_HEADER
        && bytes.starts_with(b"1PXSEGMT\x01\0\0\0\0\0\0\0\0\0\0\0")
        && crc_holds(&bytes[..SEGMENT_HEADER], 28);
    let mut rest = if is_segment { &bytes[SEGMENT_HEADER..] } else { &[] };
    while let Some((frame, after)) = frame(rest, all.len() as u64) {
        all.extend(frame);
        rest = after;
    }
    all
}

/// The payloads of a frame whose first offset is `base`, and what follows it.
fn frame(bytes: &[u8], base: u64) -> Option<(Vec<&[u8]>, &[u8])> {
    let header = bytes.get(..FRAME_HEADER).filter(|header| header.starts_with(b"1PXF"))?;
    let (body_bytes, count) = (size(header, 4), number(header, 8, 4));
    let is_sound = crc_holds(header, 44)
        && number(header, 40, 4) == 0
        && number(header, 16, 8) == base
        && number(header, 32, 8) <= base
        && count > 0
        && body_bytes <= APPEND_BYTES_MAX;
    let body = bytes.get(FRAME_HEADER..FRAME_HEADER + body_bytes).filter(|_| is_sound)?;
    if number(header, 12, 4) != u64::from(crc32c::crc32c(body)) {
        return None;
    }
    let (mut payloads, mut rest) = (Vec::new(), body);
    for _ in 0..count {
        let (payload, after) = record(rest)?;
        payloads.push(payload);
        rest = after;
    }
    rest.is_empty().then(|| (payloads, &bytes[FRAME_HEADER + body_bytes..]))
}

fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let prefix = bytes.get(..5)?;
    let at = match prefix[4] {
        0 => 5,
        1 => 21,
        _ => return None,
    };
    let payload_bytes = Some(size(prefix, 0)).filter(|bytes| *bytes <= RECORD_BYTES_MAX)?;
    let payload = bytes.get(at..at + payload_bytes)?;
    Some((payload, &bytes[at + payload_bytes..]))
}

/// Sets every checksum to what it would be, frame by frame, as far as the lengths lead.
fn put_right(bytes: &mut [u8]) {
    if bytes.len() < SEGMENT_HEADER {
        return;
    }
    set_crc(&mut bytes[..SEGMENT_HEADER], 28);
    let mut rest = &mut bytes[SEGMENT_HEADER..];
    while rest.len() >= FRAME_HEADER {
        let is_frame = rest.starts_with(b"1PXF");
        let body = if is_frame { size(rest, 4).min(rest.len() - FRAME_HEADER) } else { 0 };
        let (frame, after) = rest.split_at_mut(FRAME_HEADER + body);
        if is_frame {
            let crc = crc32c::crc32c(&frame[FRAME_HEADER..]);
            frame[12..16].copy_from_slice(&crc.to_le_bytes());
        }
        set_crc(&mut frame[..FRAME_HEADER], 44);
        rest = after;
    }
}

fn set_crc(bytes: &mut [u8], at: usize) {
    let crc = crc32c::crc32c(&bytes[..at]);
    bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}
