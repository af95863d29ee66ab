//! A disk that is full, refuses, or lies: the log says no, loses nothing, and goes on when it can.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onepixel_stream::{AppendError, Appended, Durability, Settings, Status, Stream, extent};

use crate::sim_disk::{Leaves, Rng, SimDisk};
use crate::support::{Hand, append, payloads, read_all, records, settings, until};

fn open(disk: &SimDisk, settings: Settings, hand: &Hand) -> Stream {
    Stream::open(Arc::new(disk.clone()), settings, hand.clock()).unwrap().0
}

fn plain() -> Settings {
    settings(Path::new("/log"))
}

#[tokio::test]
async fn below_the_watermark_nothing_is_appended_until_there_is_space() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, Settings { disk_watermark_bytes: 10_000, ..plain() }, &hand);
    append(&stream, b"before").await.unwrap();
    assert_eq!(stream.state().status, Status::Ready);

    disk.set_capacity(Some(disk.used() + 9_999));
    hand.advance(101);
    assert_eq!(stream.state().status, Status::DiskFull);
    assert_eq!(append(&stream, b"refused").await, Err(AppendError::DiskFull));

    disk.set_capacity(Some(disk.used() + 10_000));
    hand.advance(101);
    assert_eq!(stream.state().status, Status::Ready);
    append(&stream, b"after").await.unwrap();
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), [&b"before"[..], b"after"]);
}

#[tokio::test]
async fn what_was_written_since_the_disk_was_asked_counts() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, Settings { disk_watermark_bytes: 10_000, ..plain() }, &hand);
    disk.set_capacity(Some(disk.used() + 15_000));
    hand.advance(101);
    let mut stored = 0;
    while append(&stream, &[0; 900]).await.is_ok() {
        stored += 1;
        assert!(stored < 100, "the watermark is never reached");
    }
    let free = 15_000 - stored * (900 + 48 + 5);
    assert!((9_000..10_000).contains(&free), "{free} bytes are free");
}

#[tokio::test]
async fn a_full_disk_is_survived_without_a_restart() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, plain(), &hand);
    let mut expected = Vec::new();
    disk.set_capacity(Some(disk.used() + 10_000));
    for n in 0..100u8 {
        match stream.append(records(&[(Some([n; 16]), &[n; 300])])).await {
            Ok(_) => expected.push([n; 300].to_vec()),
            Err(error) => assert_eq!(error, AppendError::DiskFull),
        }
    }
    assert!((10..40).contains(&expected.len()), "{}", expected.len());
    assert_eq!(stream.state().status, Status::DiskFull);
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), expected);

    // A key of a frame that could not be written is not taken for a known one.
    disk.set_capacity(None);
    let again = stream.append(records(&[(Some([99; 16]), b"again")])).await.unwrap();
    assert_eq!(again, Appended { end: expected.len() as u64 + 1, duplicates: 0 });
    assert_eq!(stream.state().status, Status::Ready);
    expected.push(b"again".to_vec());

    let disk = disk.after_crash(Leaves::Nothing, &mut Rng::new(0));
    let stream = open(&disk, plain(), &hand);
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), expected);
}

#[tokio::test]
async fn a_full_disk_is_tried_again_when_nobody_appends() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, plain(), &hand);
    disk.set_capacity(Some(disk.used()));
    assert_eq!(append(&stream, b"refused").await, Err(AppendError::DiskFull));
    assert_eq!(stream.state().status, Status::DiskFull);
    disk.set_capacity(None);
    until(|| stream.state().status == Status::Ready).await;
    append(&stream, b"first").await.unwrap();
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), [b"first"]);
}

#[tokio::test]
async fn a_refused_write_leaves_the_log_as_it_was() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, plain(), &hand);
    append(&stream, b"before").await.unwrap();
    let before = disk.bytes("00000000000000000000.log");
    disk.set_write_error(Some(ErrorKind::Other));
    let refused = append(&stream, b"refused").await;
    assert!(matches!(refused, Err(AppendError::NotWritten { .. })), "{refused:?}");
    assert_eq!(disk.bytes("00000000000000000000.log"), before);
    assert_eq!(stream.state().status, Status::Ready);
    disk.set_write_error(None);
    append(&stream, b"after").await.unwrap();
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), [&b"before"[..], b"after"]);
}

