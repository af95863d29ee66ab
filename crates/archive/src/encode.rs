//! Records to the bytes of an object: newline-delimited JSON in one standard gzip member.
//!
//! Promises the same bytes for the same payloads: no time, no file name and no operating system in the header, one
//! fixed level, and parts that end where the text says, however many cores compress them. (Another version of the
//! compressor may find other bytes; the lines stay the same.)

use std::num::NonZero;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

use crc32fast::Hasher;
use sirocco::Format;
use sirocco::deflate::{Encoder, Flush, Level, compress_bound};

const LEVEL: Level = Level::FASTEST;

/// Lines of about so many bytes are compressed on their own, so that cores share the work; nothing before them is
/// repeated, which costs 1 % of an object's size.
const PART_BYTES: usize = 512 * 1024;

/// The cores that this process may use.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// What the end of a part takes beyond the compressor's bound: an empty block, and the bits up to a whole byte.
const FLUSH_BYTES_MAX: usize = 16;

/// RFC 1952: deflate, no flags, no time, nothing on the effort, an unknown operating system, so that the bytes do not
/// tell when and where they were made.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The bytes of an object with these lines, which are given without line ends. The same lines make the same bytes.
///
/// # Errors
/// What the compressor says; into memory there is nothing that could fail.
pub fn gzip_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> io::Result<Vec<u8>> {
    let lines: Vec<&[u8]> = lines.collect();
    let parts = parts(&lines);
    let next = AtomicUsize::new(0);
    let work = || compress_parts(&parts, &next);
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..parts.len().min(*CORES)).map(|_| scope.spawn(work)).collect();
        let mut done = work()?;
        for other in others {
            done.extend(
                other.join().map_err(|_| io::Error::other("a thread that compresses has panicked"))??,
            );
        }
        io::Result::Ok(done)
    })?;
    done.sort_unstable_by_key(|part| part.at);
    Ok(member(&done))
}

/// A part of an object, compressed.
struct Part {
    at: usize,
    deflated: Vec<u8>,
    checksum: Hasher,
    text_bytes: usize,
}

/// The lines of each part; a part without lines when there are none.
fn parts<'l, 'a>(lines: &'l [&'a [u8]]) -> Vec<&'l [&'a [u8]]> {
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, line) in lines.iter().enumerate() {
        bytes += line.len() + 1;
        if bytes >= PART_BYTES {
            parts.push(&lines[start..=at]);
            (start, bytes) = (at + 1, 0);
        }
    }
    parts.push(&lines[start..]);
    parts
}

/// Takes one part after the other as long as there are any, and compresses it.
fn compress_parts(parts: &[&[&[u8]]], next: &AtomicUsize) -> io::Result<Vec<Part>> {
    let mut encoder = Encoder::new(Format::Deflate, LEVEL);
    let (mut text, mut buffer, mut done) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(lines) = parts.get(at) else { return Ok(done) };
        text.clear();
        for line in *lines {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        // Parts but the last end on a whole byte, so that the next one can follow.
        let flush = if at + 1 == parts.len() { Flush::Finish } else { Flush::Sync };
        let bound = compress_bound(Format::Deflate, text.len()) + FLUSH_BYTES_MAX;
        if buffer.len() < bound {
            buffer.resize(bound, 0);
        }
        let progress = encoder.compress(&text, &mut buffer, flush);
        if progress.full {
            return Err(io::Error::other("the compressor wanted more room than it said"));
        }
        let mut checksum = Hasher::new();
        checksum.update(&text);
        done.push(Part { at, deflated: progress.output.to_vec(), checksum, text_bytes: text.len() });
        encoder.reset();
    }
}

/// The parts, in order, as one gzip member.
fn member(parts: &[Part]) -> Vec<u8> {
    let mut member = HEADER.to_vec();
    let (mut checksum, mut text_bytes) = (Hasher::new(), 0_usize);
    member.reserve_exact(parts.iter().map(|part| part.deflated.len()).sum::<usize>() + 8);
    for part in parts {
        member.extend_from_slice(&part.deflated);
        checksum.combine(&part.checksum);
        text_bytes += part.text_bytes;
    }
    member.extend_from_slice(&checksum.finalize().to_le_bytes());
    // RFC 1952 has the length modulo 2^32.
    member.extend_from_slice(&(text_bytes as u32).to_le_bytes());
    member
}
