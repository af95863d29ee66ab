//! The pipeline: from a source into a sink, exactly once, until it is told to stop.
//!
//! Dropping the future of [`Pipeline::run`] at any moment is as safe as a crash: the next run goes on where this one
//! was, and nothing is lost or doubled.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use onepixel_stream::{Clock, Offset};
use tokio_util::sync::CancellationToken;

use crate::batcher::{Batcher, Next};
use crate::delivery::Delivery;
use crate::progress::LastError;
use crate::trouble::{Seldom, Trouble, with_sources};
use crate::{Batch, Checkpoint, CheckpointError, DeadLetters, Progress, Settings, Sink, Source};

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

impl<Src: Source, Snk: Sink> Pipeline<Src, Snk> {
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
            progress.set_error(Some(LastError { text, since_ms: clock() }));
        }
        ended
    }

    async fn follow(self, shutdown: CancellationToken) -> Result<(), PipelineError> {
        let (mut batcher, mut delivery) = self.split(shutdown);
        resume(&mut batcher, &mut delivery).await?;
        loop {
            let next = tokio::select! {
                biased;
                next = batcher.next() => next,
                // The next batch is not there yet: do not wait for it to commit the last one.
                () = std::future::ready(()) => {
                    delivery.commit().await;
                    batcher.next().await
                }
            };
            match next {
                Ok(Next::Batch(batch)) => delivery.deliver(batch, false).await?,
                Ok(Next::Gone(range)) => skip(&mut batcher, &mut delivery, range).await?,
                Ok(Next::Finished) => {
                    delivery.commit().await;
                    return Ok(());
                }
                Err(error) => {
                    delivery.commit().await;
                    return Err(error);
                }
            }
        }
    }

    fn split(self, shutdown: CancellationToken) -> (Batcher<Src>, Delivery<Snk>) {
        let Self { source, sink, settings, checkpoint, dead_letters, clock, progress } = self;
        let trouble = || Trouble::new(sink.name(), clock.clone(), progress.clone());
        let batcher = Batcher::new(source, settings.clone(), shutdown, progress.clone(), trouble());
        let trouble = trouble();
        let delivery = Delivery {
            sink,
            settings,
            checkpoint,
            dead_letters,
            clock,
            progress,
            trouble,
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
    let (position, intent) = delivery.start(batcher.source().partition()).await?;
    let reached = intent.unwrap_or(position);
    if reached > batcher.source().end() {
        return Err(batcher.ends_before(reached));
    }
    // Not before: retention believes it, and a position in another stream says nothing about this one's records.
    delivery.progress.set_committed(position);
    batcher.seek(position);
    let oldest = batcher.source().oldest();
    if oldest > position {
        return skip(batcher, delivery, position..oldest).await;
    }
    match intent {
        Some(end) => match batcher.exactly(end).await? {
            Next::Batch(batch) => delivery.deliver(batch, true).await,
            Next::Gone(range) => skip(batcher, delivery, range).await,
            Next::Finished => Ok(()),
        },
        None => Ok(()),
    }
}

/// Goes on behind records that are gone: they are counted, never silently left out.
async fn skip<Src: Source, Snk: Sink>(
    batcher: &mut Batcher<Src>,
    delivery: &mut Delivery<Snk>,
    range: Range<Offset>,
) -> Result<(), PipelineError> {
    let (first, last) = (range.start, range.end.saturating_sub(1));
    let consumer = delivery.sink.name();
    tracing::warn!(
        consumer,
        first,
        last,
        "the stream has not kept these records: the sink goes on without them"
    );
    delivery.progress.count_skipped(range.end - range.start);
    batcher.seek(range.end);
    let partition = batcher.source().partition();
    delivery.deliver(Batch { partition, range, records: Vec::new() }, false).await
}
