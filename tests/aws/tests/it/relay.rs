//! The relay of the real server, into a Kinesis behind faults: what the server has acknowledged is there, in order for each
//! partition key, whatever fails and however often the server is killed.
//!
//! One client posts one request after the other, so the order of all events is known. `SEED` says which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use onepixel_aws_tests::faults::{Counts, FaultProxy, Plan, ShardRate};
use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::servers::{Endpoints, Kinesalite, Stored, Stream};
use onepixel_event::{Event, EventId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::batches;

const KILLS: usize = 3;
/// At least so many requests before a kill and after the last one.
const REQUESTS: usize = 40;
/// For faults to strike that have not yet, and for what the machine does besides.
const WITHIN: Duration = Duration::from_secs(300);

/// `onepixel serve` with a relay; killed with this value.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts it on its data, and waits until it is ready.
    fn start(folder: &Path, endpoints: &Endpoints) -> Self {
        let log = folder.join("log");
        let child = onepixel(folder, endpoints)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut server = Self { child, url: String::new() };
        server.url = until("the server listens", || {
            assert_eq!(server.child.try_wait().unwrap(), None, "{}", text(&log));
            let log = text(&log);
            let (address, _) = log.split_once("listening on ")?.1.split_once('\n')?;
            Some(address.trim().to_owned())
        });
        until("the server is ready", || ureq::get(format!("{}/readyz", server.url)).call().ok());
        server
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; it has to end well.
    fn stop(mut self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let status = until("the server ends", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

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

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < WITHIN, "not within {WITHIN:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
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
        server_error_one_in: 12,
        reset_before_one_in: 15,
        reset_after_one_in: 6,
        entry_failure_one_in: 12,
        shard_rate: Some(ShardRate { records_per_second: 25.0, bytes_per_second: 400_000.0 }),
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
    for _ in 0..KILLS {
        let mut server = Server::start(&folder, &endpoints);
        for _ in 0..REQUESTS {
            assert!(sent.post(&server.url, &mut rng), "{}", text(&folder.join("log")));
        }
        let url = server.url.clone();
        std::thread::scope(|scope| {
            let after = Duration::from_millis(rng.random_range(0..400));
            scope.spawn(move || {
                std::thread::sleep(after);
                server.kill();
            });
            // It is answered until the kill, and never after it.
            while sent.post(&url, &mut rng) {}
        });
    }
    let server = Server::start(&folder, &endpoints);
    let begun = Instant::now();
    let mut requests = 0;
    while requests < REQUESTS || !all_struck(&counts()) {
        assert!(begun.elapsed() < WITHIN, "{:?}", counts());
        assert!(sent.post(&server.url, &mut rng), "{}", text(&folder.join("log")));
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
