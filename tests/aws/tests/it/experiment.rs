//! The reference's own experiment: what a function loses that answers before, after, or without waiting for the put.
//!
//! Each mode runs in environments that are frozen between invocations, stopped in their middle, recycled and, in a run of
//! its own, killed at random moments; Kinesis throttles, fails in part and as a whole, resets, is silent, and loses answers.
//! What was acknowledged with 200 and is neither in the stream nor in the dead letter is lost.
//!
//! `ONEPIXEL_EXPERIMENT` is the number of requests of each mode: 20000 is the whole experiment, and takes minutes. Release
//! builds of the functions (`ONEPIXEL_FUNCTIONS=target/release`) start faster.
#![expect(clippy::print_stdout, reason = "an experiment prints what it found")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use onepixel_archive::Archive;
use onepixel_aws::kinesis::{Patience, Producer};
use onepixel_aws::metrics::Counters;
use onepixel_aws::record::Content;
use onepixel_aws::redrive::Redrive;
use onepixel_aws_tests::faults::{FaultProxy, Plan, ShardRate};
use onepixel_aws_tests::freeze::{Chaos, Counts, Function, HttpAnswer, HttpRequest, Launch};
use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::servers::{Bucket, Endpoints, Servers, Stream, Table};
use onepixel_event::Event;
use tokio::task::JoinSet;
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);
const REQUESTS: usize = 200;
const WORKERS: usize = 6;
/// Of the function: its end kills the environment, which is an accident of its own kind. So long that a machine that stands
/// still for minutes does not cause it.
const TIMEOUT: Duration = Duration::from_secs(600);
const SEED: u64 = 20_261_126;

/// The services of one run.
struct Stage {
    servers: Servers,
    stream: Stream,
    table: Table,
    bucket: Bucket,
}

/// What became of the requests of one run.
struct Outcome {
    acknowledged: HashSet<String>,
    stored: HashSet<String>,
    /// Events in the stream, each as often as it is there.
    copies: usize,
    /// Answered with 503.
    refused: usize,
    /// Not answered: the environment died.
    failed: usize,
    /// Objects that redrive brought over.
    dead_letters: usize,
    counts: Counts,
    took: Duration,
}

impl Stage {
    async fn set() -> Self {
        let servers = Servers::start().await.unwrap();
        let endpoints = servers.endpoints();
        let stream = Stream::create(&endpoints, "events", 2).await.unwrap();
        let table = Table::create(&endpoints, "table").await.unwrap();
        let bucket = Bucket::create(&endpoints, "bucket").await.unwrap();
        Self { servers, stream, table, bucket }
    }

    /// The function with Kinesis at this address.
    fn launch(&self, program: PathBuf, ack: &str, kinesis: String) -> Launch {
        let endpoints = Endpoints { kinesis, ..self.servers.endpoints() };
        let mut launch = Launch::new(program)
            .envs(endpoints.environment())
            .env("ONEPIXEL_STREAM", self.stream.name())
            .env("ONEPIXEL_TABLE", self.table.name())
            .env("ONEPIXEL_BUCKET", self.bucket.url())
            .env("ONEPIXEL_ACK", ack)
            .environments(WORKERS)
            .timeout(TIMEOUT);
        launch.init_timeout = TIMEOUT;
        launch
    }

