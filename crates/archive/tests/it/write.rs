//! What a batch becomes.

use onepixel_consumer::{Sink, SinkError};

use crate::{HOUR_21, HOUR_22, HOUR_MS, batch, garbage, gunzip, lines, record, sink, tree};

/// Writes records, given as offset and milliseconds after the moment before the turn, and expects these objects.
async fn check(records: &[(u64, i64)], expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let batch = batch(records.iter().map(|(offset, after_ms)| record(*offset, *after_ms)).collect());
    sink(folder.path()).write(&batch).await.unwrap();
    let mut expected: Vec<&str> = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(tree(folder.path()).keys().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_object_holds_consecutive_offsets_of_one_hour() {
    let before = |name: &str| format!("{HOUR_21}/20260210T2159{name}.json.gz");
    let after = |name: &str| format!("{HOUR_22}/20260210T2200{name}.json.gz");
    check(&[], &[]).await;
    check(&[(7, 0)], &[&before("59900Z-0-7-7")]).await;
    check(&[(7, 0), (8, 50), (9, 20)], &[&before("59900Z-0-7-9")]).await;
    // The turn of the hour.
    check(&[(7, 99), (8, 100), (9, 101)], &[&before("59999Z-0-7-7"), &after("00000Z-0-8-9")]).await;
    // Interleaved hours.
    let names =
        [before("59980Z-0-7-7"), after("00001Z-0-8-8"), before("59990Z-0-9-10"), after("00002Z-0-11-11")];
    let records = [(7, 80), (8, 101), (9, 90), (10, 91), (11, 102)];
    check(&records, &names.each_ref().map(String::as_str)).await;
    // A gap, such as a dead letter leaves.
    check(&[(7, 0), (8, 0), (10, 1)], &[&before("59900Z-0-7-8"), &before("59901Z-0-10-10")]).await;
}

#[tokio::test]
async fn the_reference_batch_of_100_makes_the_reference_layout() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..100).map(|n| record(n, n as i64)).collect();
    sink(folder.path()).write(&batch(records.clone())).await.unwrap();
    let name = format!("{HOUR_21}/20260210T215959900Z-0-0-99.json.gz");
    assert_eq!(gunzip(&folder.path().join(name)), lines(&records));
    assert_eq!(tree(folder.path()).len(), 1);
}

#[tokio::test]
async fn standard_gzip_gives_the_payloads_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..5000).map(|n| record(n, n as i64 % 100)).collect();
    sink(folder.path()).write(&batch(records.clone())).await.unwrap();
    let name = format!("{HOUR_21}/20260210T215959900Z-0-0-4999.json.gz");
    assert_eq!(gunzip(&folder.path().join(name)), lines(&records));
}

#[tokio::test]
async fn the_same_batch_makes_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let batch = batch((0..3000).map(|n| record(n, n as i64)).collect());
    for folder in [&one, &two] {
        sink(folder.path()).write(&batch).await.unwrap();
    }
    let first = tree(one.path());
    assert_eq!(first, tree(two.path()));
    // No time and no system in the header.
    assert!(first.values().all(|object| object[4..8] == [0; 4] && object[9] == 255));
    sink(one.path()).write(&batch).await.unwrap();
    assert_eq!(first, tree(one.path()));
}

#[tokio::test]
async fn a_batch_with_a_refused_record_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path());
    let bad: [&'static [u8]; 6] = [
        b"",
        b"not json",
        b"{\"event\":\"pageview\"}",
        b"{\"received_at\":\"tomorrow\"}",
        b"{\"received_at\":\"2026-02-10T21:04:05Z\",\n\"a\":1}",
        b"{\"received_at\":\"2026-02-10T21:04:05Z\",\"a\":\"\xc3\"}",
    ];
    for payload in bad {
        let error = sink
            .write(&batch(vec![record(7, 0), record(8, HOUR_MS), garbage(9, payload)]))
            .await
            .unwrap_err();
        assert!(matches!(error, SinkError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("offset 9"), "{error}");
        assert!(matches!(sink.replay(0, &garbage(9, payload)).await, Err(SinkError::Refused { .. })));
    }
    assert!(tree(folder.path()).is_empty());
    assert_eq!(sink.position().await.unwrap(), None);
}

#[tokio::test]
async fn a_replayed_record_gets_an_object_of_its_own_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path());
    sink.write(&batch(vec![record(7, 0), record(9, 1)])).await.unwrap();
    for _ in 0..2 {
        sink.replay(0, &record(8, 2)).await.unwrap();
        // Written already, as part of a batch.
        sink.replay(0, &record(9, 1)).await.unwrap();
    }
    let names: Vec<String> = tree(folder.path()).into_keys().collect();
    let expected = ["59900Z-0-7-7", "59901Z-0-9-9", "59902Z-0-8-8"];
    assert_eq!(names, expected.map(|name| format!("{HOUR_21}/20260210T2159{name}.json.gz")));
    // Another partition's offset is another record.
    sink.replay(1, &record(8, 2)).await.unwrap();
    assert_eq!(tree(folder.path()).len(), 4);
}
