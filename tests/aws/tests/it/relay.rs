//! The relay of the real server, into a Kinesis behind faults: what the server has acknowledged is there, in order for each
//! partition key, whatever fails and however often the server is killed.
//!
//! One client posts one request after the other, so the order of all events is known. `SEED` says which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use onepixel_aws_tests::faults::{Counts, FaultProxy, Plan, ShardRate};
use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::servers::{Endpoints, Kinesalite, Stored, Stream};
use onepixel_event::{Event, EventId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::batches;
use crate::server::Server;

const KILLS: usize = 3;
/// At least so many requests before a kill and after the last one.
const REQUESTS: usize = 20;
/// Between further ones, which only wait for what has not struck yet.
const PACE: Duration = Duration::from_millis(300);
/// For faults to strike that have not yet, and for what the machine does besides.
const WITHIN: Duration = Duration::from_secs(300);

/// The command, with the relay's settings.
fn onepixel(folder: &Path, endpoints: &Endpoints) -> Command {
    let mut command = Command::new(bootstrap("onepixel").unwrap());
    command.env_clear().envs(endpoints.environment()).envs([
        ("ONEPIXEL_RELAY__KINESIS", "events"),
        ("ONEPIXEL_RELAY__BATCH_SIZE", "100"),
        ("ONEPIXEL_RELAY__BATCH_WINDOW", "100ms"),
    ]);
    command.arg("--data-dir").arg(folder.join("data"));
    command
}

/// What the client has sent: the events' ids in the order of the requests.
#[derive(Default)]
struct Sent {
    numbers: BTreeMap<String, usize>,
    acknowledged: BTreeSet<String>,
}

impl Sent {
    /// One request of some events; false if there was no answer, or another than 202.
    fn post(&mut self, url: &str, rng: &mut StdRng) -> bool {
        let mut ids = Vec::new();
        let mut events = Vec::new();
        for _ in 0..rng.random_range(1..=12) {
            let id = EventId::fresh(batches::now()).to_string();
            // Few visitors and large events: a batch has several records for each key, which must not pass one another.
            let visitor = format!("visitor-{}", rng.random_range(0..6));
            let text = "x".repeat(rng.random_range(0..2_000));
            let props = json!({ "a": text, "b": text, "c": text, "d": text });
            events.push(
                json!({ "id": id, "event": "step", "site": "shop", "visitor": visitor, "props": props }),
            );
            self.numbers.insert(id.clone(), self.numbers.len());
            ids.push(id);
        }
        let body = Value::Array(events).to_string();
        let answer = ureq::post(format!("{url}/e")).header("content-type", "application/json").send(body);
        let stored = answer.is_ok_and(|answer| answer.status() == 202);
        if stored {
            self.acknowledged.extend(ids);
        }
        stored
    }

    /// What is wrong with what is in the stream; nothing when all is well.
    fn missing(&self, stored: &[Stored]) -> usize {
        let found: BTreeSet<String> = events(stored).into_iter().map(|(_, id, _)| id).collect();
        self.acknowledged.difference(&found).count()
    }

    /// First copies come in the order in which they were sent, by partition key; further ones are the same to the byte.
    /// Gives how many of those there are.
    fn check(&self, stored: &[Stored]) -> usize {
        let mut firsts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut last: BTreeMap<String, usize> = BTreeMap::new();
        let mut keys: BTreeMap<String, String> = BTreeMap::new();
        let mut again = 0;
        for (key, id, line) in events(stored) {
            let number = *self.numbers.get(&id).unwrap_or_else(|| panic!("nobody sent {id}"));
            let visitor = Event::decode(&line).unwrap().visitor.unwrap().into_owned();
            assert_eq!(*keys.entry(visitor.clone()).or_insert_with(|| key.clone()), key, "{visitor}");
            if let Some(first) = firsts.get(&id) {
                assert_eq!(*first, line);
                again += 1;
                continue;
            }
            if let Some(last) = last.insert(key.clone(), number) {
                assert!(last < number, "{key}: number {number} came after number {last}");
            }
            firsts.insert(id, line);
        }
        again
    }
}

/// Partition key, id and line of each event, in the order of the shards.
fn events(stored: &[Stored]) -> Vec<(String, String, Vec<u8>)> {
    let lines = stored.iter().flat_map(|record| {
        let lines = record.data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| (record.key.clone(), Event::decode(line).unwrap().id.to_string(), line.to_vec()))
    });
    lines.collect()
}

