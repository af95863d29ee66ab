//! Readers that keep up are served from memory, and go on from the disk when they fall behind.

use std::path::Path;
use std::sync::Arc;

use onepixel_stream::{Reader, Settings};

use crate::sim_disk::SimDisk;
use crate::support::{append, open_on, payloads, settings};

/// More than is kept in memory.
const MANY_BYTES: usize = 10 << 20;
const PAYLOAD_BYTES: usize = 100_000;

fn payload(number: usize) -> Vec<u8> {
    let mut payload = vec![u8::try_from(number % 251).unwrap(); PAYLOAD_BYTES];
    payload[..8].copy_from_slice(&(number as u64).to_le_bytes());
    payload
}

async fn follow(reader: &mut Reader, from: usize, to: usize) {
    let mut number = from;
    while number < to {
        for record in reader.next((to - number).min(3), usize::MAX).await.unwrap() {
            assert_eq!(record.offset, number as u64);
            assert_eq!(record.payload, payload(number), "record {number}");
            number += 1;
        }
    }
    assert_eq!(number, to);
}

#[tokio::test]
async fn who_keeps_up_needs_no_disk_and_who_begins_does() {
    let disk = SimDisk::new();
    let (stream, _) = open_on(Arc::new(disk.clone()), settings(Path::new("/log"))).unwrap();
    append(&stream, b"nobody reads").await.unwrap();
    let mut reader = stream.reader(1);
    append(&stream, b"one").await.unwrap();
    append(&stream, b"two").await.unwrap();
    disk.take_away(Path::new("/log/00000000000000000000.log"));
    assert_eq!(payloads(&reader.next(10, 1000).await.unwrap()), [b"one", b"two"]);
    reader.seek(0);
    reader.next(10, 1000).await.unwrap_err();
}

#[tokio::test]
async fn who_falls_behind_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 1 << 20, ..settings(dir.path()) };
    let (stream, _) = open_on(Arc::new(onepixel_stream::OsDisk), settings).unwrap();
    let mut reader = stream.reader(0);
    let (mut read, mut appended) = (0, 0);
    for behind in [1, MANY_BYTES / PAYLOAD_BYTES, 2, 40, MANY_BYTES / PAYLOAD_BYTES] {
        for number in appended..appended + behind {
            append(&stream, &payload(number)).await.unwrap();
        }
        appended += behind;
        // Not to the end: what is next lies in the middle of what is kept, or before it.
        follow(&mut reader, read, appended - behind / 3).await;
        read = appended - behind / 3;
    }
    follow(&mut reader, read, appended).await;
    stream.close().await;
    reader.next(1, 1).await.unwrap_err();
}
