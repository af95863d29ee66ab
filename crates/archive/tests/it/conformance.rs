//! The contract of every sink, over a folder and over a bucket.

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use onepixel_archive::{Archive, ArchiveSink, Listed};
use onepixel_consumer::conformance::{self, Fixture};
use onepixel_event::Event;

use crate::{HOUR_MS, record};

/// Its records come from a new hour every 25, and every hundredth one from the hour before.
struct Store {
    archive: Archive,
    _folder: Option<tempfile::TempDir>,
}

impl Fixture for Store {
    type Sink = ArchiveSink;

    async fn open(&mut self) -> ArchiveSink {
        ArchiveSink::new(self.archive.clone())
    }

    async fn held(&mut self) -> Vec<u64> {
        let mut held = Vec::new();
        for entry in self.archive.list().try_collect::<Vec<_>>().await.unwrap() {
            let Listed::Object { name, .. } = entry else { panic!("{entry:?} is foreign") };
            let mut lines = Vec::new();
            self.archive.read_lines(&name, |line| lines.push(number(line))).await.unwrap();
            assert!(lines.iter().copied().eq(name.first..=name.last), "{name} holds {lines:?}");
            held.append(&mut lines);
        }
        held
    }

    fn payload(&self, n: u64) -> Vec<u8> {
        let hour = if n % 100 == 99 { n / 25 - 1 } else { n / 25 };
        record(n, hour as i64 * HOUR_MS).payload.into()
    }

    fn poison(&self) -> Option<Vec<u8>> {
        Some(b"{\"received_at\":\"2026-02-10T21:04:05.123Z\"\n}".to_vec())
    }
}

fn number(line: &[u8]) -> u64 {
    Event::decode(line).unwrap().props.as_json().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    conformance::all(|| {
        let folder = tempfile::tempdir().unwrap();
        Store { archive: crate::open(folder.path()), _folder: Some(folder) }
    })
    .await;
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    conformance::all(|| {
        let archive = Archive::over(Arc::new(InMemory::new()), "prefix".into(), "memory:///prefix");
        Store { archive, _folder: None }
    })
    .await;
}