#[tokio::test]
async fn a_write_that_cannot_be_taken_back_ends_the_log() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, plain(), &hand);
    append(&stream, b"before").await.unwrap();
    disk.set_write_error(Some(ErrorKind::StorageFull));
    disk.set_truncate_fails(true);
    assert!(matches!(append(&stream, b"lost").await, Err(AppendError::Failed { .. })));
    disk.set_write_error(None);
    disk.set_truncate_fails(false);
    assert!(matches!(append(&stream, b"refused").await, Err(AppendError::Failed { .. })));
    let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
    let stream = open(&disk, plain(), &hand);
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), [b"before"]);
}

#[tokio::test]
async fn after_a_failed_sync_everything_is_refused_with_the_reason() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, plain(), &hand);
    append(&stream, b"before").await.unwrap();
    disk.set_sync_fails(true);
    let failed = append(&stream, b"unknown").await;
    assert!(matches!(&failed, Err(AppendError::Failed { reason }) if reason.contains("sync")), "{failed:?}");
    disk.set_sync_fails(false);
    assert_eq!(append(&stream, b"refused").await, failed.map(|_| Appended { end: 0, duplicates: 0 }));
    assert!(matches!(stream.state().status, Status::Failed(_)));
    let state = stream.state();
    assert_eq!((state.durable, state.oldest), (1, 0));
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), [b"before"]);
    stream.close().await;
    assert!(!disk.names().contains(&"clean".to_owned()));

    // The next process writes again what the failed sync may have left in memory only.
    let stream = open(&disk, plain(), &hand);
    let found = payloads(&read_all(&mut stream.reader(0)).await);
    assert_eq!(found, [&b"before"[..], b"unknown"]);
    let disk = disk.after_crash(Leaves::Nothing, &mut Rng::new(0));
    let stream = open(&disk, plain(), &hand);
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), found);
}

#[tokio::test]
async fn a_segment_that_cannot_be_begun_is_begun_later() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    // Without a segment prepared ahead, each has to be begun and sealed when its time has come.
    let growing = || Settings { durability: Durability::Interval(Duration::ZERO), ..plain() };
    let stream = open(&disk, growing(), &hand);
    let mut expected = 0;
    while stream.state().segments < 3 {
        append(&stream, &[b'x'; 500]).await.unwrap();
        expected += 1;
    }
    // Room for nothing: whatever the next step is, sealing or beginning, it fails, and is done when there is room.
    for room in [0, 20, 60] {
        disk.set_capacity(Some(disk.used() + room));
        for _ in 0..20 {
            assert_eq!(append(&stream, &[b'y'; 500]).await, Err(AppendError::DiskFull));
        }
        disk.set_capacity(None);
        let before = stream.state().segments;
        while stream.state().segments == before {
            append(&stream, &[b'x'; 500]).await.unwrap();
            expected += 1;
        }
    }
    stream.close().await;
    let found = read_all(&mut open(&disk, growing(), &hand).reader(0)).await;
    assert_eq!(found.len(), expected);
    assert!(found.iter().all(|record| record.payload[..] == [b'x'; 500]));
}

#[tokio::test]
async fn an_interval_answers_before_it_syncs_and_shows_only_what_is_synced() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let hour = Durability::Interval(Duration::from_secs(3600));
    let stream = open(&disk, Settings { durability: hour, ..plain() }, &hand);
    let syncs = disk.syncs();
    for n in 0..5u8 {
        append(&stream, &[n; 10]).await.unwrap();
    }
    assert_eq!(disk.syncs(), syncs);
    let state = stream.state();
    assert_eq!((state.written, state.durable), (5, 0));
    stream.close().await;
    assert_eq!(stream.state().durable, 5);
    assert_eq!(read_all(&mut stream.reader(0)).await.len(), 5);

    let soon = Durability::Interval(Duration::from_millis(1));
    let stream = open(&disk, Settings { durability: soon, ..plain() }, &hand);
    append(&stream, b"sixth").await.unwrap();
    let mut reader = stream.reader(5);
    assert_eq!(payloads(&reader.next(1, 1).await.unwrap()), [b"sixth"]);
}

