//! Listing the archive and reading its objects.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::TryStreamExt;
use onepixel_archive::{Archive, Listed, ObjectName, ReadArchiveError};
use onepixel_consumer::Sink;

use crate::{HOUR_21, HOUR_22, batch, open, record, sink};

async fn list(archive: &Archive) -> (Vec<ObjectName>, Vec<String>) {
    let (mut objects, mut foreign) = (Vec::new(), Vec::new());
    for entry in archive.list().try_collect::<Vec<_>>().await.unwrap() {
        match entry {
            Listed::Object { name, bytes } => {
                assert!(bytes > 0);
                objects.push(name);
            }
            Listed::Foreign { path, .. } => foreign.push(path),
        }
    }
    objects.sort_unstable_by_key(|name| name.first);
    foreign.sort_unstable();
    (objects, foreign)
}

#[tokio::test]
async fn lists_objects_and_what_lies_among_them() {
    let folder = tempfile::tempdir().unwrap();
    let archive = open(folder.path());
    assert_eq!(list(&archive).await, (vec![], vec![]));
    sink(folder.path()).write(&batch((5..205).map(|n| record(n, n as i64)).collect())).await.unwrap();
    let foreign = [
        format!("{HOUR_21}/notes with spaces é%.txt"),
        format!("{HOUR_22}/20260210T215959900Z-0-7-9.json.gz"),
        "events/part-0.parquet".to_owned(),
    ];
    for name in &foreign {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    // Outside of `events`, and half-written: not listed.
    std::fs::write(folder.path().join("manifest.json"), "x").unwrap();
    std::fs::write(folder.path().join(format!("{HOUR_21}/a.json.gz#1")), "x").unwrap();
    let (objects, found) = list(&archive).await;
    assert_eq!(objects.iter().map(|n| (n.first, n.last)).collect::<Vec<_>>(), [(5, 99), (100, 204)]);
    let mut foreign = foreign.to_vec();
    foreign.sort_unstable();
    assert_eq!(found, foreign);
}

#[tokio::test]
async fn reads_back_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..5000).map(|n| record(n, n as i64)).collect();
    sink(folder.path()).write(&batch(records.clone())).await.unwrap();
    let archive = open(folder.path());
    let mut lines = Vec::new();
    for name in list(&archive).await.0 {
        let count = archive.read_lines(&name, |line| lines.push(line.to_vec())).await.unwrap();
        assert_eq!(count, name.records());
    }
    assert!(records.iter().map(|r| &r.payload[..]).eq(lines.iter().map(|line| &line[..])));
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

/// Reads an object of these bytes: its lines, or "store" or "damaged".
async fn read(object: Option<&[u8]>) -> Result<Vec<String>, &'static str> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{HOUR_21}/20260210T215959900Z-0-7-9.json.gz");
    let name: ObjectName = text.parse().unwrap();
    if let Some(object) = object {
        std::fs::create_dir_all(folder.path().join(HOUR_21)).unwrap();
        std::fs::write(folder.path().join(&text), object).unwrap();
    }
    let mut lines = Vec::new();
    let archive = open(folder.path());
    let result =
        archive.read_lines(&name, |line| lines.push(String::from_utf8_lossy(line).into_owned())).await;
    match result {
        Ok(count) => {
            assert_eq!(count, lines.len() as u64);
            Ok(lines)
        }
        Err(error) => {
            assert!(error.to_string().contains(&text), "{error}");
            Err(if matches!(error, ReadArchiveError::Damaged { .. }) { "damaged" } else { "store" })
        }
    }
}

async fn check(object: &[u8], expected: Result<&[&str], &str>) {
    let lines = read(Some(object)).await;
    assert_eq!(lines, expected.map(|lines| lines.iter().map(ToString::to_string).collect()), "{object:?}");
}

#[tokio::test]
async fn tells_whole_objects_from_damaged_ones() {
    let good = gzip(b"a\nbb\n\nccc\n");
    check(&good, Ok(&["a", "bb", "", "ccc"])).await;
    check(&gzip(b""), Ok(&[])).await;
    check(&gzip(b"no end"), Ok(&["no end"])).await;
    // Several members, as tools make that append; a line may begin in one and end in the next.
    check(&[gzip(b"a\nb"), gzip(b"b\nc\n"), gzip(b"")].concat(), Ok(&["a", "bb", "c"])).await;
    for end in [0, 1, 9, 10, good.len() / 2, good.len() - 8, good.len() - 1] {
        check(&good[..end], Err("damaged")).await;
    }
    let mut wrong_checksum = good.clone();
    let at = good.len() - 8;
    wrong_checksum[at] ^= 1;
    check(&wrong_checksum, Err("damaged")).await;
    check(b"{\"received_at\":\"2026\"}\n", Err("damaged")).await;
    check(&[good, b"tail".to_vec()].concat(), Err("damaged")).await;
    assert_eq!(read(None).await, Err("store"));
}

#[tokio::test]
async fn a_line_without_end_does_not_exhaust_the_memory() {
    let long = vec![b'a'; onepixel_archive::limits::LINE_BYTES_MAX + 1];
    assert_eq!(read(Some(&gzip(&long))).await, Err("damaged"));
    assert_eq!(read(Some(&gzip(&long[1..]))).await.unwrap()[0].len(), long.len() - 1);
}
