//! A batch goes at its count, its bytes or its age, whichever comes first.

use std::time::Duration;

use crate::memory_sink::Store;
use crate::rig::Rig;

const MOMENT: Duration = Duration::from_millis(1);

/// Appends at the given times (ms after the start, records each) and says what was written by then.
async fn check(batch_size: usize, window_ms: u64, appends: &[(u64, u64)], expected: &[(u64, u64, u64)]) {
    let mut rig = Rig::new(Store::objects());
    rig.settings.batch_size = batch_size;
    rig.settings.batch_window = Duration::from_millis(window_ms);
    let running = rig.start();
    let mut appends = appends.iter().peekable();
    let (mut now_ms, mut seen, mut found) = (0, 0, Vec::new());
    let last_ms = expected.last().map_or(0, |at| at.0) + 10;
    while now_ms <= last_ms {
        while let Some((_, records)) = appends.next_if(|(at_ms, _)| *at_ms == now_ms) {
            rig.append(*records);
        }
        running.after(MOMENT).await;
        let writes = rig.store.writes();
        found.extend(writes[seen..].iter().map(|&(start, end)| (now_ms, start, end)));
        seen = writes.len();
        now_ms += 1;
    }
    assert_eq!(found, expected, "size {batch_size}, window {window_ms} ms, {:?}", rig.snapshot());
    running.crash().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_goes_at_once() {
    check(10, 5_000, &[(0, 10)], &[(0, 0, 10)]).await;
    check(10, 5_000, &[(0, 9), (7, 1)], &[(7, 0, 10)]).await;
    check(10, 5_000, &[(3, 25)], &[(3, 0, 10), (3, 10, 20), (5_003, 20, 25)]).await;
    check(1, 5_000, &[(0, 3)], &[(0, 0, 1), (0, 1, 2), (0, 2, 3)]).await;
    check(0, 5_000, &[(0, 2)], &[(0, 0, 1), (0, 1, 2)]).await;
}

#[tokio::test(start_paused = true)]
async fn the_window_counts_from_the_first_record() {
    check(100, 5_000, &[(40, 1), (3_000, 98)], &[(5_040, 0, 99)]).await;
    check(100, 5_000, &[(0, 1), (4_999, 1), (5_500, 1)], &[(5_000, 0, 2), (10_500, 2, 3)]).await;
    check(100, 5_000, &[(0, 99), (4_000, 1), (4_001, 1)], &[(4_000, 0, 100), (9_001, 100, 101)]).await;
    check(1_000_000, 1_000, &[(0, 5_000)], &[(1_000, 0, 5_000)]).await;
    check(10, 0, &[(0, 3), (5, 2)], &[(0, 0, 3), (5, 3, 5)]).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_takes_larger_batches_until_it_is_not() {
    let mut rig = Rig::new(Store::objects());
    rig.settings.behind_size = 30;
    rig.append(95);
    let running = rig.start();
    running.after(MOMENT).await;
    assert_eq!(rig.store.writes(), [(0, 30), (30, 60), (60, 90)]);
    rig.append(24);
    running.after(MOMENT).await;
    assert_eq!(rig.store.writes()[3..], [(90, 100), (100, 110)]);
    running.crash().await;
}

#[tokio::test(start_paused = true)]
async fn one_batch_is_read_ahead_while_the_sink_does_not_answer() {
    let rig = Rig::new(Store::objects());
    let first_at_ms = rig.snapshot().oldest_pending_at_ms;
    assert_eq!(first_at_ms, None);
    rig.append(10);
    rig.store.set_down(true);
    let running = rig.start();
    running.after(MOMENT).await;
    let at = rig.snapshot();
    running.after(Duration::from_secs(7)).await;
    rig.append(40);
    running.after(Duration::from_secs(7)).await;
    // What is shown is the batch that waits for the sink, not the one behind it, and nothing beyond that was read.
    assert_eq!(rig.snapshot().oldest_pending_at_ms, at.oldest_pending_at_ms);
    assert!(rig.snapshot().last_error.is_some());
    assert!(rig.store.writes().iter().all(|write| *write == (0, 10)));
    assert_eq!((rig.snapshot().committed, rig.snapshot().end), (0, 50));
    rig.store.set_down(false);
    running.after(Duration::from_secs(40)).await;
    let at = rig.snapshot();
    assert_eq!((at.committed, at.oldest_pending_at_ms, at.last_error), (50, None, None));
    running.crash().await;
    rig.expect(50, &[]);
}

#[tokio::test(start_paused = true)]
async fn bytes_fill_a_batch_too() {
    async fn check(batch_bytes: usize, payloads: &[usize], expected: &[(u64, u64)]) {
        let mut rig = Rig::new(Store::objects());
        rig.settings.batch_bytes = batch_bytes;
        for bytes in payloads {
            rig.append_payload(vec![b'x'; *bytes]);
        }
        let running = rig.start();
        running.after(MOMENT).await;
        assert_eq!(rig.store.writes(), expected, "{batch_bytes} bytes of {payloads:?}");
        running.crash().await;
    }
    check(100, &[50, 50, 10], &[(0, 2)]).await;
    check(100, &[99, 99, 10], &[(0, 2)]).await;
    check(100, &[500, 500], &[(0, 1), (1, 2)]).await;
    check(100, &[0, 0, 0, 100, 1], &[(0, 4)]).await;
    check(0, &[1, 1], &[(0, 1), (1, 2)]).await;
    check(usize::MAX, &[1; 9], &[]).await;
    check(usize::MAX, &[1; 10], &[(0, 10)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_endless_window_waits_for_a_full_batch() {
    let mut rig = Rig::new(Store::objects());
    rig.settings.batch_window = Duration::MAX;
    rig.append(9);
    let running = rig.start();
    running.after(Duration::from_secs(1_000_000)).await;
    assert!(rig.store.writes().is_empty());
    rig.append(1);
    running.after(MOMENT).await;
    assert_eq!(rig.store.writes(), [(0, 10)]);
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_million_records_are_one_batch() {
    let mut rig = Rig::new(Store::objects());
    rig.settings.batch_size = 1_000_000;
    rig.settings.batch_bytes = usize::MAX;
    rig.append(1_000_000);
    rig.drain().await.unwrap();
    assert_eq!(rig.store.writes(), [(0, 1_000_000)]);
    rig.expect(1_000_000, &[]);
}

#[tokio::test(start_paused = true)]
async fn progress_follows() {
    for rig in Rig::both() {
        let started_at_ms = rig.clock()();
        rig.append(7);
        let running = rig.start();
        running.after(Duration::from_secs(1)).await;
        let at = rig.snapshot();
        assert_eq!((at.committed, at.end, at.lag(), at.batches), (0, 7, 7, 0));
        assert_eq!(at.oldest_pending_at_ms, Some(started_at_ms));
        running.after(Duration::from_secs(5)).await;
        let at = rig.snapshot();
        assert_eq!((at.committed, at.end, at.lag(), at.batches, at.records), (7, 7, 0, 1, 7));
        assert_eq!((at.bytes, at.oldest_pending_at_ms, at.last_error), (7 * 8, None, None));
        running.stop().await.unwrap();
    }
}
