//! The live function against DynamoDB: each event is counted once, whatever comes again and whatever fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use onepixel_archive::Archive;
use onepixel_aws::clock::system_clock;
use onepixel_aws::consumer::{Consumer, DeadLetters, RawBodies};
use onepixel_aws::dynamo::keys;
use onepixel_aws::dynamo::table;
use onepixel_aws::live::LiveTable;
use onepixel_aws_tests::faults::{FaultProxy, Plan};
use onepixel_aws_tests::servers::{Endpoints, Item, Servers, Table};
use onepixel_event::{Event, Time};
use onepixel_gateway::ingest::IngestSettings;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use crate::batches::{self, OwnSalts, Record, invocation, within};
use crate::model::differences;

const TTL: Duration = Duration::from_secs(7 * 24 * 3600);

type Live = Consumer<LiveTable, OwnSalts>;

/// A live function of its own, as an environment of Lambda is.
fn function(endpoints: &Endpoints, folder: &std::path::Path) -> Live {
    let table = table::Table::new(&endpoints.config(&endpoints.dynamodb), "live");
    let bucket = Archive::open(folder.to_str().unwrap(), folder).unwrap();
    Consumer::new(
        LiveTable::new(table, TTL, system_clock()),
        RawBodies::new(IngestSettings::default(), OwnSalts),
        DeadLetters::new(bucket, "live"),
    )
}

/// Brings records to their end as an event source mapping does: in random cuts, from where the function says.
async fn drive(function: &Live, shard: u32, records: &[Record], seed: u64, overlap: bool) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut next = 0;
    let mut invocations = 0;
    while next < records.len() {
        invocations += 1;
        assert!(invocations < 50 * records.len(), "no end in sight");
        let end = rng.random_range(next + 1..=(next + 60).min(records.len()));
        // An answer that Lambda did not hear of: the same records come again, in another cut.
        let is_heard = !overlap || rng.random_bool(0.7);
        let deadline = within(if rng.random_bool(0.1) { 0 } else { 5 });
        let response = function.handle(&invocation(shard, &records[next..end]), deadline).await.unwrap();
        if !is_heard {
            continue;
        }
        next = match response.batch_item_failures.first() {
            None => end,
            Some(failure) => {
                let sequence: u64 = failure.item_identifier.as_ref().unwrap().parse().unwrap();
                records.iter().position(|(at, _)| *at == sequence).unwrap()
            }
        };
    }
}

fn events(rng: &mut StdRng, count: usize) -> Vec<Event<'static>> {
    let now = batches::now().ms();
    (0..count)
        .map(|_| {
            let before = if rng.random_bool(0.9) {
                rng.random_range(0..120_000)
            } else {
                rng.random_range(0..200_000_000)
            };
            batches::event(rng, Time::from_ms(now - before))
        })
        .collect()
}

