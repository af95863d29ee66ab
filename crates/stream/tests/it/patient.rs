//! Patient handles: their appends share commits, and their answers come by courier, none late and none lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use onepixel_stream::{AppendError, Stream};
use tokio::runtime::{Builder, Runtime};

use crate::support::{append, join_all, open};

const TASKS: usize = 100;
const SEGMENT_HEADER_BYTES: u64 = 32;

/// A runtime as the contract of a patient handle wants it; counts how often it woke the writer.
fn runtime(stream: &Stream, parks: &Arc<AtomicUsize>) -> Runtime {
    let (stream, parks) = (stream.clone(), Arc::clone(parks));
    let wake = move || {
        parks.fetch_add(1, Ordering::Relaxed);
        stream.wake_writer();
    };
    Builder::new_current_thread().enable_time().on_thread_park(wake).build().unwrap()
}

/// Runs `work` beside the courier of `stream`.
async fn with_courier<T>(stream: &Stream, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = stream.deliver() => match never {},
    }
}

#[test]
fn every_append_is_answered_and_all_of_a_moment_share_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, _) = open(dir.path());
    let stream = plain.patient();
    let runtime = runtime(&stream, &Arc::default());
    let appended = runtime.block_on(with_courier(&stream, async {
        join_all((0..TASKS).map(|task| {
            let stream = stream.clone();
            async move { append(&stream, format!("{task}").as_bytes()).await.unwrap() }
        }))
        .await
    }));
    assert_eq!(appended.len(), TASKS);
    assert_eq!(plain.state().durable, TASKS as u64);
    // One frame has a header of 48 bytes, and each record a prefix of 5 (docs/format.md).
    let payloads: usize = (0..TASKS).map(|task| format!("{task}").len()).sum();
    let one_frame = plain.state().stored_bytes - SEGMENT_HEADER_BYTES - (payloads + 5 * TASKS) as u64;
    assert_eq!(one_frame, 48, "one commit for all");
}

#[test]
fn one_after_the_other_each_is_woken_for() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, _) = open(dir.path());
    let stream = plain.patient();
    let parks = Arc::default();
    let runtime = runtime(&stream, &parks);
    runtime.block_on(with_courier(&stream, async {
        for expected in 1..=20 {
            assert_eq!(append(&stream, b"x").await.unwrap().end, expected);
        }
    }));
    assert!(parks.load(Ordering::Relaxed) >= 20);
}

#[test]
fn without_a_hook_the_writer_comes_by_itself_before_long() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, _) = open(dir.path());
    let stream = plain.patient();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let appended = runtime.block_on(with_courier(&stream, async {
        tokio::time::timeout(Duration::from_secs(30), append(&stream, b"x")).await
    }));
    assert_eq!(appended.unwrap().unwrap().end, 1);
}

#[test]
fn a_handle_that_nobody_delivers_for_loses_nothing_but_its_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, _) = open(dir.path());
    let stream = plain.patient();
    let runtime = runtime(&stream, &Arc::default());
    runtime.block_on(async {
        // The future is dropped when the plain append behind it is durable.
        tokio::select! {
            biased;
            _ = append(&stream, b"patient") => panic!("answered without a courier"),
            appended = append(&plain, b"plain") => assert_eq!(appended.unwrap().end, 2),
        }
        plain.close().await;
        let refused = append(&stream, b"late").await;
        assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
    });
}