/// Throttled shards, entries and requests that fail, answers that are lost.
fn faults(seed: u64) -> Plan {
    Plan {
        seed,
        server_error_one_in: 8,
        reset_before_one_in: 10,
        reset_after_one_in: 6,
        entry_failure_one_in: 12,
        // Less than two full records: they are throttled when they come together, however slow the machine is.
        shard_rate: Some(ShardRate { records_per_second: 100.0, bytes_per_second: 45_000.0 }),
        ..Plan::default()
    }
}

fn all_struck(counts: &Counts) -> bool {
    let Counts { server_errors, resets_before, resets_after, failed_entries, throttled_records, .. } =
        *counts;
    [server_errors, resets_before, resets_after, failed_entries, throttled_records]
        .iter()
        .all(|count| *count > 0)
}

/// Posts, with a server that is killed in the midst of it now and then, until there was enough and every fault has struck.
fn send(folder: PathBuf, endpoints: Endpoints, seed: u64, counts: impl Fn() -> Counts) -> (Sent, Server) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sent = Sent::default();
    let start = || Server::start(onepixel(&folder, &endpoints), folder.join("log"));
    for _ in 0..KILLS {
        let mut server = start();
        for _ in 0..REQUESTS {
            assert!(sent.post(&server.url, &mut rng), "{}", server.said());
        }
        let url = server.url.clone();
        std::thread::scope(|scope| {
            let after = Duration::from_millis(rng.random_range(0..250));
            scope.spawn(move || {
                std::thread::sleep(after);
                server.kill();
            });
            // It is answered until the kill, and never after it.
            while sent.post(&url, &mut rng) {}
        });
    }
    let server = start();
    let begun = Instant::now();
    let mut requests = 0;
    while requests < REQUESTS || !all_struck(&counts()) {
        assert!(begun.elapsed() < WITHIN, "{:?}", counts());
        if requests >= REQUESTS {
            std::thread::sleep(PACE);
        }
        assert!(sent.post(&server.url, &mut rng), "{}", server.said());
        requests += 1;
    }
    (sent, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_acknowledged_is_in_kinesis_in_order_whatever_fails() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let kinesis = Kinesalite::start().await.unwrap();
    let straight = kinesis.endpoints();
    let stream = Stream::create(&straight, "events", 2).await.unwrap();
    let proxy = std::sync::Arc::new(FaultProxy::start(&straight.kinesis, faults(seed)).await.unwrap());
    let endpoints = Endpoints { kinesis: proxy.url(), ..straight };
    let folder = tempfile::tempdir().unwrap();

    let (path, to, counted) = (folder.path().to_owned(), endpoints.clone(), std::sync::Arc::clone(&proxy));
    let sending = tokio::task::spawn_blocking(move || send(path, to, seed, || counted.counts()));
    let (sent, server) = sending.await.unwrap();
    let begun = Instant::now();
    let stored = loop {
        let stored = stream.read_all().await.unwrap();
        let missing = sent.missing(&stored);
        if missing == 0 {
            break stored;
        }
        assert!(begun.elapsed() < WITHIN, "{missing} missing, {:?}", proxy.counts());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let again = sent.check(&stored);
    println!(
        "through {:.1?} after the last request: {} events acknowledged of {}, {} records, {again} events more than once; {:?}",
        begun.elapsed(),
        sent.acknowledged.len(),
        sent.numbers.len(),
        stored.len(),
        proxy.counts()
    );
    assert!(again > 0, "answers were lost, and nothing came twice");
    let done = tokio::task::spawn_blocking(move || {
        server.stop();
        onepixel(folder.path(), &endpoints).args(["audit", "--json"]).output().unwrap()
    });
    let done = done.await.unwrap();
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(done.status.success() && report["relay"]["dead_lettered"] == json!(0), "{report:#}");
}