fn numbered(data: Vec<Vec<u8>>) -> Vec<Record> {
    data.into_iter().enumerate().map(|(at, data)| (1_000 + at as u64, data)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_counted_once_through_redeliveries_conflicts_throttles_and_lost_answers() {
    let seed: u64 =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let servers = Servers::start().await.unwrap();
    let straight = servers.endpoints();
    let table = Table::create(&straight, "live").await.unwrap();
    let trouble = Plan {
        seed,
        server_error_one_in: 15,
        reset_before_one_in: 30,
        reset_after_one_in: 10,
        hang_one_in: 100,
        hang_after_one_in: 100,
        hang: Duration::from_millis(300),
        throttle_one_in: 15,
        conflict_one_in: 15,
        unprocessed_one_in: 10,
        ..Plan::default()
    };
    let proxy = FaultProxy::start(&straight.dynamodb, trouble).await.unwrap();
    let endpoints = Endpoints { dynamodb: proxy.url(), ..straight };
    let folder = tempfile::tempdir().unwrap();

    let all = events(&mut rng, 1_500);
    // Two shards. A fifth of the events stand in both, as after a producer's retry, or twice in one.
    let (left, right) = all.split_at(700);
    let mut left = left.to_vec();
    left.extend(all.iter().filter(|_| rng.random_bool(0.2)).cloned());
    left.shuffle(&mut rng);
    let (left, right) = (batches::packed(&mut rng, &left), batches::packed(&mut rng, right));
    let (left, right) = (Arc::new(numbered(left)), Arc::new(numbered(right)));

    let mut tasks = JoinSet::new();
    // Each shard is read by two mappings at once, by functions of their own.
    for (shard, records, who) in [(0, &left, 1), (0, &left, 2), (1, &right, 3), (1, &right, 4)] {
        let (function, records) = (function(&endpoints, folder.path()), Arc::clone(records));
        tasks.spawn(async move { drive(&function, shard, &records, seed ^ who, true).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }

    let items = table.read_all().await.unwrap();
    let markers = items.iter().filter(|item| item[keys::PK].as_s().unwrap().starts_with("E#")).count();
    assert_eq!(markers, all.len());
    assert_eq!(differences(&items, &all), Vec::<String>::new());
    recent_events_are_events(&items, &all);
    let counts = proxy.counts();
    println!("{counts:?}");
    for trouble in [
        counts.server_errors,
        counts.resets_after,
        counts.throttled,
        counts.conflicts,
        counts.unprocessed_items,
    ] {
        assert!(trouble > 0, "{counts:?}");
    }
}

/// Under its site and under all sites, by a key that says when it was received.
fn recent_events_are_events(items: &[Item], all: &[Event<'_>]) {
    let by_id: HashMap<_, _> = all.iter().map(|event| (event.id, event)).collect();
    let (mut of_all, mut of_sites) = (0, 0);
    for item in items {
        let pk = item[keys::PK].as_s().unwrap();
        if !pk.starts_with("R#") {
            continue;
        }
        let (at, id) = keys::parse_recent_sk(item[keys::SK].as_s().unwrap()).unwrap();
        let event = by_id[&id];
        let line = item[keys::LINE].as_s().unwrap();
        assert_eq!((Event::decode(line.as_bytes()).unwrap(), at), (event.clone(), event.received_at));
        let w = keys::recent_shard(id);
        if *pk == keys::recent_pk(None, w) {
            of_all += 1;
        } else {
            assert_eq!(*pk, keys::recent_pk(Some(&event.site), w));
            of_sites += 1;
        }
    }
    // The newest of all are among the newest of their sites.
    assert!(of_all > 0 && of_sites >= of_all, "{of_all} {of_sites}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_time_to_live_is_not_counted_and_no_failure() {
    let servers = Servers::start().await.unwrap();
    let endpoints = servers.endpoints();
    let table = Table::create(&endpoints, "live").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let now = batches::now().ms();
    let ttl_ms = i64::try_from(TTL.as_millis()).unwrap();
    let fresh = batches::event(&mut rng, Time::from_ms(now - ttl_ms + 60_000));
    let old = batches::event(&mut rng, Time::from_ms(now - ttl_ms - 60_000));
    let data = [batches::line(&old), batches::line(&fresh)].concat();
    let function = function(&endpoints, folder.path());
    let response = function.handle(&invocation(0, &[(7, data)]), within(10)).await.unwrap();
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(differences(&table.read_all().await.unwrap(), &[fresh]), Vec::<String>::new());
}

#[tokio::test]
async fn a_table_that_is_not_there_fails_from_the_first_record_and_at_once() {
    let servers = Servers::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let records: Vec<Record> =
        (0..3).map(|at| (7 + at, batches::line(&batches::event(&mut rng, batches::now())))).collect();
    let function = function(&servers.endpoints(), folder.path());
    let begun = tokio::time::Instant::now();
    let response = function.handle(&invocation(0, &records), within(60)).await.unwrap();
    assert_eq!(response.batch_item_failures[0].item_identifier.as_deref(), Some("7"));
    assert!(begun.elapsed() < Duration::from_secs(30));
}
