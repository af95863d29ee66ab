//! Records to the bytes of an object: newline-delimited JSON in one standard gzip member.
//!
//! Promises the same bytes for the same payloads: no time, no file name and no operating system in the header, one
//! fixed level, and parts that end where the text says, however many cores compress them. (Another version of the
//! compressor may find other bytes; the lines stay the same.)

use crc32fast::Hasher;
use onepixel_consumer::on_all_cores;
use sirocco::Format;
use sirocco::deflate::{Encoder, Flush, Level};

const LEVEL: Level = Level::FASTEST;

/// Lines of about so many bytes are compressed on their own, so that cores share the work; nothing before them is
/// repeated, which costs 1 % of an object's size.
const PART_BYTES: usize = 512 * 1024;

/// What the compressor hands out at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// A guess of how far events shrink.
const SHRINKS_BY: usize = 6;

/// RFC 1952: deflate, no flags, no time, nothing on the effort, an unknown operating system, so that the bytes do not
/// tell when and where they were made.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The bytes of an object with these lines, which are given without line ends. The same lines make the same bytes.
pub fn gzip_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let lines: Vec<&[u8]> = lines.collect();
    let parts = parts(&lines);
    let last = parts.len() - 1;
    member(&on_all_cores(parts.len(), Deflate::new, |deflate, at| deflate.part(parts[at], at == last)))
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

/// A part of an object, compressed.
struct Part {
    deflated: Vec<u8>,
    checksum: Hasher,
    text_bytes: usize,
}

/// Compresses one part after the other, in memory that it keeps.
struct Deflate {
    encoder: Encoder,
    text: Vec<u8>,
    buffer: Vec<u8>,
}

impl Deflate {
    fn new() -> Self {
        Self {
            encoder: Encoder::new(Format::Deflate, LEVEL),
            text: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
        }
    }

    /// Parts but the last end on a whole byte, so that the next one can follow.
    fn part(&mut self, lines: &[&[u8]], is_last: bool) -> Part {
        self.text.clear();
        for line in lines {
            self.text.extend_from_slice(line);
            self.text.push(b'\n');
        }
        let flush = if is_last { Flush::Finish } else { Flush::Sync };
        let mut deflated = Vec::with_capacity(self.text.len() / SHRINKS_BY);
        loop {
            let progress = self.encoder.compress(&self.text, &mut self.buffer, flush);
            deflated.extend_from_slice(progress.output);
            if !progress.full {
                break;
            }
        }
        self.encoder.reset();
        let mut checksum = Hasher::new();
        checksum.update(&self.text);
        Part { deflated, checksum, text_bytes: self.text.len() }
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    /// Reads one member, and expects nothing behind it.
    fn inflate(object: &[u8]) -> Vec<u8> {
        let mut decoder = GzDecoder::new(object);
        let mut text = Vec::new();
        decoder.read_to_end(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty(), "bytes behind the member");
        text
    }

    #[track_caller]
    fn check(lines: &[Vec<u8>]) -> Vec<u8> {
        let object = gzip_lines(lines.iter().map(Vec::as_slice));
        let text: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
        assert!(inflate(&object) == text, "{} lines come back as others", lines.len());
        assert_eq!(object, gzip_lines(lines.iter().map(Vec::as_slice)), "not the same bytes again");
        object
    }

    /// Bytes that do not shrink; the generator of Numerical Recipes.
    fn noise(bytes: usize, seed: u32) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..bytes).map(|_| next().max(b' ')).collect()
    }

    #[test]
    fn an_object_of_any_size_is_one_member() {
        assert_eq!(check(&[])[..10], HEADER);
        check(&[Vec::new()]);
        let event = |n: u32| format!("{{\"id\":\"{n:08x}\",\"page\":\"/{}\"}}", n % 97).into_bytes();
        for lines in [1, 1000, 15_000, 15_001, 60_000] {
            check(&(0..lines).map(event).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_does_not_shrink_is_kept_too() {
        check(&[noise(3 * PART_BYTES, 1), b"{}".to_vec(), noise(PART_BYTES - 1, 2), noise(PART_BYTES, 3)]);
        check(&(0..3000).map(|n| noise(700, n)).collect::<Vec<_>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_lines_come_back(
            pieces in prop::collection::vec((prop::collection::vec(b' '..=255, 0..40), 1_usize..3000, 0_usize..200), 0..60),
        ) {
            let lines: Vec<Vec<u8>> = pieces
                .iter()
                .flat_map(|(piece, times, lines)| std::iter::repeat_n(piece.repeat(*times % 40), *lines))
                .collect();
            check(&lines);
        }
    }
}
