//! Files that a released format version wrote can be opened for ever; and what is written today is that format.
//!
//! A changed byte here is a changed format: it needs a new version, whose golden files are added beside these.

use std::path::Path;
use std::sync::Arc;

use onepixel_stream::{Clock, Durability, Key, Record, Settings, Stream};

use crate::sim_disk::SimDisk;
use crate::support::{START_MS, read_all, records};

/// A folder after an orderly shutdown: two sealed segments with their key files, and the last one.
const FILES: [(&str, &[u8]); 6] = [
    ("00000000000000000000.log", include_bytes!("golden/1/00000000000000000000.log")),
    ("00000000000000000000.keys", include_bytes!("golden/1/00000000000000000000.keys")),
    ("00000000000000000004.log", include_bytes!("golden/1/00000000000000000004.log")),
    ("00000000000000000008.log", include_bytes!("golden/1/00000000000000000008.log")),
    ("clean", include_bytes!("golden/1/clean")),
    ("durable", include_bytes!("golden/1/durable")),
];

/// The appends that made them.
const APPENDS: [&[(Option<Key>, &[u8])]; 6] = [
    &[(Some([0x11; 16]), b"{\"n\":0}"), (None, b"")],
    &[(Some([0x22; 16]), b"{\"n\":2}"), (None, b"{\"n\":3}")],
    &[(None, b"{\"n\":4,\"text\":\"gr\xc3\xbc\xc3\x9fe\"}")],
    &[(None, &[0, 1, 2, 0xfd, 0xfe, 0xff]), (None, b"{\"n\":6}"), (None, b"{\"n\":7}")],
    &[(Some([0x33; 16]), b"{\"n\":8}")],
    &[(None, b"{\"n\":9}")],
];

fn settings() -> Settings {
    Settings {
        segment_bytes: 220,
        disk_watermark_bytes: 0,
        durability: Durability::Always,
        ..Settings::new("/log")
    }
}

fn clock() -> Clock {
    Arc::new(|| START_MS)
}

fn check(found: &[Record]) {
    let expected: Vec<_> = APPENDS.iter().flat_map(|append| append.iter()).collect();
    assert_eq!(found.len(), expected.len());
    for ((nth, record), (key, payload)) in found.iter().enumerate().zip(expected) {
        assert_eq!((record.offset, record.key, &record.payload[..]), (nth as u64, *key, *payload));
        assert_eq!(record.committed_at_ms, START_MS);
    }
}

#[tokio::test]
async fn version_1_opens() {
    let disk = SimDisk::new();
    for (name, bytes) in FILES {
        disk.put(&Path::new("/log").join(name), bytes.to_vec());
    }
    let (stream, recovered) = Stream::open(Arc::new(disk), settings(), clock()).unwrap();
    assert_eq!((recovered.next, recovered.segments, recovered.clean), (10, 3, true));
    check(&read_all(&mut stream.reader(0)).await);
    for key in [0x11, 0x22, 0x33] {
        let again = stream.append(records(&[(Some([key; 16]), b"again")])).await.unwrap();
        assert_eq!((again.end, again.duplicates), (10, 1));
    }
}

#[tokio::test]
async fn what_is_written_today_is_version_1() {
    let disk = SimDisk::new();
    let (stream, _) = Stream::open(Arc::new(disk.clone()), settings(), clock()).unwrap();
    for append in APPENDS {
        stream.append(records(append)).await.unwrap();
    }
    stream.close().await;
    let mut names = disk.names();
    names.sort_unstable();
    let mut expected: Vec<_> = FILES.iter().map(|(name, _)| *name).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (name, bytes) in FILES {
        assert_eq!(disk.bytes(name), bytes, "{name}");
    }
}
