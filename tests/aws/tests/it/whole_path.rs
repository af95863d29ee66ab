//! The whole path in the emulated AWS: hits through the ingest function and bodies past it, Kinesis with four shards of which one
//! is split on the way, both consumers behind event source mappings, and everything that can fail failing: services that throttle,
//! break, hang and lose answers, environments that are killed, or stall until their time-out kills them, batches that come again, and
//! poison.
//!
//! At the end the archive holds each event, once after deduplication by id; the counters in DynamoDB are exact; the dead letters
//! are the poison and nothing else; and DuckDB, by the printed statements, agrees to the event.
//!
//! 1,000 events by default; `WHOLE_PATH_EVENTS=50000` says how many, `SEED` which. Builds of the functions for release
//! (`ONEPIXEL_FUNCTIONS=target/release`) are several times as fast.

mod found;
mod sent;
mod stage;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::model::differences;
use sent::Sent;
use stage::Stage;

const EVENTS: usize = 1_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_once_in_the_archive_the_counters_and_duckdb() {
    let seed = number("SEED").unwrap_or_else(rand::random);
    let events = number("WHOLE_PATH_EVENTS").map_or(EVENTS, |events| usize::try_from(events).unwrap());
    println!("SEED={seed}");
    let limit = Duration::from_secs(120 + events as u64 / 20);
    let mut rng = StdRng::seed_from_u64(seed);
    let begun = Instant::now();
    let stage = Stage::start(seed).await;
    let mut sent = Sent::default();
    let consumers = stage.consume(seed).await;
    sent.send(&stage, &mut rng, events / 2).await;
    stage.stream.split("shardId-000000000001").await.unwrap();
    sent.send(&stage, &mut rng, events - events / 2).await;
    println!("{events} events sent after {:?}", begun.elapsed());
    let reports = consumers.finish(limit).await;
    println!("through after {:?}: {reports}", begun.elapsed());
    println!("{}", stage.troubles());

    let bucket = stage.bucket_in_a_folder().await;
    let stored = found::events(bucket.path());
    println!("{} lines in the archive, {} events", stored.lines, stored.events.len());
    sent.check_archive(&stored);
    sent.check_dead_letters(bucket.path());
    let items = stage.table.read_all().await.unwrap();
    assert_eq!(differences(&items, &stored.decoded()), Vec::<String>::new());
    found::duckdb_agrees(bucket.path(), &stored);
    println!("checked after {:?}", begun.elapsed());
}
