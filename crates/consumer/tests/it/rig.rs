//! A stream, a store and a data folder with a pipeline between them that can be stopped, crashed and run again.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use onepixel_consumer::{
    Checkpoint, Clock, DeadLetter, DeadLetters, Offset, Pipeline, PipelineError, Progress, Settings, Snapshot,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::memory_sink::{MemorySink, Store, poison, sound};
use crate::memory_source::{Log, MemorySource};

/// When the tests begin, in milliseconds since the Unix epoch; from then on tokio's clock counts.
pub(crate) const STARTED_AT_MS: u64 = 1_770_757_445_123;

pub(crate) struct Rig {
    pub(crate) log: Log,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) progress: Arc<Progress>,
    pub(crate) dir: TempDir,
    started: Instant,
}

/// A pipeline that runs beside the test.
pub(crate) struct Running {
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<Result<(), PipelineError>>,
}

impl Rig {
    pub(crate) fn new(store: Store) -> Self {
        let settings = Settings {
            batch_size: 10,
            behind_size: usize::MAX,
            batch_window: Duration::from_secs(5),
            batch_bytes: 1 << 20,
            max_retries: -1,
            max_record_age: Duration::ZERO,
            bisect_on_error: true,
        };
        // In memory where there is such a folder: thousands of runs sync their files, and no test cuts the power.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let log = Log::default();
        Self { log, store, settings, progress: Arc::default(), dir, started: Instant::now() }
    }

    /// Over both kinds of sinks.
    pub(crate) fn both() -> [Self; 2] {
        [Self::new(Store::objects()), Self::new(Store::transactional())]
    }

    pub(crate) fn append(&self, records: u64) {
        for _ in 0..records {
            self.append_payload(sound(0));
        }
    }

    /// Appends records up to `end`, those at `bad` poison.
    pub(crate) fn append_with_poison(&self, end: Offset, bad: &[Offset]) {
        for offset in 0..end {
            self.append_payload(if bad.contains(&offset) { poison() } else { sound(offset) });
        }
    }

    pub(crate) fn append_payload(&self, payload: Vec<u8>) {
        self.log.append(payload, self.clock()());
    }

    pub(crate) fn clock(&self) -> Clock {
        let started = self.started;
        Arc::new(move || STARTED_AT_MS + u64::try_from(started.elapsed().as_millis()).unwrap())
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::open(&self.checkpoint_dir(), "memory").unwrap()
    }

    pub(crate) fn checkpoint_dir(&self) -> PathBuf {
        self.dir.path().join("checkpoint")
    }

    pub(crate) fn dead_letters(&self) -> DeadLetters {
        DeadLetters::open(&self.dir.path().join("dead-letter"), "memory").unwrap()
    }

    pub(crate) fn pipeline(&self) -> Pipeline<MemorySource, MemorySink> {
        Pipeline {
            source: self.log.source(),
            sink: self.store.open(),
            settings: self.settings.clone(),
            checkpoint: self.checkpoint(),
            dead_letters: self.dead_letters(),
            clock: self.clock(),
            progress: self.progress.clone(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the pipeline runs beside the test, which waits for it")]
    pub(crate) fn start(&self) -> Running {
        let shutdown = CancellationToken::new();
        Running { task: tokio::spawn(self.pipeline().run(shutdown.clone())), shutdown }
    }

    /// Runs a pipeline with its shutdown already asked for: it writes what is there and returns.
    pub(crate) async fn drain(&self) -> Result<(), PipelineError> {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        self.pipeline().run(shutdown).await
    }

    /// Drains, but crashes at the `polls`th poll that is not the last. True: it got to the end.
    pub(crate) async fn drain_for(&self, polls: usize) -> bool {
        let Some(end) = polled(self.drain(), polls).await else { return false };
        end.unwrap();
        true
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.progress.snapshot()
    }

    pub(crate) fn letters(&self) -> Vec<DeadLetter> {
        self.dead_letters().list().unwrap()
    }

    /// Every record up to `end` is in the store once, but for those at `dead`, which are dead letters once.
    #[track_caller]
    pub(crate) fn expect(&self, end: Offset, dead: &[Offset]) {
        let mut held = self.store.held();
        held.sort_unstable();
        let expected: Vec<_> = (0..end).filter(|offset| !dead.contains(offset)).collect();
        assert_eq!(held, expected, "what the store holds");
        let mut letters: Vec<_> = self.letters().iter().map(|letter| letter.offset).collect();
        letters.sort_unstable();
        assert_eq!(letters, dead, "what is dead-lettered");
    }

    /// Every record up to `end` is in the store once or a dead letter once.
    #[track_caller]
    pub(crate) fn expect_each_once(&self, end: Offset) -> Vec<Offset> {
        let dead: Vec<_> = self.letters().iter().map(|letter| letter.offset).collect();
        let mut all = [self.store.held(), dead.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..end).collect::<Vec<_>>(), "in the store {:?}, dead {dead:?}", self.store.held());
        dead
    }
}

impl Running {
    /// Lets everything happen that can happen within `span`.
    pub(crate) async fn after(&self, span: Duration) {
        tokio::time::sleep(span).await;
        assert!(!self.task.is_finished(), "the pipeline must be running");
    }

    /// Stops it as a server does, and waits.
    pub(crate) async fn stop(self) -> Result<(), PipelineError> {
        self.shutdown.cancel();
        self.end().await
    }

    /// Waits for its end.
    pub(crate) async fn end(self) -> Result<(), PipelineError> {
        self.task.await.unwrap()
    }

    /// Ends it as a crash does.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Polls the future at most `polls` times; `None` when it was not ready by then and is dropped.
async fn polled<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
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
