//! The checks, one for each clause of the contract of [`Sink`].

use std::ops::Range;
use std::pin::pin;
use std::task::Poll;

use super::Fixture;
use crate::{Batch, Offset, Record, Sink, SinkError};

/// When the first record was committed; each later one a second after the one before.
const COMMITTED_AT_MS: u64 = 1_770_757_445_123;

/// Every record of every batch is held once, and the position follows.
pub async fn what_is_written_is_held<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    write(&fixture, &mut sink, 0..10).await;
    expect_position(&mut sink, 10).await;
    write(&fixture, &mut sink, 10..11).await;
    expect_position(&mut sink, 11).await;
    drop(sink);
    expect_held(&mut fixture, 0..11).await;
}

/// The last batch is written again: by the same sink, and by one that was opened after a crash.
pub async fn the_same_batch_twice_is_held_once<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    write(&fixture, &mut sink, 0..10).await;
    write(&fixture, &mut sink, 0..10).await;
    write(&fixture, &mut sink, 10..25).await;
    drop(sink);
    let mut sink = fixture.open().await;
    write(&fixture, &mut sink, 10..25).await;
    expect_position(&mut sink, 25).await;
    write(&fixture, &mut sink, 25..30).await;
    drop(sink);
    expect_held(&mut fixture, 0..30).await;
}

/// A write is dropped at each of its awaits in turn, and the batch written again by a sink that was opened anew.
pub async fn an_interrupted_write_is_repeated<F: Fixture>(mut fixture: F) {
    const POLLS_MAX: usize = 64;
    let batch = batch(&fixture, 0..100);
    for polls in 1..=POLLS_MAX {
        let mut sink = fixture.open().await;
        match interrupted(sink.write(&batch), polls).await {
            None => continue,
            Some(Ok(())) => break,
            Some(Err(error)) => panic!("an interrupted write must be repeatable: {error}"),
        }
    }
    let mut sink = fixture.open().await;
    write(&fixture, &mut sink, 0..100).await;
    expect_position(&mut sink, 100).await;
    drop(sink);
    expect_held(&mut fixture, 0..100).await;
}

/// A batch without records is taken, stores nothing, and moves the position.
pub async fn an_empty_batch_moves_the_position<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    let empty = |range| Batch { partition: 0, range, records: Vec::new() };
    expect_ok(sink.write(&empty(0..3)).await);
    expect_position(&mut sink, 3).await;
    write(&fixture, &mut sink, 3..10).await;
    expect_ok(sink.write(&empty(10..11)).await);
    expect_ok(sink.write(&empty(10..11)).await);
    expect_position(&mut sink, 11).await;
    write(&fixture, &mut sink, 11..12).await;
    drop(sink);
    expect_held(&mut fixture, (3..10).chain(11..12)).await;
}

/// A range may hold offsets without a record, at its start, in the middle and at its end.
pub async fn gaps_stay_gaps<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    let mut gapped = batch(&fixture, 0..20);
    gapped.records.retain(|record| ![0, 7, 8, 19].contains(&record.offset));
    expect_ok(sink.write(&gapped).await);
    expect_ok(sink.write(&gapped).await);
    expect_position(&mut sink, 20).await;
    write(&fixture, &mut sink, 20..25).await;
    drop(sink);
    expect_held(&mut fixture, (1..7).chain(9..19).chain(20..25)).await;
}

/// Batches of a size that fits no boundary, each written twice.
pub async fn batches_straddle_every_boundary<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    for start in (0..370).step_by(37) {
        write(&fixture, &mut sink, start..start + 37).await;
        write(&fixture, &mut sink, start..start + 37).await;
    }
    drop(sink);
    expect_held(&mut fixture, 0..370).await;
}

/// A batch as large as the archive's default.
pub async fn large_batches_are_taken<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    write(&fixture, &mut sink, 0..10_000).await;
    drop(sink);
    expect_held(&mut fixture, 0..10_000).await;
}

/// A sink that keeps its position starts at 0 and still has it when it is opened again. A sink keeps it always or
/// never: without one the consumer would begin a checkpoint.
pub async fn the_position_survives<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    let keeps = matches!(sink.position().await, Ok(Some(_)));
    expect_position(&mut sink, 0).await;
    write(&fixture, &mut sink, 0..5).await;
    assert_eq!(
        matches!(sink.position().await, Ok(Some(_))),
        keeps,
        "an empty sink that keeps a position says 0"
    );
    drop(sink);
    let mut sink = fixture.open().await;
    expect_position(&mut sink, 5).await;
    write(&fixture, &mut sink, 5..6).await;
    drop(sink);
    let mut sink = fixture.open().await;
    expect_position(&mut sink, 6).await;
    drop(sink);
    expect_held(&mut fixture, 0..6).await;
}

