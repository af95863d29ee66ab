//! Lanes: their appends share commits, their answers come together and in order, none late and none lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use onepixel_stream::{AppendError, Appended, Lane, Records};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::support::{append, join_all, open};

const TASKS: usize = 100;
const SEGMENT_HEADER_BYTES: u64 = 32;

type Answer = Result<Appended, AppendError>;
type Asked = Arc<Lane<oneshot::Sender<Answer>>>;

/// A runtime as a lane wants it; counts how often it rests.
fn runtime(lane: &Asked, parks: &Arc<AtomicUsize>) -> Runtime {
    let (lane, parks) = (Arc::clone(lane), Arc::clone(parks));
    let rest = move || {
        parks.fetch_add(1, Ordering::Relaxed);
        lane.rest();
    };
    Builder::new_current_thread().enable_time().on_thread_park(rest).build().unwrap()
}

/// Runs `work` beside the delivery of the lane's answers.
async fn delivering<T>(lane: &Asked, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = lane.deliver(tell) => match never {},
    }
}

fn tell(told: std::vec::Drain<'_, (oneshot::Sender<Answer>, Answer)>) {
    told.for_each(|(asked, answer)| drop(asked.send(answer)));
}

async fn append_by(lane: &Asked, payload: &[u8]) -> Answer {
    let mut records = Records::new();
    records.push(None, |buffer| buffer.extend_from_slice(payload))?;
    let (asked, answer) = oneshot::channel();
    lane.append(&records, asked, None)?;
    answer.await.unwrap()
}

#[test]
fn every_append_is_answered_in_order_and_those_of_a_moment_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let lane: Asked = Arc::new(stream.lane());
    let runtime = runtime(&lane, &Arc::default());
    let appended = runtime.block_on(delivering(&lane, async {
        // The first is offered at once: nobody knows yet how many wait at such moments.
        append_by(&lane, b"first").await.unwrap();
        let tasks = (0..TASKS).map(|task| {
            let lane = Arc::clone(&lane);
            async move { append_by(&lane, format!("{task}").as_bytes()).await.unwrap().end }
        });
        join_all(tasks).await
    }));
    let expected: Vec<u64> = (2..TASKS as u64 + 2).collect();
    assert_eq!(appended, expected);
    assert_eq!(stream.state().durable, TASKS as u64 + 1);
    // A frame has a header of 48 bytes, and each record a prefix of 5 (docs/format.md).
    let payloads: usize = 5 + (0..TASKS).map(|task| format!("{task}").len()).sum::<usize>();
    let records = (payloads + 5 * (TASKS + 1)) as u64;
    let frames = (stream.state().stored_bytes - SEGMENT_HEADER_BYTES - records) / 48;
    assert!(frames <= 3, "{frames} commits: one for the first, one that was under way, one for the rest");
}

#[test]
fn one_after_the_other_nobody_waits_for_more() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let lane: Asked = Arc::new(stream.lane());
    let runtime = runtime(&lane, &Arc::default());
    runtime.block_on(delivering(&lane, async {
        for expected in 1..=20 {
            assert_eq!(append_by(&lane, b"x").await.unwrap().end, expected);
        }
    }));
}

#[test]
fn few_after_many_do_not_wait_for_many() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let lane: Asked = Arc::new(stream.lane());
    let parks = Arc::default();
    let runtime = runtime(&lane, &parks);
    runtime.block_on(delivering(&lane, async {
        let many = |_| {
            let lane = Arc::clone(&lane);
            async move { append_by(&lane, b"x").await }
        };
        join_all((0..TASKS).map(many)).await;
        for _ in 0..20 {
            let answer = tokio::time::timeout(Duration::from_secs(30), append_by(&lane, b"x")).await;
            answer.unwrap().unwrap();
        }
    }));
    assert!(parks.load(Ordering::Relaxed) >= 20);
}

#[test]
fn without_a_hook_nobody_waits_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let lane: Asked = Arc::new(stream.lane());
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(delivering(&lane, async {
        let all = join_all((0..TASKS).map(|_| {
            let lane = Arc::clone(&lane);
            async move { append_by(&lane, b"x").await }
        }));
        let all = tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
        assert!(all.iter().all(Result::is_ok));
    }));
}

#[test]
fn a_lane_that_goes_away_loses_nothing_but_its_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let lane: Asked = Arc::new(stream.lane());
    let runtime = runtime(&lane, &Arc::default());
    runtime.block_on(async {
        append_by_nobody(&lane, b"lane");
        lane.rest();
        while stream.state().durable == 0 {
            append(&stream, b"plain").await.unwrap();
        }
        drop(lane);
        append(&stream, b"plain").await.unwrap();
        stream.close().await;
        let late: Asked = Arc::new(stream.lane());
        assert_eq!(append_by(&late, b"late").await, Err(AppendError::Closed));
    });
}

fn append_by_nobody(lane: &Asked, payload: &[u8]) {
    let mut records = Records::new();
    records.push(None, |buffer| buffer.extend_from_slice(payload)).unwrap();
    let (asked, answer) = oneshot::channel();
    drop(answer);
    lane.append(&records, asked, None).unwrap();
}

#[test]
fn what_has_gathered_when_the_log_closes_is_committed_and_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) = open(dir.path());
    let lane: Asked = Arc::new(stream.lane());
    // A runtime without a hook, so that nobody hurries.
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(delivering(&lane, async {
        append_by(&lane, b"first").await.unwrap();
        let (second, ()) = tokio::join!(append_by(&lane, b"second"), stream.close());
        assert_eq!(second.map(|appended| appended.end), Ok(2));
        assert_eq!(append_by(&lane, b"late").await, Err(AppendError::Closed));
    }));
}