#[tokio::test]
async fn another_process_sees_no_more_than_recovery_would_keep() {
    let (disk, hand, dir) = (SimDisk::new(), Hand::new(), Path::new("/log"));
    let hour = Durability::Interval(Duration::from_secs(3600));
    let stream = open(&disk, Settings { durability: hour, ..plain() }, &hand);
    for n in 0..5u8 {
        append(&stream, &[n; 10]).await.unwrap();
    }
    let seen = |disk: &SimDisk| extent(Arc::new(disk.clone()), dir).unwrap();
    // While the machine runs, only what was synced: a writer may be at work.
    assert_eq!(seen(&disk), 0..0);
    assert_eq!(seen(&disk.after_crash(Leaves::All, &mut Rng::new(0))), 0..0);
    // After it crashed, what is left on the disk.
    for seed in 0..50 {
        let crashed = disk.after_crash(Leaves::Prefix, &mut Rng::new(seed));
        let end = seen(&crashed).end;
        assert_eq!(open(&crashed, plain(), &hand).state().durable, end);
        assert_eq!(seen(&crashed).end, end);
    }
    // Without the mark, too.
    let crashed = disk.after_crash(Leaves::All, &mut Rng::new(0));
    crashed.take_away(&dir.join("durable"));
    assert_eq!(seen(&crashed), 0..5);
    assert!(extent(Arc::new(SimDisk::new()), dir).unwrap().is_empty());
}

#[tokio::test]
async fn a_prepared_segment_takes_what_fits_when_nothing_else_does() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, plain(), &hand);
    let mut expected = 0;
    // Filled with zeros at the pace of the log, so that it is there when the second segment begins.
    while stream.state().segments < 2 {
        append(&stream, &[b'x'; 500]).await.unwrap();
        expected += 1;
    }
    let newest = disk.names().into_iter().filter(|name| name.ends_with(".log")).max().unwrap();
    let prepared = disk.bytes(&newest);
    assert!(prepared.len() as u64 >= plain().segment_bytes && prepared.ends_with(&[0; 2000]), "{newest}");
    disk.set_capacity(Some(disk.used()));
    let mut refused = 0;
    for _ in 0..20 {
        match append(&stream, &[b'y'; 500]).await {
            Ok(_) => expected += 1,
            Err(error) => {
                assert_eq!(error, AppendError::DiskFull);
                refused += 1;
            }
        }
    }
    assert!((1..20).contains(&refused), "{refused}");
    disk.set_capacity(None);
    append(&stream, b"z").await.unwrap();
    stream.close().await;
    assert!(!disk.names().contains(&"spare".to_owned()));
    for leaves in [Leaves::All, Leaves::Nothing] {
        let disk = disk.after_crash(leaves, &mut Rng::new(0));
        let found = read_all(&mut open(&disk, plain(), &hand).reader(0)).await;
        assert_eq!((found.len(), &found[expected].payload[..]), (expected + 1, &b"z"[..]));
    }
}

#[tokio::test]
async fn what_is_prepared_and_not_used_is_no_damage() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, plain(), &hand);
    let mut expected = 0;
    while stream.state().segments < 2 {
        append(&stream, &[b'x'; 500]).await.unwrap();
        expected += 1;
    }
    for leaves in [Leaves::All, Leaves::Nothing] {
        let disk = disk.after_crash(leaves, &mut Rng::new(0));
        let (stream, recovered) = Stream::open(Arc::new(disk.clone()), plain(), hand.clock()).unwrap();
        assert_eq!((recovered.next, recovered.cut), (expected, None), "zeros are nobody's write");
        let newest = disk.names().into_iter().filter(|name| name.ends_with(".log")).max().unwrap();
        assert!(!disk.bytes(&newest).ends_with(&[0; 100]), "they are cut when the log is opened");
        assert_eq!(read_all(&mut stream.reader(0)).await.len() as u64, expected);
    }
}
