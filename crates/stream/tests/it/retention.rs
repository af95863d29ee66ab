//! Segments go when they are old and nobody needs them, or earlier when space is short; never otherwise.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onepixel_stream::{ReadError, Settings, Status, Stream};

use crate::sim_disk::{Leaves, Rng, SimDisk};
use crate::support::{Hand, append, read_all, settings, until};

const HOUR_MS: u64 = 60 * 60 * 1000;

fn hourly(watermark: u64) -> Settings {
    Settings {
        retention: Duration::from_millis(HOUR_MS),
        disk_watermark_bytes: watermark,
        ..settings(Path::new("/log"))
    }
}

fn open(disk: &SimDisk, settings: Settings, hand: &Hand) -> Stream {
    Stream::open(Arc::new(disk.clone()), settings, hand.clock()).unwrap().0
}

/// Fills this many segments and one record of the next.
async fn fill(stream: &Stream, segments: usize) {
    let target = stream.state().segments + segments;
    while stream.state().segments < target {
        append(stream, &[b'x'; 200]).await.unwrap();
    }
}

#[tokio::test]
async fn old_segments_go_once_they_are_released() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, hourly(0), &hand);
    fill(&stream, 3).await;
    let end = stream.state().durable;
    hand.advance(HOUR_MS + 1);
    stream.release(end / 2);
    until(|| stream.state().oldest > 0).await;
    let oldest = stream.state().oldest;
    assert!(oldest <= end / 2, "{oldest} of {end}");
    assert_eq!(disk.names().iter().filter(|name| name.ends_with(".log")).count(), stream.state().segments);

    // A reader that comes too late is told where it can go on.
    let mut reader = stream.reader(0);
    assert!(
        matches!(reader.next(1, 1).await, Err(ReadError::Gone { offset: 0, oldest: at }) if at == oldest)
    );
    assert_eq!(read_all(&mut reader).await.len() as u64, end - oldest);

    // The active segment goes too, in its turn.
    stream.release(end);
    until(|| stream.state().oldest == end).await;
    append(&stream, b"next").await.unwrap();
    assert_eq!(read_all(&mut stream.reader(0)).await.len(), 1);
    stream.close().await;
    assert_eq!(open(&disk, hourly(0), &hand).state().oldest, end);
}

#[tokio::test]
async fn young_segments_stay() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, hourly(0), &hand);
    fill(&stream, 2).await;
    stream.release(u64::MAX);
    hand.advance(HOUR_MS);
    fill(&stream, 2).await;
    hand.advance(1);
    until(|| stream.state().oldest > 0).await;
    let read = read_all(&mut stream.reader(0)).await;
    let young = read.iter().filter(|record| record.committed_at_ms > crate::support::START_MS).count();
    assert!(young > 0 && stream.state().segments >= 2);
    // The segment in which the hour passed holds old records, and young ones that keep it.
    assert_eq!(read.first().unwrap().offset, stream.state().oldest);
}

#[tokio::test]
async fn released_segments_make_room_before_their_age() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, hourly(20_000), &hand);
    fill(&stream, 5).await;
    let end = stream.state().durable;
    disk.set_capacity(Some(disk.used() + 12_000));
    hand.advance(101);
    until(|| stream.state().status == Status::DiskFull).await;
    assert!(append(&stream, b"refused").await.is_err());
    assert_eq!(stream.state().oldest, 0);

    stream.release(end - 1);
    until(|| {
        hand.advance(101);
        stream.state().status == Status::Ready
    })
    .await;
    let state = stream.state();
    assert!(state.oldest > 0 && state.oldest < end && state.segments >= 2, "{state:?}");
    append(&stream, b"taken").await.unwrap();
}

#[tokio::test]
async fn a_finished_active_segment_makes_room_and_readers_let_it_go() {
    let (disk, hand) = (SimDisk::new(), Hand::new());
    let stream = open(&disk, hourly(5_000), &hand);
    let mut reader = stream.reader(0);
    for _ in 0..15 {
        append(&stream, &[b'x'; 200]).await.unwrap();
    }
    assert_eq!(reader.next(100, 1 << 20).await.unwrap().len(), 15);
    disk.set_capacity(Some(disk.used() + 4_000));
    stream.release(15);
    until(|| {
        hand.advance(101);
        stream.state().status == Status::Ready
    })
    .await;
    append(&stream, b"next").await.unwrap();
    assert_eq!(reader.next(100, 1 << 20).await.unwrap()[0].offset, 15);
}

/// A site that was idle for longer than the retention: nothing is left, and the log still knows where it is.
#[tokio::test]
async fn a_log_that_retention_emptied_opens_where_it_was() {
    for orderly in [true, false] {
        let (disk, hand) = (SimDisk::new(), Hand::new());
        let stream = open(&disk, hourly(0), &hand);
        fill(&stream, 2).await;
        let end = stream.state().durable;
        stream.release(end);
        hand.advance(HOUR_MS + 1);
        until(|| stream.state().oldest == end).await;
        let left = if orderly {
            stream.close().await;
            disk
        } else {
            disk.after_crash(Leaves::Nothing, &mut Rng::new(1))
        };
        let stream = open(&left, hourly(0), &hand);
        assert_eq!((stream.state().oldest, stream.state().durable), (end, end), "orderly: {orderly}");
        assert_eq!(append(&stream, b"next").await.unwrap().end, end + 1);
        stream.close().await;
    }
}
