//! A proxy in front of a server that fails as AWS does, by a plan and a seed, and counts what it did.
//!
//! It knows Kinesis (throttling per shard, entries of a PutRecords that fail) and DynamoDB (throttling, conflicts of
//! transactions, unprocessed items) by their operation, and treats everything as plain HTTP besides: delay, 5xx, resets
//! before and after the server has done its work, silence.
//!
//! Deliberately not emulated: throttling of reads, an on-demand stream's growth, and failing entries that were stored all
//! the same (an answer that is lost after the work is done has the same effect).

mod dynamo;
mod forward;
mod kinesis;
mod shards;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use crate::loopback::{self, Answered, Loopback};
use forward::Forward;
use shards::Shards;

/// What goes wrong. Each `one_in` strikes one of so many requests (or entries, or items), drawn from the seed; 0 is never
/// and 1 always. The default lets everything pass at once.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Where the draws come from.
    pub seed: u64,
    /// Only these operations fail, such as `PutRecords`, or methods for S3, such as `PUT`; all if empty. Delay is for all.
    pub operations: Vec<String>,
    /// Before each request is forwarded.
    pub delay: Duration,
    /// At most so much more, drawn for each request.
    pub delay_spread: Duration,
    /// 500 or 503 instead of an answer; nothing is forwarded.
    pub server_error_one_in: u32,
    /// The connection is reset; nothing is forwarded.
    pub reset_before_one_in: u32,
    /// The connection is reset after the server has done its work: stored, but the answer was lost.
    pub reset_after_one_in: u32,
    /// No answer for `hang`, then a reset; nothing is forwarded.
    pub hang_one_in: u32,
    /// No answer for `hang`, then a reset; the server has done its work.
    pub hang_after_one_in: u32,
    /// How long it is silent.
    pub hang: Duration,
    /// What each shard takes; more is throttled entry by entry.
    pub shard_rate: Option<ShardRate>,
    /// Entries of a PutRecords that fail with `InternalFailure`; the others are stored.
    pub entry_failure_one_in: u32,
    /// Requests to DynamoDB that are throttled.
    pub throttle_one_in: u32,
    /// TransactWriteItems that are cancelled for a conflict on one of their items.
    pub conflict_one_in: u32,
    /// Items of a BatchWriteItem that come back unprocessed; never all of one.
    pub unprocessed_one_in: u32,
}

/// What a shard takes, as a token bucket that holds one second.
#[derive(Debug, Clone, Copy)]
pub struct ShardRate {
    /// 1,000 on AWS.
    pub records_per_second: f64,
    /// 1 MiB on AWS; partition keys count.
    pub bytes_per_second: f64,
}

impl ShardRate {
    /// AWS's.
    pub const AWS: Self = Self { records_per_second: 1_000.0, bytes_per_second: 1_048_576.0 };
}

/// What a proxy did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that came.
    pub requests: u64,
    /// Requests whose work the server has done.
    pub forwarded: u64,
    /// 500 and 503 of our own.
    pub server_errors: u64,
    /// Resets before the work.
    pub resets_before: u64,
    /// Resets after it.
    pub resets_after: u64,
    /// Silences before the work.
    pub hangs: u64,
    /// Silences after it.
    pub hangs_after: u64,
    /// Records that their shard did not take.
    pub throttled_records: u64,
    /// Entries that failed with `InternalFailure`.
    pub failed_entries: u64,
    /// Requests to DynamoDB that were throttled.
    pub throttled: u64,
    /// Transactions that were cancelled for a conflict.
    pub conflicts: u64,
    /// Items that came back unprocessed.
    pub unprocessed_items: u64,
}

/// The proxy; gone when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    loopback: Loopback,
    faults: Arc<Faults>,
}

impl FaultProxy {
    /// Puts a proxy in front of a server, which is a base URL.
    pub async fn start(target: &str, plan: Plan) -> anyhow::Result<Self> {
        let faults = Arc::new(Faults::new(target, plan));
        let serving = Arc::clone(&faults);
        let loopback = Loopback::serve(move |request| {
            let faults = Arc::clone(&serving);
            async move { faults.handle(request).await }
        })
        .await?;
        Ok(Self { loopback, faults })
    }

    /// The base URL to use in the server's place.
    pub fn url(&self) -> String {
        format!("http://{}", self.loopback.address())
    }

    /// Changes the plan from the next request on; draws start anew from its seed.
    pub fn set_plan(&self, plan: Plan) {
        lock(&self.faults.state).follow(plan);
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        lock(&self.faults.state).counts
    }

    /// Resets every connection to it, as happens to those that a frozen function held for long.
    pub fn cut_connections(&self) {
        self.loopback.cut_connections();
    }
}

