//! Runs each consumer on a thread of its own, so that one that waits or computes delays nobody else.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use onepixel_consumer::{Checkpoint, Clock, DeadLetters, Pipeline, Progress, Settings, Sink, StreamSource};
use onepixel_stream::Stream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::data_dir::DataDir;

/// Records of a live batch while at least as many wait: a transaction costs ten times the work on an event, and cores
/// can share this many.
const LIVE_BEHIND_SIZE: usize = 10_000;

/// Bytes of one live batch in memory; the contract sets no other limit for it.
const LIVE_BATCH_BYTES: usize = 8 << 20;

/// How long a consumer that has caught up lets events gather: nobody sees so short a delay, and waking it for every
/// commit would cost as much as its work.
const GATHER: Duration = Duration::from_millis(50);

/// A consumer that runs.
pub(crate) struct Running {
    pub(crate) name: &'static str,
    pub(crate) progress: Arc<Progress>,
    drain: CancellationToken,
    abandon: CancellationToken,
    ended: CancellationToken,
}

/// What every consumer is started with.
pub(crate) struct Context<'a> {
    pub(crate) data_dir: &'a DataDir,
    pub(crate) stream: &'a Stream,
    pub(crate) clock: &'a Clock,
}

impl Context<'_> {
    /// Starts `sink` on its thread. What it has to say about its end is logged there.
    pub(crate) fn start(&self, sink: impl Sink + 'static, settings: Settings) -> anyhow::Result<Running> {
        let name = sink.name();
        let progress = Arc::new(Progress::default());
        let pipeline = Pipeline {
            source: StreamSource::new(self.stream.reader(0).rest(GATHER)),
            sink,
            settings,
            checkpoint: Checkpoint::open(&self.data_dir.checkpoint(), name)?,
            dead_letters: DeadLetters::open(&self.data_dir.dead_letter(), name)?,
            clock: self.clock.clone(),
            progress: progress.clone(),
        };
        let (drain, abandon) = (CancellationToken::new(), CancellationToken::new());
        let ended = CancellationToken::new();
        let at_end = ended.clone().drop_guard();
        let tokens = (drain.clone(), abandon.clone());
        let thread = format!("consumer-{name}");
        // One other thread, named alike, reads and prepares what this one writes: two would take turns, and each keep
        // memory of its own.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .thread_name(&thread)
            .max_blocking_threads(1)
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name(thread)
            .spawn(move || {
                let work = tokens.1.run_until_cancelled(pipeline.run(tokens.0));
                match runtime.block_on(work) {
                    Some(Ok(())) => tracing::debug!(consumer = name, "drained"),
                    Some(Err(error)) => {
                        tracing::error!(consumer = name, %error, "the consumer stopped; the others go on")
                    }
                    None => tracing::warn!(
                        consumer = name,
                        "stopped before everything was written; the rest stays in the stream"
                    ),
                }
                drop(at_end);
            })
            .with_context(|| format!("cannot start the thread of the consumer {name}"))?;
        Ok(Running { name, progress, drain, abandon, ended })
    }
}

impl Running {
    /// Lets the consumer write everything that is durable; at the deadline it is left where it is, which is safe.
    pub(crate) async fn drain(self, deadline: Instant) {
        self.drain.cancel();
        if tokio::time::timeout_at(deadline, self.ended.cancelled()).await.is_err() {
            self.abandon.cancel();
            // A sink that blocks its thread is not waited for: the process ends anyway.
            if tokio::time::timeout(Duration::from_secs(1), self.ended.cancelled()).await.is_err() {
                tracing::warn!(consumer = self.name, "does not stop and is cut off");
            }
        }
    }
}

/// The archive's policy, its own section winning over `[consumer]`.
pub(crate) fn archive(settings: &config::Settings) -> Settings {
    let (own, both) = (&settings.archive, &settings.consumer);
    Settings {
        batch_size: own.batch_size,
        behind_size: own.batch_size,
        batch_window: own.batch_window.0,
        batch_bytes: usize::try_from(own.batch_bytes.0).unwrap_or(usize::MAX),
        max_retries: own.max_retries.unwrap_or(both.max_retries),
        max_record_age: own.max_record_age.unwrap_or(both.max_record_age).0,
        bisect_on_error: own.bisect_on_error.unwrap_or(both.bisect_on_error),
    }
}

/// The relay's policy, its own section winning over `[consumer]`.
#[cfg(feature = "aws")]
pub(crate) fn relay(settings: &config::Settings) -> Settings {
    let (own, both) = (&settings.relay, &settings.consumer);
    Settings {
        batch_size: own.batch_size,
        behind_size: own.batch_size,
        batch_window: own.batch_window.0,
        batch_bytes: usize::try_from(own.batch_bytes.0).unwrap_or(usize::MAX),
        max_retries: own.max_retries.unwrap_or(both.max_retries),
        max_record_age: own.max_record_age.unwrap_or(both.max_record_age).0,
        bisect_on_error: own.bisect_on_error.unwrap_or(both.bisect_on_error),
    }
}

/// The live view's policy, its own section winning over `[consumer]`.
pub(crate) fn live(settings: &config::Settings) -> Settings {
    let (own, both) = (&settings.live, &settings.consumer);
    Settings {
        batch_size: own.batch_size,
        behind_size: own.batch_size.max(LIVE_BEHIND_SIZE),
        batch_window: own.batch_window.0,
        batch_bytes: LIVE_BATCH_BYTES,
        max_retries: own.max_retries.unwrap_or(both.max_retries),
        max_record_age: own.max_record_age.unwrap_or(both.max_record_age).0,
        bisect_on_error: own.bisect_on_error.unwrap_or(both.bisect_on_error),
    }
}
