//! Appending and reading, on the real disk.

use std::sync::Arc;

use onepixel_stream::{AppendError, Appended, OpenError, OsDisk, ReadError, Reader, Status, extent};

use crate::support::{START_MS, append, join_all, open, open_on, payloads, read_all, records, settings};

#[tokio::test]
async fn what_was_appended_is_read_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, recovered) = open(dir.path());
    assert_eq!((recovered.next, recovered.clean, recovered.cut), (0, true, None));
    let mut expected = Vec::new();
    for n in 0..500u32 {
        let payload = format!("record {n} {}", "x".repeat(n as usize % 90)).into_bytes();
        let appended = append(&stream, &payload).await.unwrap();
        assert_eq!(appended, Appended { end: u64::from(n) + 1, duplicates: 0 });
        expected.push(payload);
    }
    let read = read_all(&mut stream.reader(0)).await;
    assert_eq!(payloads(&read), expected);
    assert!(read.iter().enumerate().all(|(n, record)| record.offset == n as u64));
    assert!(read.iter().all(|record| record.committed_at_ms == START_MS));
    let state = stream.state();
    assert_eq!((state.oldest, state.written, state.durable, &state.status), (0, 500, 500, &Status::Ready));
    assert!(state.segments > 5, "{state:?}");
    stream.close().await;
    assert_eq!(stream.state().status, Status::Closed);
    assert_eq!(append(&stream, b"late").await, Err(AppendError::Closed));

    assert_eq!(extent(Arc::new(OsDisk), dir.path()).unwrap(), 0..500);
    let (stream, recovered) = open(dir.path());
    assert_eq!((recovered.next, recovered.clean, recovered.cut), (500, true, None));
    assert_eq!(payloads(&read_all(&mut stream.reader(0)).await), expected);
    assert_eq!(append(&stream, b"next").await.unwrap().end, 501);
}

#[tokio::test]
async fn a_folder_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let second = open_on(Arc::new(OsDisk), settings(dir.path()));
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    stream.close().await;
    assert!(open_on(Arc::new(OsDisk), settings(dir.path())).is_ok());
}

#[tokio::test]
async fn a_key_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let first =
        records(&[(Some([1; 16]), b"a"), (None, b"b"), (Some([1; 16]), b"a again"), (Some([2; 16]), b"c")]);
    assert_eq!(stream.append(first).await, Ok(Appended { end: 3, duplicates: 1 }));
    let second = records(&[(Some([2; 16]), b"c again"), (None, b"b"), (Some([3; 16]), b"d")]);
    assert_eq!(stream.append(second).await, Ok(Appended { end: 5, duplicates: 1 }));
    let third = records(&[(Some([3; 16]), b"d again")]);
    assert_eq!(stream.append(third).await, Ok(Appended { end: 5, duplicates: 1 }));
    stream.close().await;

    let (stream, _) = open(dir.path());
    let fourth = records(&[(Some([1; 16]), b"a"), (Some([4; 16]), b"e")]);
    assert_eq!(stream.append(fourth).await, Ok(Appended { end: 6, duplicates: 1 }));
    let read = read_all(&mut stream.reader(0)).await;
    assert_eq!(payloads(&read), [b"a", b"b", b"c", b"b", b"d", b"e"]);
    let keys: Vec<_> = read.iter().map(|record| record.key.map(|key| key[0])).collect();
    assert_eq!(keys, [Some(1), None, Some(2), None, Some(3), Some(4)]);
}

#[tokio::test]
async fn readers_wait_for_records_and_end_when_the_log_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let mut reader = stream.reader(0);
    let (read, appended) = tokio::join!(reader.next(10, 1000), append(&stream, b"first"));
    assert_eq!(payloads(&read.unwrap()), [b"first"]);
    assert_eq!(appended.unwrap().end, 1);
    append(&stream, b"second").await.unwrap();
    stream.close().await;
    assert_eq!(payloads(&reader.next(10, 1000).await.unwrap()), [b"second"]);
    assert!(matches!(reader.next(10, 1000).await, Err(ReadError::Closed)));
}

#[tokio::test]
async fn limits_of_a_read_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let ten: Vec<_> = (0..10).map(|_| (None, &b"0123456789"[..])).collect();
    stream.append(records(&ten)).await.unwrap();
    let mut reader = stream.reader(0);
    assert_eq!(reader.next(3, 1000).await.unwrap().len(), 3);
    assert_eq!(reader.next(100, 35).await.unwrap().len(), 4);
    assert_eq!(reader.next(0, 0).await.unwrap().len(), 1);
    assert_eq!(reader.next(100, 1000).await.unwrap().len(), 2);
    reader.seek(4);
    assert_eq!(reader.next(1, 1).await.unwrap()[0].offset, 4);
}

#[tokio::test(start_paused = true)]
async fn another_process_follows_without_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let mut other = Reader::open(Arc::new(OsDisk), dir.path(), 0).unwrap();
    assert_eq!((other.oldest(), other.end()), (0, 0));
    for n in 0..200u8 {
        append(&stream, &[n; 50]).await.unwrap();
        let read = other.next(10, 1000).await.unwrap();
        assert_eq!(payloads(&read), [[n; 50]]);
    }
    assert!(stream.state().segments > 1);
    assert_eq!(extent(Arc::new(OsDisk), dir.path()).unwrap(), 0..200);
}

#[tokio::test]
async fn nothing_is_appended_beyond_the_limit_of_admission() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    settings.admission_bytes_max = 1000;
    let (stream, _) = open_on(Arc::new(OsDisk), settings).unwrap();
    let payload = [b'x'; 600];
    let appends: Vec<_> = (0..50).map(|_| append(&stream, &payload)).collect();
    let (mut stored, mut refused) = (0, 0);
    for outcome in join_all(appends).await {
        match outcome {
            Ok(_) => stored += 1,
            Err(AppendError::Overloaded) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(stored > 0 && refused > 0, "{stored} stored, {refused} refused");
    assert_eq!(stream.state().durable, stored);
}

#[test]
fn handles_and_readers_move_between_threads() {
    fn check<T: Send + 'static>() {}
    check::<onepixel_stream::Stream>();
    check::<Reader>();
    fn sends<F: Future + Send>(_: &F) {}
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    sends(&append(&stream, b"x"));
    sends(&stream.reader(0).next(1, 1));
}
