//! The event source mapping: what stands between a Kinesis stream and a function, with the rules that AWS documents.
//!
//! Batches are cut by count, payload (6 MB, base64 counted) and window; each shard has so many lanes, and a partition key
//! keeps to its lane, in order. A batch that fails is bisected or tried again, and blocks its lane until it is through,
//! too old, or out of attempts; what is given up goes to the on-failure destination with the shard, the sequence numbers
//! and the times. Shards are read from the starting position, parents to their end before their children begin.
//!
//! Where the documents are silent the harsher reading is taken: a partial failure uses up a retry unless bisect is on
//! (then the cut is a split, and splits use up none); a batch that is tried again without the records that are done keeps
//! its count of retries; an identifier that is not in the batch fails all of it. A call that was throttled is made again
//! and uses up nothing. Polls come faster than the service's one a second, so that tests are short.
//!
//! Deliberately left out: tumbling windows, event filters, enhanced fan-out, and the limits that settings have on AWS
//! (a record age of less than a minute is possible here).

mod batch;
mod delivery;
mod event;
mod shard;
mod verdict;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use event::Record;

use crate::freeze::{Answer, Function};
use crate::servers::{Stream, is_open};
use shard::Progress;

/// As a mapping's own settings are called, with its defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Records of one invocation at most.
    pub batch_size: usize,
    /// How long records are gathered at most, from the first one's reading on; zero takes what is there.
    pub batching_window: Duration,
    /// Lanes of a shard.
    pub parallelization_factor: usize,
    /// Tries after the first one; `None` is until the record expires.
    pub retry_attempts_max: Option<u32>,
    /// Records that are older are given up; `None` is never.
    pub record_age_max: Option<Duration>,
    /// Whether a batch that fails is halved.
    pub bisect_on_error: bool,
    /// Whether the function's list of failed items is read.
    pub report_item_failures: bool,
    /// Where a shard is begun.
    pub start: Start,
    /// Between two looks at a shard; one second on AWS.
    pub poll_every: Duration,
    /// Before the first retry; doubled for each further one, up to a second.
    pub back_off: Duration,
    /// What goes wrong by itself.
    pub accidents: Accidents,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_size: 100,
            batching_window: Duration::ZERO,
            parallelization_factor: 1,
            retry_attempts_max: None,
            record_age_max: None,
            bisect_on_error: false,
            report_item_failures: false,
            start: Start::TrimHorizon,
            poll_every: Duration::from_millis(50),
            back_off: Duration::from_millis(20),
            accidents: Accidents::default(),
        }
    }
}

/// Where reading begins. Shards that are born later are read from their beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record there is.
    TrimHorizon,
    /// With what comes after the mapping has begun.
    Latest,
    /// With what came at or after a time, in milliseconds since 1970.
    AtTimestamp(u64),
}

/// Accidents, drawn for each lane from the seed; 0 is never and 1 always.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accidents {
    /// Where the draws come from.
    pub seed: u64,
    /// Of so many batches that succeeded one is delivered again, whole or cut somewhere else.
    pub redeliver_one_in: u32,
    /// Of so many invocations one is taken for failed whatever it answered, as if its answer had come too late.
    pub lose_one_in: u32,
}

/// What is invoked.
#[derive(Clone)]
pub struct Target(Arc<dyn Fn(Bytes) -> Calling + Send + Sync>);

type Calling = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

impl Target {
    /// A function in the emulated Lambda.
    pub fn function(function: Arc<Function>) -> Self {
        Self::of(move |payload| {
            let function = Arc::clone(&function);
            async move { function.invoke(payload).await.answer }
        })
    }

    /// Anything that takes a payload and answers.
    pub fn of<F>(call: impl Fn(Bytes) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self(Arc::new(move |payload| Box::pin(call(payload))))
    }

    async fn call(&self, payload: Bytes) -> Answer {
        (self.0)(payload).await
    }
}

/// What a mapping did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Calls of the function, throttled ones left out.
    pub invocations: u64,
    /// Calls that found no room.
    pub throttled: u64,
    /// Tries after the first.
    pub retries: u64,
    /// Batches that were halved, or cut where an item failed.
    pub splits: u64,
    /// Answers that named items.
    pub partial: u64,
    /// Batches that were delivered again.
    pub redelivered: u64,
    /// Invocations whose answer was taken for lost.
    pub lost: u64,
    /// Records that are through, each once.
    pub done: u64,
    /// What went to the on-failure destination.
    pub failures: Vec<Failure>,
    /// What the last failed read said.
    pub read_error: Option<String>,
}

/// One message to the on-failure destination.
#[derive(Debug, Clone)]
pub struct Failure {
    /// As a queue gets it.
    pub metadata: Value,
    /// As a bucket gets them besides.
    pub records: Vec<Record>,
}

/// A mapping that runs; its tasks end with it.
#[derive(Debug)]
pub struct Mapping {
    shared: Arc<Shared>,
    _running: JoinSet<()>,
}

struct Shared {
    stream: Stream,
    settings: Settings,
    target: Target,
    report: Mutex<Report>,
    shards: Mutex<HashMap<String, Progress>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Mapping {
    /// Begins to read a stream and to invoke the target. With [`Start::Latest`] what is put after this returns is
    /// delivered; on AWS the first seconds may be missed.
    pub async fn start(stream: &Stream, target: Target, settings: Settings) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            stream: stream.clone(),
            settings,
            target,
            report: Mutex::default(),
            shards: Mutex::default(),
        });
        let first = shard::first(&shared).await?;
        let mut running = JoinSet::new();
        running.spawn(shard::follow(Arc::clone(&shared), first));
        Ok(Self { shared, _running: running })
    }

    /// What it did so far.
    pub fn report(&self) -> Report {
        lock(&self.shared.report).clone()
    }

    /// Waits until everything that was in the stream when this was called is through or given up; an error after `limit`.
    pub async fn caught_up(&self, limit: Duration) -> anyhow::Result<()> {
        let asked = Instant::now();
        while !self.is_caught_up(asked).await? {
            if asked.elapsed() > limit {
                let shards = lock(&self.shared.shards).clone();
                bail!("not caught up after {limit:?}: {shards:?}, {:?}", self.report());
            }
            tokio::time::sleep(self.shared.settings.poll_every).await;
        }
        Ok(())
    }

    async fn is_caught_up(&self, asked: Instant) -> anyhow::Result<bool> {
        let listed = self.shared.stream.shards().await.context("cannot list the shards")?;
        let known = lock(&self.shared.shards);
        Ok(listed.iter().all(|shard| {
            known.get(shard.shard_id()).is_some_and(|progress| {
                progress.drained
                    || (is_open(shard)
                        && progress.outstanding == 0
                        && progress.found_nothing.is_some_and(|at| at > asked))
            })
        }))
    }

    /// Stops reading, without waiting for what is under way, and gives what it did.
    pub fn stop(self) -> Report {
        self.report()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
