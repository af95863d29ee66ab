//! The way from a hit to Kinesis, to the dead letter, and back to whoever waits.
#![expect(clippy::disallowed_methods, reason = "the tests look at the dead letters themselves")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onepixel_aws::ingest::dead_letter::DeadLetters;
use onepixel_aws::ingest::outbox::{Flusher, Full, Limits, Offer, Outbox, Stores, outbox};
use onepixel_aws::kinesis::{Patience, Producer};
use onepixel_aws::metrics::Counters;
use onepixel_event::{Event, EventId, Source, Time};
use tokio_util::sync::CancellationToken;

use crate::scripted::{Scripted, Step};

const PATIENCE: Patience = Patience {
    attempt: Duration::from_millis(250),
    wait_first: Duration::from_millis(2),
    wait_max: Duration::from_millis(20),
};
const AT_MS: i64 = 1_770_757_445_123;

fn offer(n: u8, within: Duration, acknowledged: bool) -> Offer {
    let at = Time::from_ms(AT_MS);
    let id = EventId::at(at, [n; 10]);
    let mut line = Vec::new();
    Event::new(id, at, Source::Pixel, "pageview", format!("site-{n}")).encode(&mut line);
    Offer { id, line, limits: Limits::within(within), acknowledged }
}

fn parts(service: &Scripted, folder: &Path) -> (Outbox, Flusher, Arc<Counters>) {
    let counters = Arc::new(Counters::new("ingest"));
    let stores = Stores {
        producer: Producer::new(service.client(), "stream", PATIENCE),
        dead_letters: DeadLetters::new(folder.to_string_lossy()).unwrap(),
        counters: Arc::clone(&counters),
        clock: Arc::new(|| 0),
    };
    let (outbox, flusher) = outbox(stores);
    (outbox, flusher, counters)
}

/// The sites of all lines that are stored, sorted.
fn lines(records: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
    let mut sites = Vec::new();
    for record in records {
        assert_eq!(record.last(), Some(&b'\n'));
        for line in record[..record.len() - 1].split(|byte| *byte == b'\n') {
            sites.push(Event::decode(line).unwrap().site.into_owned());
        }
    }
    sites.sort();
    sites
}

fn offered(numbers: impl IntoIterator<Item = u8>) -> Vec<String> {
    let mut sites: Vec<_> = numbers.into_iter().map(|n| format!("site-{n}")).collect();
    sites.sort();
    sites
}

/// The objects in the folder, and their names.
fn dead_letters(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push((
                    entry.path().to_string_lossy().into_owned(),
                    std::fs::read(entry.path()).unwrap(),
                )),
            }
        }
    }
    found
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn lines_that_wait_together_go_in_one_call() {
    let (service, folder) =
        (Scripted::start([Step::Slow(Duration::from_millis(50))]).await, tempfile::tempdir().unwrap());
    let (outbox, flusher, _) = parts(&service, folder.path());
    let end = CancellationToken::new();
    let told = async {
        let told: Vec<_> = (0..200).map(|n| outbox.offer(offer(n, LONG, false)).unwrap()).collect();
        for told in told {
            told.await.unwrap().unwrap();
        }
        end.cancel();
    };
    let ((), lost) = tokio::join!(told, flusher.run(end.clone()));
    assert_eq!((lost, lines(service.stored())), (0, offered(0..200)));
    assert!(service.calls().len() <= 2, "{:?}", service.calls());
    assert!(service.calls().iter().sum::<usize>() <= 4, "lines share records: {:?}", service.calls());
}

#[tokio::test]
async fn what_kinesis_does_not_take_is_kept_and_acknowledged() {
    let script =
        [Step::Answer(400, "ResourceNotFoundException"), Step::Answer(400, "ResourceNotFoundException")];
    let (service, folder) = (Scripted::start(script).await, tempfile::tempdir().unwrap());
    let (outbox, flusher, counters) = parts(&service, folder.path());
    let end = CancellationToken::new();
    let told = async {
        outbox.offer(offer(1, LONG, false)).unwrap().await.unwrap().unwrap();
        outbox.offer(offer(2, LONG, true)).unwrap().await.unwrap().unwrap();
        outbox.offer(offer(3, LONG, false)).unwrap().await.unwrap().unwrap();
        end.cancel();
    };
    let ((), lost) = tokio::join!(told, flusher.run(end.clone()));
    assert_eq!((lost, lines(service.stored())), (0, offered([3])));
    let kept = dead_letters(folder.path());
    assert_eq!(lines(kept.iter().map(|(_, object)| object.clone())), offered([1, 2]));
    let id = offer(1, LONG, false).id;
    let name = format!("dead-letter/ingest/2026-02-10/{id}.ndjson");
    assert!(kept.iter().any(|(path, _)| path.ends_with(&name)), "{kept:?}");
    drop(counters);
}

