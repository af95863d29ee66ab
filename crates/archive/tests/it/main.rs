//! The archive from outside: what lies on the disk or in the bucket, and what standard tools make of it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "these tests look at the archive's files from outside")]

mod conformance;
mod crash;
mod read;
mod remote;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use onepixel_archive::{Archive, ArchiveSink};
use onepixel_consumer::{Batch, Record};
use onepixel_event::{Event, EventId, Props, Source, Time};

/// 2026-02-10T21:59:59.900Z: a tenth of a second before the hour turns.
const BEFORE_THE_TURN_MS: i64 = 1_770_760_799_900;
const HOUR_MS: i64 = 3_600_000;

/// The folder of the hour before the turn, and of the one after it.
const HOUR_21: &str = "events/year=2026/month=02/day=10/hour=21";
const HOUR_22: &str = "events/year=2026/month=02/day=10/hour=22";

/// An encoded event with varied content, received `after_ms` after the moment before the turn.
fn record(offset: u64, after_ms: i64) -> Record {
    let at = Time::from_ms(BEFORE_THE_TURN_MS + after_ms);
    let mut id = [0; 10];
    id[2..].copy_from_slice(&offset.to_be_bytes());
    let mut event = Event::new(EventId::at(at, id), at, Source::Pixel, "pageview", "bløg");
    event.title = Some(format!("line {offset}\nwith \"quotes\", \u{1F980} and \u{2028}").into());
    event.props = Props::from_object(format!(r#"{{"n":{offset}}}"#).into_bytes());
    let mut payload = Vec::new();
    event.encode(&mut payload);
    Record { offset, committed_at_ms: 0, key: None, payload: payload.into() }
}

fn garbage(offset: u64, payload: &'static [u8]) -> Record {
    Record { payload: Bytes::from_static(payload), ..record(offset, 0) }
}

/// A batch of partition 0 for exactly its records.
fn batch(records: Vec<Record>) -> Batch {
    let first = records.first().map_or(0, |r| r.offset);
    let end = records.last().map_or(0, |r| r.offset + 1);
    Batch { partition: 0, range: first..end, records }
}

fn open(folder: &Path) -> Archive {
    Archive::open_with("", folder, []).unwrap()
}

fn sink(folder: &Path) -> ArchiveSink {
    ArchiveSink::new(open(folder))
}

/// Every file below a folder with its bytes, hidden and half-written ones included.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

/// What `gzip -dc` prints for a file.
fn gunzip(file: &Path) -> Vec<u8> {
    let output = std::process::Command::new("gzip").arg("-dc").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The payloads as lines.
fn lines(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(|r| r.payload.iter().copied().chain(*b"\n")).collect()
}
