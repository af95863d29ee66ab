//! The pipeline: from a source into a sink, exactly once, until it is told to stop.
//!
//! Dropping the future of [`Pipeline::run`] at any moment is as safe as a crash: the next run goes on where this one
//! was, and nothing is lost or doubled.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future as _;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use onepixel_stream::{Clock, Offset};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::batcher::{Batcher, Next};
use crate::delivery::Delivery;
use crate::progress::{Doing, LastError};
use crate::trouble::{Seldom, Trouble, with_sources};
use crate::{Batch, Checkpoint, CheckpointError, DeadLetters, Progress, Settings, Sink, Source};

/// How long what was written waits for the next batch, whose intent is saved in the same file write, before it is
/// committed alone.
const COMMIT_AFTER: Duration = Duration::from_millis(20);

/// Why a pipeline stopped for good. Others go on; somebody must look at this one.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(CheckpointError),
    /// What the stream holds is damaged. Everything before the damage was written.
    #[error("the stream is damaged: {0}")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// The sink has what the stream never had: one of the two was replaced or set back.
    #[error(
        "the sink is written up to offset {position}, but the stream ends at {end}: the stream was replaced or set \
         back, or the sink is another stream's. Put back what belongs together; going on would miss the first \
         {position} records of this stream"
    )]
    Ahead {
        /// Where the sink is.
        position: Offset,
        /// Where the stream ends.
        end: Offset,
    },
    /// The source broke its contract.
    #[error("the source handed out offset {found} where {expected} comes next")]
    OutOfOrder {
        /// The next offset.
        expected: Offset,
        /// What came.
        found: Offset,
    },
    /// The sink refuses what is not about any record: its position. That breaks its contract.
    #[error("the sink refuses its position: {reason}")]
    Position {
        /// What it said.
        reason: String,
    },
}

/// One source, one sink, and the policies between them.
pub struct Pipeline<Src, Snk> {
    /// Where records come from.
    pub source: Src,
    /// Where they go.
    pub sink: Snk,
    /// The policies.
    pub settings: Settings,
    /// Where the sink is, unless it keeps its position itself.
    pub checkpoint: Checkpoint,
    /// Where refused records go.
    pub dead_letters: DeadLetters,
    /// Tells the time of dead letters and the age of records.
    pub clock: Clock,
    /// Shared with whoever watches.
    pub progress: Arc<Progress>,
}

impl<Src: Source + 'static, Snk: Sink> Pipeline<Src, Snk> {
    /// Runs until the source is closed, or until `shutdown` is cancelled and everything that was durable at that
    /// moment is written and committed. Whoever cannot wait that long drops the future.
    ///
    /// # Errors
    /// [`PipelineError`] when going on needs a person. What can pass by itself is tried again for ever.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), PipelineError> {
        let (progress, clock) = (self.progress.clone(), self.clock.clone());
        let ended = self.follow(shutdown).await;
        if let Err(error) = &ended {
            // It stays: whoever watches must not take a pipeline that stopped for one that has nothing to do.
            let text = format!("stopped: {}", with_sources(error));
            progress.set_error(Doing::Writing, Some(LastError { text, since_ms: clock() }));
        }
        ended
    }

    async fn follow(self, shutdown: CancellationToken) -> Result<(), PipelineError> {
        let (mut batcher, mut delivery) = self.split(shutdown);
        resume(&mut batcher, &mut delivery).await?;
        // One batch is read and prepared while the one before is written.
        let (sender, receiver) = mpsc::channel(1);
        tokio::select! {
            biased;
            ended = write::<Snk>(&mut delivery, receiver) => ended,
            never = read_ahead::<Src, Snk>(batcher, sender) => match never {},
        }
    }

    fn split(self, shutdown: CancellationToken) -> (Batcher<Src>, Delivery<Snk>) {
        let Self { source, sink, settings, checkpoint, dead_letters, clock, progress } = self;
        let trouble = |doing| Trouble::new(sink.name(), doing, clock.clone(), progress.clone());
        let reading = trouble(Doing::Reading);
        let batcher = Batcher::new(source, settings.clone(), shutdown, progress.clone(), reading);
        let trouble = trouble(Doing::Writing);
        let delivery = Delivery {
            sink,
            settings,
            checkpoint,
            dead_letters,
            clock,
            progress,
            trouble,
            partition: batcher.source().partition(),
            positioned: false,
            written: 0,
            dead_letters_logged: Seldom::default(),
        };
        (batcher, delivery)
    }
}