    /// Sends the requests, brings over what was kept in the bucket, and looks at what is in the stream then.
    async fn run(self, function: Function, requests: usize) -> Outcome {
        let began = Instant::now();
        let function = Arc::new(function);
        let next = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            let (function, next) = (Arc::clone(&function), Arc::clone(&next));
            workers.spawn(async move {
                let mut answers = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < requests {
                    answers.push(hit(&function).await);
                }
                answers
            });
        }
        let answers: Vec<HttpAnswer> = workers.join_all().await.into_iter().flatten().collect();
        let took = began.elapsed();
        let function = Arc::into_inner(function).unwrap();
        let counts = function.shutdown().await;
        let acknowledged = answers.iter().filter(|answer| answer.status == 200);
        let id = |answer: &HttpAnswer| answer.header("x-event-id").unwrap().to_owned();
        let acknowledged: HashSet<String> = acknowledged.map(id).collect();
        let refused = answers.iter().filter(|answer| answer.status == 503).count();
        let failed = answers.len() - acknowledged.len() - refused;
        let dead_letters = self.redrive().await;
        let mut stored = HashSet::new();
        let mut copies = 0;
        for record in self.stream.read_all().await.unwrap() {
            let Content::Lines(lines) = Content::read(&record.data) else { panic!("{record:?}") };
            for line in lines {
                stored.insert(Event::decode(line).unwrap().id.to_string());
                copies += 1;
            }
        }
        Outcome { acknowledged, stored, copies, refused, failed, dead_letters, counts, took }
    }

    async fn redrive(&self) -> usize {
        let environment = self.servers.endpoints().environment();
        let bucket = Archive::open_with(&self.bucket.url(), Path::new("none"), environment).unwrap();
        let client = self.servers.endpoints().kinesis();
        let producer = Producer::new(client, self.stream.name(), Patience::BACKGROUND);
        let redrive = Redrive { bucket, producer, counters: Arc::new(Counters::new("redrive")) };
        let done = redrive.run(Instant::now() + Duration::from_secs(120)).await.unwrap();
        assert!(!done.more && done.refused == 0, "{done:?}");
        done.objects
    }
}

impl Outcome {
    fn lost(&self) -> usize {
        self.acknowledged.difference(&self.stored).count()
    }

    /// Of what was acknowledged, in percent.
    fn lost_share(&self) -> f64 {
        100.0 * self.lost() as f64 / self.acknowledged.len().max(1) as f64
    }

    fn print(&self, mode: &str) {
        let Counts { cold_starts, recycled, killed, paused, freezes, timed_out, .. } = self.counts;
        println!(
            "{mode}: {} acknowledged, {} lost ({:.2} %), {} refused, {} failed, {} twice, {} dead letters; \
             {cold_starts} cold starts, {recycled} recycled, {killed} killed, {paused} stopped, {freezes} freezes, \
             {timed_out} timed out; {:.1} s",
            self.acknowledged.len(),
            self.lost(),
            self.lost_share(),
            self.refused,
            self.failed,
            self.copies - self.stored.len(),
            self.dead_letters,
            self.took.as_secs_f64(),
        );
    }
}

async fn hit(function: &Function) -> HttpAnswer {
    let request = HttpRequest::get("/p.gif?site=badge&page=https%3A%2F%2Fexample.org%2Fshop");
    let request = request
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    let called = function.invoke(request.payload()).await;
    let answer = HttpAnswer::of(&called.answer).unwrap();
    if answer.status == 500 {
        println!(
            "not answered: {:?} after {:?}, init {:?}",
            called.answer, called.answered_after, called.init
        );
    }
    answer
}

fn requests() -> usize {
    let number = std::env::var("ONEPIXEL_EXPERIMENT").ok();
    number.map_or(REQUESTS, |number| number.parse().unwrap())
}

/// Everything that can go wrong with Kinesis.
fn faults() -> Plan {
    Plan {
        seed: SEED,
        operations: vec!["PutRecords".to_owned()],
        delay: 2 * MS,
        delay_spread: 10 * MS,
        server_error_one_in: 15,
        reset_before_one_in: 30,
        reset_after_one_in: 30,
        hang_one_in: 60,
        hang_after_one_in: 60,
        hang: Duration::from_secs(3),
        entry_failure_one_in: 15,
        shard_rate: Some(ShardRate {
            records_per_second: if requests() > 1000 { 40.0 } else { 3.0 },
            bytes_per_second: 1_048_576.0,
        }),
        ..Plan::default()
    }
}

/// Environments that come and go. The more requests, the rarer: a start costs as much as a hundred hits.
fn chaos(requests: usize) -> Chaos {
    Chaos {
        seed: SEED,
        recycle_one_in: u32::try_from(requests / 20).unwrap().clamp(10, 60),
        pause_one_in: 10,
        pause_at_most: 60 * MS,
        ..Chaos::default()
    }
}