/// What the requests share.
#[derive(Debug)]
struct Faults {
    forward: Forward,
    shards: Shards,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    random: StdRng,
    counts: Counts,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    ServerError,
    Reset { after: bool },
    Hang { after: bool },
}

impl Faults {
    fn new(target: &str, plan: Plan) -> Self {
        let random = StdRng::seed_from_u64(plan.seed);
        let state = State { plan, random, counts: Counts::default() };
        Self { forward: Forward::new(target), shards: Shards::default(), state: Mutex::new(state) }
    }

    async fn handle(&self, request: Request<Bytes>) -> Answered {
        let operation = operation(&request);
        let (fate, delay, hang) = lock(&self.state).draw(&operation);
        tokio::time::sleep(delay).await;
        match fate {
            Fate::Pass => Some(self.pass(&operation, request).await),
            Fate::ServerError => Some(server_error(&request, lock(&self.state).one_in(2))),
            Fate::Reset { after } | Fate::Hang { after } => {
                if after {
                    self.pass(&operation, request).await;
                }
                if let Fate::Hang { .. } = fate {
                    tokio::time::sleep(hang).await;
                }
                None
            }
        }
    }

    /// With what only the service itself can do wrong.
    async fn pass(&self, operation: &str, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let plan = lock(&self.state).plan.clone();
        let strikes = plan.strikes(operation);
        match operation {
            "PutRecords" if strikes && plan.fails_entries() => self.put_records(request, &plan).await,
            "PutRecord" if strikes && plan.shard_rate.is_some() => self.put_record(request, &plan).await,
            _ if strikes && is_dynamo(&request) => self.dynamo(operation, request, &plan).await,
            _ => self.forward(request).await,
        }
    }

    async fn forward(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        match self.forward.send(request).await {
            Ok(response) => {
                lock(&self.state).counts.forwarded += 1;
                response
            }
            Err(error) => loopback::text(StatusCode::BAD_GATEWAY, format!("{error:#}")),
        }
    }
}

impl Plan {
    fn strikes(&self, operation: &str) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|listed| listed == operation)
    }

    fn fails_entries(&self) -> bool {
        self.shard_rate.is_some() || self.entry_failure_one_in > 0
    }
}

impl State {
    fn follow(&mut self, plan: Plan) {
        self.random = StdRng::seed_from_u64(plan.seed);
        self.plan = plan;
    }

    fn draw(&mut self, operation: &str) -> (Fate, Duration, Duration) {
        self.counts.requests += 1;
        let spread = self.plan.delay_spread.mul_f64(self.random.random());
        let fate = if self.plan.strikes(operation) { self.fate() } else { Fate::Pass };
        (fate, self.plan.delay + spread, self.plan.hang)
    }

    fn fate(&mut self) -> Fate {
        if self.one_in(self.plan.server_error_one_in) {
            self.counts.server_errors += 1;
            Fate::ServerError
        } else if self.one_in(self.plan.reset_before_one_in) {
            self.counts.resets_before += 1;
            Fate::Reset { after: false }
        } else if self.one_in(self.plan.reset_after_one_in) {
            self.counts.resets_after += 1;
            Fate::Reset { after: true }
        } else if self.one_in(self.plan.hang_one_in) {
            self.counts.hangs += 1;
            Fate::Hang { after: false }
        } else if self.one_in(self.plan.hang_after_one_in) {
            self.counts.hangs_after += 1;
            Fate::Hang { after: true }
        } else {
            Fate::Pass
        }
    }

    fn one_in(&mut self, n: u32) -> bool {
        n > 0 && self.random.random_range(0..n) == 0
    }
}

/// The service's own word for it, such as `PutRecords`; the method where the service has none.
fn operation(request: &Request<Bytes>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    match target.and_then(|target| target.rsplit_once('.')) {
        Some((_, operation)) => operation.to_owned(),
        None => request.method().to_string(),
    }
}

fn is_dynamo(request: &Request<Bytes>) -> bool {
    request.headers().get("x-amz-target").is_some_and(|target| target.as_bytes().starts_with(b"DynamoDB"))
}

fn server_error(request: &Request<Bytes>, unavailable: bool) -> Response<Full<Bytes>> {
    let status =
        if unavailable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
    if request.headers().contains_key("x-amz-target") {
        let kind = if unavailable { "ServiceUnavailable" } else { "InternalFailure" };
        return loopback::json(status, &json!({"__type": kind, "message": "a fault"}));
    }
    let code = if unavailable { "SlowDown" } else { "InternalError" };
    loopback::text(status, format!("<Error><Code>{code}</Code><Message>a fault</Message></Error>"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