#[tokio::test]
async fn what_can_be_stored_nowhere_is_given_back_or_held() {
    let refused = Step::Answer(400, "AccessDeniedException");
    let (service, folder) = (Scripted::start([refused.clone(), refused]).await, tempfile::tempdir().unwrap());
    // A file stands where the folder should be.
    let nowhere = folder.path().join("file");
    std::fs::write(&nowhere, "x").unwrap();
    let (outbox, flusher, _) = parts(&service, &nowhere);
    let end = CancellationToken::new();
    let told = async {
        let waiting = outbox.offer(offer(1, LONG, false)).unwrap().await.unwrap();
        assert!(waiting.unwrap_err().0.contains("no dead letter"));
        let answered = outbox.offer(offer(2, LONG, true)).unwrap().await.unwrap();
        answered.unwrap_err();
        assert_eq!(service.stored().len(), 0);
        outbox.offer(offer(3, LONG, false)).unwrap().await.unwrap().unwrap();
        end.cancel();
    };
    let ((), lost) = tokio::join!(told, flusher.run(end.clone()));
    assert_eq!((lost, lines(service.stored())), (0, offered([2, 3])), "what is held goes with the next");
}

#[tokio::test]
async fn at_the_end_everything_is_stored_or_counted_as_lost() {
    let (service, folder) = (Scripted::start([Step::Hang, Step::Hang]).await, tempfile::tempdir().unwrap());
    let (outbox, flusher, _) = parts(&service, folder.path());
    let end = CancellationToken::new();
    let ended = async {
        // Two are out and hang, two wait.
        let told: Vec<_> = (0..2).map(|n| outbox.offer(offer(n, LONG, true)).unwrap()).collect();
        while service.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let more: Vec<_> = (2..4).map(|n| outbox.offer(offer(n, LONG, true)).unwrap()).collect();
        end.cancel();
        (told, more)
    };
    let (_, lost) = tokio::join!(ended, flusher.run(end.clone()));
    let mut stored = lines(service.stored());
    stored.extend(lines(dead_letters(folder.path()).into_iter().map(|(_, object)| object)));
    stored.sort();
    stored.dedup();
    assert_eq!((lost, stored), (0, offered(0..4)));

    let (service, folder) =
        (Scripted::start(std::iter::repeat_n(Step::Break, 10_000)).await, tempfile::tempdir().unwrap());
    let nowhere = folder.path().join("file");
    std::fs::write(&nowhere, "x").unwrap();
    let (outbox, flusher, _) = parts(&service, &nowhere);
    let end = CancellationToken::new();
    outbox.offer(offer(1, LONG, true)).unwrap();
    outbox.offer(offer(2, LONG, false)).unwrap();
    end.cancel();
    assert_eq!(flusher.run(end).await, 1, "only what was acknowledged is lost");
}

#[tokio::test]
async fn without_room_a_line_is_refused_at_once() {
    let (service, folder) = (Scripted::start([]).await, tempfile::tempdir().unwrap());
    let (outbox, flusher, _) = parts(&service, folder.path());
    let mut told = Vec::new();
    let full = loop {
        match outbox.offer(offer(7, LONG, false)) {
            Ok(one) => told.push(one),
            Err(full) => break full,
        }
    };
    assert_eq!((full, told.len()), (Full, 4096));
    let end = CancellationToken::new();
    let all = async {
        for told in told {
            told.await.unwrap().unwrap();
        }
        outbox.offer(offer(8, LONG, false)).unwrap().await.unwrap().unwrap();
        end.cancel();
    };
    tokio::join!(all, flusher.run(end.clone()));
    // At least once: a put that was late is put again.
    assert!(lines(service.stored()).len() >= 4097);
}