/// With a poison record anywhere in it, a batch is refused before any of it is stored, and passes without it.
pub async fn refused_leaves_nothing<F: Fixture>(mut fixture: F) {
    let Some(poison) = fixture.poison() else { return };
    let mut expected = Vec::new();
    for (start, bad) in [(0, 0), (10, 15), (20, 29)] {
        let mut sink = fixture.open().await;
        let mut refused = batch(&fixture, start..start + 10);
        refused.records[(bad - start) as usize].payload = poison.clone().into();
        match sink.write(&refused).await {
            Err(SinkError::Refused { reason }) => assert!(!reason.is_empty(), "a refusal must say why"),
            other => panic!("a batch with a poison record at offset {bad} must be refused, got {other:?}"),
        }
        expect_position(&mut sink, start).await;
        drop(sink);
        expect_held(&mut fixture, expected.iter().copied()).await;
        let mut sink = fixture.open().await;
        refused.records.retain(|record| record.offset != bad);
        expect_ok(sink.write(&refused).await);
        expected.extend(refused.records.iter().map(|record| record.offset));
        drop(sink);
        expect_held(&mut fixture, expected.iter().copied()).await;
    }
}

/// After `retract` the same range can be written in smaller batches, whatever its write had left. Only for sinks
/// without a position.
pub async fn retracted_batches_can_be_split<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    if !matches!(sink.position().await, Ok(None)) {
        return;
    }
    write(&fixture, &mut sink, 0..10).await;
    let whole = batch(&fixture, 10..50);
    let finished = interrupted(sink.write(&whole), 2).await;
    assert!(!matches!(finished, Some(Err(_))), "the write failed: {finished:?}");
    drop(sink);
    let mut sink = fixture.open().await;
    expect_ok(sink.retract(&whole).await);
    expect_ok(sink.write(&whole).await);
    expect_ok(sink.retract(&whole).await);
    expect_ok(sink.retract(&whole).await);
    for part in [10..30, 30..31, 31..50] {
        write(&fixture, &mut sink, part).await;
    }
    drop(sink);
    expect_held(&mut fixture, 0..50).await;
}

/// A dead letter that is replayed is held once, however often, and moves nothing.
pub async fn replay_adds_once<F: Fixture>(mut fixture: F) {
    let mut sink = fixture.open().await;
    let mut gapped = batch(&fixture, 0..10);
    let letters = [gapped.records.remove(4), gapped.records.remove(4), gapped.records.remove(7)];
    assert_eq!(letters.each_ref().map(|letter| letter.offset), [4, 5, 9], "the check's own letters");
    expect_ok(sink.write(&gapped).await);
    expect_ok(sink.replay(0, &letters[1]).await);
    expect_ok(sink.replay(0, &letters[1]).await);
    write(&fixture, &mut sink, 10..20).await;
    expect_ok(sink.replay(0, &letters[2]).await);
    expect_position(&mut sink, 20).await;
    drop(sink);
    let mut sink = fixture.open().await;
    for letter in &letters {
        expect_ok(sink.replay(0, letter).await);
    }
    expect_position(&mut sink, 20).await;
    write(&fixture, &mut sink, 20..22).await;
    drop(sink);
    expect_held(&mut fixture, 0..22).await;
}

fn batch<F: Fixture>(fixture: &F, range: Range<Offset>) -> Batch {
    let records = range.clone().map(|n| Record {
        offset: n,
        committed_at_ms: COMMITTED_AT_MS + n * 1_000,
        key: None,
        payload: fixture.payload(n).into(),
    });
    Batch { partition: 0, records: records.collect(), range }
}

async fn write<F: Fixture>(fixture: &F, sink: &mut F::Sink, range: Range<Offset>) {
    expect_ok(sink.write(&batch(fixture, range)).await);
}

fn expect_ok(result: Result<(), SinkError>) {
    if let Err(error) = result {
        panic!("the sink must take this: {error:?}");
    }
}

/// Holds for sinks that keep a position; the others have none.
async fn expect_position<S: Sink>(sink: &mut S, expected: Offset) {
    match sink.position().await {
        Ok(None) => {}
        Ok(Some(position)) => assert_eq!(position, expected, "the sink's position"),
        Err(error) => panic!("the sink must know its position: {error:?}"),
    }
}

async fn expect_held<F: Fixture>(fixture: &mut F, expected: impl IntoIterator<Item = u64>) {
    let mut held = fixture.held().await;
    held.sort_unstable();
    let expected: Vec<u64> = expected.into_iter().collect();
    let missing: Vec<_> = expected.iter().filter(|n| held.binary_search(n).is_err()).collect();
    let wrong: Vec<_> = held.iter().filter(|n| expected.binary_search(n).is_err()).collect();
    let twice: Vec<_> = held.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(
        held == expected,
        "the store must hold each record once; missing: {missing:?}, too many: {wrong:?}, more than once: {twice:?}"
    );
}

/// Polls the future at most `polls` times; `None` when it was not ready by then and is dropped.
async fn interrupted<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