/// Goes back to where the sink is, and repeats the batch that a crash may have interrupted.
async fn resume<Src: Source, Snk: Sink>(
    batcher: &mut Batcher<Src>,
    delivery: &mut Delivery<Snk>,
) -> Result<(), PipelineError> {
    let (position, intent) = delivery.start().await?;
    let reached = intent.unwrap_or(position);
    if reached > batcher.source().end() {
        return Err(batcher.ends_before(reached));
    }
    // Not before: retention believes it, and a position in another stream says nothing about this one's records.
    delivery.progress.set_committed(position);
    batcher.seek(position);
    let oldest = batcher.source().oldest();
    if oldest > position {
        batcher.seek(oldest);
        return skip(delivery, position..oldest).await;
    }
    match intent {
        Some(end) => match batcher.exactly(end).await? {
            Next::Batch(batch) => {
                batcher.handed_over();
                delivery.deliver(batch, None, true).await
            }
            Next::Gone(range) => {
                batcher.seek(range.end);
                skip(delivery, range).await
            }
            Next::Finished => Ok(()),
        },
        None => Ok(()),
    }
}

/// What is ready to be written.
enum Ready<P> {
    Batch(Batch, P),
    Gone(Range<Offset>),
    Finished,
}

type Handed<P> = Result<Ready<P>, PipelineError>;

/// Reads batch after batch and has each prepared, while the one before is being written. Ends with the source or with
/// an error, and both are handed over in their turn; then it waits to be dropped.
async fn read_ahead<Src: Source + 'static, Snk: Sink>(
    mut batcher: Batcher<Src>,
    sender: mpsc::Sender<Handed<Snk::Prepared>>,
) -> Infallible {
    // The other end is only dropped together with this.
    while let Ok(room) = sender.reserve().await {
        let early;
        (batcher, early) = at_once::<Src, Snk>(batcher).await;
        let handed = match early {
            Some(handed) => handed,
            None => match batcher.next().await {
                Ok(next) => elsewhere(move || ready::<Snk>(next)).await,
                Err(error) => Err(error),
            },
        };
        if let Ok(Ready::Gone(range)) = &handed {
            batcher.seek(range.end);
        }
        let is_last = matches!(handed, Ok(Ready::Finished) | Err(_));
        room.send(handed);
        batcher.handed_over();
        if is_last {
            break;
        }
    }
    std::future::pending().await
}

/// Reads and prepares a batch that is there as a whole, all of it elsewhere; `None` when it has to be waited for.
async fn at_once<Src: Source + 'static, Snk: Sink>(
    mut batcher: Batcher<Src>,
) -> (Batcher<Src>, Option<Handed<Snk::Prepared>>) {
    if !batcher.is_behind() {
        return (batcher, None);
    }
    elsewhere(move || {
        let next = pin!(batcher.next()).poll(&mut Context::from_waker(Waker::noop()));
        let handed = match next {
            Poll::Ready(next) => Some(next.and_then(ready::<Snk>)),
            Poll::Pending => None,
        };
        (batcher, handed)
    })
    .await
}

fn ready<Snk: Sink>(next: Next) -> Handed<Snk::Prepared> {
    Ok(match next {
        Next::Batch(batch) => {
            let prepared = Snk::prepare(&batch);
            Ready::Batch(batch, prepared)
        }
        Next::Gone(range) => Ready::Gone(range),
        Next::Finished => Ready::Finished,
    })
}

/// Does `work`, which may compute for a while, on another thread.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(cause) => std::panic::resume_unwind(cause),
            // The runtime ends, and this with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Writes one batch after the other as they become ready.
async fn write<Snk: Sink>(
    delivery: &mut Delivery<Snk>,
    mut receiver: mpsc::Receiver<Handed<Snk::Prepared>>,
) -> Result<(), PipelineError> {
    loop {
        let ready = match tokio::time::timeout(COMMIT_AFTER, receiver.recv()).await {
            Ok(ready) => ready,
            Err(_) => {
                delivery.commit().await;
                receiver.recv().await
            }
        };
        // The next batch is begun to be read now: a sink may hold this thread until the disk has answered.
        tokio::task::yield_now().await;
        match ready {
            Some(Ok(Ready::Batch(batch, prepared))) => delivery.deliver(batch, Some(prepared), false).await?,
            Some(Ok(Ready::Gone(range))) => skip(delivery, range).await?,
            Some(Ok(Ready::Finished)) | None => {
                delivery.commit().await;
                return Ok(());
            }
            Some(Err(error)) => {
                delivery.commit().await;
                return Err(error);
            }
        }
    }
}

/// Goes on behind records that are gone: they are counted, never silently left out.
async fn skip<Snk: Sink>(delivery: &mut Delivery<Snk>, range: Range<Offset>) -> Result<(), PipelineError> {
    let (first, last) = (range.start, range.end.saturating_sub(1));
    let consumer = delivery.sink.name();
    tracing::warn!(
        consumer,
        first,
        last,
        "the stream has not kept these records: the sink goes on without them"
    );
    delivery.progress.count_skipped(range.end - range.start);
    let batch = Batch { partition: delivery.partition, range, records: Vec::new() };
    delivery.deliver(batch, None, false).await
}