async fn troubled(ack: &str, chaos: Chaos) -> Outcome {
    let stage = Stage::set().await;
    let proxy = FaultProxy::start(&stage.servers.endpoints().kinesis, faults()).await.unwrap();
    let launch = stage.launch(bootstrap("onepixel-ingest").unwrap(), ack, proxy.url());
    let function = Function::with_chaos(launch, chaos).unwrap();
    let outcome = stage.run(function, requests()).await;
    let seen = proxy.counts();
    println!("Kinesis: {seen:?}");
    assert!(seen.server_errors > 0 && seen.resets_before > 0 && seen.resets_after > 0, "{seen:?}");
    assert!(seen.hangs + seen.hangs_after > 0 && seen.failed_entries > 0, "{seen:?}");
    assert!(seen.throttled_records > 0, "{seen:?}");
    assert!(outcome.counts.recycled > 0 && outcome.counts.paused > 0, "{:?}", outcome.counts);
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fire_and_forget_loses_a_large_share() {
    let stage = Stage::set().await;
    let plan = Plan { seed: SEED, delay: 50 * MS, ..Plan::default() };
    let proxy = FaultProxy::start(&stage.servers.endpoints().kinesis, plan).await.unwrap();
    let launch = stage.launch(env!("CARGO_BIN_EXE_fire_and_forget").into(), "after", proxy.url());
    // A page that is seen now and then: every third hit is the last one before its environment is taken away.
    let chaos = Chaos { seed: SEED, recycle_one_in: 3, ..Chaos::default() };
    let function = Function::with_chaos(launch, chaos).unwrap();
    let outcome = stage.run(function, requests().min(120)).await;
    outcome.print("fire and forget");
    assert!(outcome.lost_share() > 10.0, "a healthy Kinesis, and still");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answering_before_loses_nothing() {
    let outcome = troubled("before", chaos(requests())).await;
    outcome.print("before");
    assert_eq!(outcome.lost(), 0);
    assert_eq!(outcome.failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answering_after_loses_nothing() {
    let outcome = troubled("after", chaos(requests())).await;
    outcome.print("after");
    assert_eq!(outcome.lost(), 0);
    assert_eq!(outcome.failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_process_killed_answering_before_loses_nothing_and_after_a_share() {
    let kills = |chaos: Chaos| Chaos { kill_one_in: chaos.recycle_one_in, kill_within: 60 * MS, ..chaos };
    let before = troubled("before", kills(chaos(requests()))).await;
    before.print("before, killed");
    assert!(before.counts.killed > 0, "{:?}", before.counts);
    assert_eq!(before.lost(), 0);
    let after = troubled("after", kills(chaos(requests()))).await;
    after.print("after, killed");
    assert!(after.counts.killed > 0, "{:?}", after.counts);
    // Its window is the time that a put takes, of which it is told.
    assert!(after.lost() <= usize::try_from(after.counts.killed).unwrap(), "one event at most for each kill");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answering_after_adds_a_tenth_of_what_before_adds() {
    let stage = Stage::set().await;
    let plan = Plan { delay: 20 * MS, ..Plan::default() };
    let proxy = FaultProxy::start(&stage.servers.endpoints().kinesis, plan).await.unwrap();
    let mut added = Vec::new();
    for ack in ["before", "after"] {
        let launch = stage.launch(bootstrap("onepixel-ingest").unwrap(), ack, proxy.url());
        let function = Function::new(launch.environments(1)).unwrap();
        // The first ones start the environment and its connections.
        for _ in 0..10 {
            hit(&function).await;
        }
        let (mut peeks, mut hits) = (Vec::new(), Vec::new());
        for _ in 0..120 {
            let mut peek = HttpRequest::get("/p.gif");
            peek.method = "HEAD".to_owned();
            peeks.push(timed(&function, &peek).await);
            hits.push(timed(&function, &HttpRequest::get("/p.gif?site=badge")).await);
        }
        let (peek, hit) = (median(peeks), median(hits));
        println!(
            "{ack}: {hit:?} for a hit, {peek:?} for a HEAD, so {:?} for the record",
            hit.saturating_sub(peek)
        );
        added.push(hit.saturating_sub(peek));
        function.shutdown().await;
    }
    let (before, after) = (added[0], added[1]);
    assert!(before >= 20 * MS, "{before:?}");
    assert!(after * 10 <= before, "after adds {after:?}, before {before:?}");
}

async fn timed(function: &Function, request: &HttpRequest) -> Duration {
    let called = function.invoke(request.payload()).await;
    let took = called.answered_after;
    assert_eq!(HttpAnswer::of(&called.answer).unwrap().status, 200);
    // The next one finds the environment free.
    called.busy().await.unwrap();
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
