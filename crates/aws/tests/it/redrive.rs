//! Dead letters of ingest on their way into Kinesis.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onepixel_archive::Archive;
use onepixel_aws::kinesis::{Patience, Producer};
use onepixel_aws::metrics::Counters;
use onepixel_aws::redrive::{Redrive, Redriven};
use onepixel_event::{Event, EventId, Source, Time};
use tokio::time::Instant;

use crate::scripted::{Scripted, Step};

const FIRST: &str = "dead-letter/ingest/2026-02-10/a.ndjson";
const SECOND: &str = "dead-letter/ingest/2026-02-11/b.ndjson";

fn lines(numbers: std::ops::Range<u8>) -> Vec<u8> {
    let mut lines = Vec::new();
    for n in numbers {
        let at = Time::from_ms(1_770_757_445_123);
        Event::new(EventId::at(at, [n; 10]), at, Source::Pixel, "pageview", format!("site-{n}"))
            .encode(&mut lines);
        lines.push(b'\n');
    }
    lines
}

async fn parts(script: Vec<Step>, folder: &Path) -> (Redrive, Scripted) {
    let service = Scripted::start(script).await;
    let patience = Patience { attempt: Duration::from_millis(300), ..Patience::FUNCTION };
    let bucket = Archive::open(&folder.to_string_lossy(), folder).unwrap();
    bucket.put(FIRST, lines(0..3)).await.unwrap();
    bucket.put(SECOND, [lines(3..5), b"no event\n".to_vec()].concat()).await.unwrap();
    // Others' dead letters are none of ours.
    bucket.put("dead-letter/live/x.json", b"{}".to_vec()).await.unwrap();
    let producer = Producer::new(service.client(), "stream", patience);
    (Redrive { bucket, producer, counters: Arc::new(Counters::new("redrive")) }, service)
}

#[tokio::test]
async fn every_line_is_brought_over_and_the_objects_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (redrive, service) = parts(vec![Step::Partly(vec![0], "InternalFailure")], folder.path()).await;
    let done = redrive.run(Instant::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(done, Redriven { objects: 2, lines: 6, refused: 0, more: false });
    let mut stored: Vec<u8> = service.stored().concat();
    let mut expected = [lines(0..5), b"no event\n".to_vec()].concat();
    stored.sort_unstable();
    expected.sort_unstable();
    assert_eq!(stored.len(), expected.len());
    assert_eq!(stored, expected);
    let done = redrive.run(Instant::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(done, Redriven::default());
    assert_eq!(redrive.bucket.get("dead-letter/live/x.json").await.unwrap(), "{}");
}

#[tokio::test]
async fn what_kinesis_does_not_take_stays() {
    let folder = tempfile::tempdir().unwrap();
    let script = vec![Step::Store, Step::Answer(400, "AccessDeniedException")];
    let (redrive, service) = parts(script, folder.path()).await;
    let failed = redrive.run(Instant::now() + Duration::from_secs(60)).await.unwrap_err();
    assert!(format!("{failed:#}").contains("stays, and is tried again"), "{failed:#}");
    assert_eq!(service.calls().len(), 2);
    let gone = [redrive.bucket.get(FIRST).await.is_err(), redrive.bucket.get(SECOND).await.is_err()];
    assert_eq!(gone.iter().filter(|gone| **gone).count(), 1, "one is done, one stays");
    let done = redrive.run(Instant::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(done.objects, 1);
    let late = redrive.run(Instant::now() + Duration::from_secs(1)).await.unwrap();
    assert!(!late.more, "nothing is left");
}

#[tokio::test]
async fn without_time_nothing_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let (redrive, service) = parts(vec![], folder.path()).await;
    let done = redrive.run(Instant::now() + Duration::from_secs(1)).await.unwrap();
    assert_eq!((done, service.calls().len()), (Redriven { more: true, ..Redriven::default() }, 0));
}
