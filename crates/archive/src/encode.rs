//! Records to the bytes of an object: newline-delimited JSON in one standard gzip member.
//!
//! Promises the same bytes for the same payloads: no time, no file name and no operating system in the header,
//! one fixed level. (Another version of the compressor may find other bytes; the lines stay the same.)

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use onepixel_consumer::Record;

const LEVEL: u32 = 1;

/// "Unknown" in RFC 1952, so that the bytes do not tell where they were made.
const OPERATING_SYSTEM: u8 = 255;

/// A guess of how far events shrink, so that the buffer seldom has to grow.
const SHRINKS_BY: usize = 5;

pub(crate) fn gzip_lines(records: &[Record]) -> io::Result<Vec<u8>> {
    let payload_bytes: usize = records.iter().map(|record| record.payload.len() + 1).sum();
    let object = Vec::with_capacity(payload_bytes / SHRINKS_BY + 256);
    let mut gzip =
        GzBuilder::new().mtime(0).operating_system(OPERATING_SYSTEM).write(object, Compression::new(LEVEL));
    for record in records {
        gzip.write_all(&record.payload)?;
        gzip.write_all(b"\n")?;
    }
    gzip.finish()
}
