//! The delivery: brings one batch after the other into the sink, and knows what to do when that fails.
//!
//! Promises that every record of a batch is in the sink once or in the dead-letter log once before its offset
//! counts as written, wherever a crash happens:
//! - the range is fixed in the checkpoint before the sink sees it, and narrowed there before a part of it is
//!   written, so that a crash repeats exactly the write it has interrupted;
//! - what unfinished writes have left is taken back before a range is split or given up;
//! - a dead letter is durable before its offset is passed, and never written by the pipeline from then on.
//!
//! A sink that keeps its position needs no checkpoint: it fixes both at once.

use std::error::Error;
use std::sync::Arc;

use onepixel_stream::{Clock, Offset};

use crate::part::Part;
use crate::trouble::{Seldom, Trouble, with_sources};
use crate::{
    Batch, Checkpoint, CheckpointError, DeadLetter, DeadLetters, PipelineError, Progress, Settings, Sink,
    SinkError,
};

/// How a write ended, when it ended.
enum Written {
    Yes,
    GivenUp { reason: String },
}

pub(crate) struct Delivery<S> {
    pub(crate) sink: S,
    pub(crate) settings: Settings,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) clock: Clock,
    pub(crate) progress: Arc<Progress>,
    pub(crate) trouble: Trouble,
    pub(crate) partition: u32,
    /// The sink keeps its position; the checkpoint is not used.
    pub(crate) positioned: bool,
    /// Everything below is in the sink or in the dead-letter log.
    pub(crate) written: Offset,
    pub(crate) dead_letters_logged: Seldom,
}

impl<S: Sink> Delivery<S> {
    /// Where to go on, and the end of the batch that a crash may have interrupted.
    pub(crate) async fn start(&mut self) -> Result<(Offset, Option<Offset>), PipelineError> {
        let position = self.position().await?;
        self.trouble.over();
        self.positioned = position.is_some();
        let intent = if self.positioned { None } else { self.checkpoint.intent() };
        self.written = match position {
            Some(position) => position,
            None => {
                self.checkpoint.claim(self.partition)?;
                self.checkpoint.committed()
            }
        };
        Ok((self.written, intent))
    }

    /// Returns when every record of the batch is in the sink or in the dead-letter log. `prepared`: what the sink
    /// has made of it, if it was asked already. `repeated`: the batch may have been written in part before a crash.
    pub(crate) async fn deliver(
        &mut self,
        mut batch: Batch,
        prepared: Option<S::Prepared>,
        repeated: bool,
    ) -> Result<(), PipelineError> {
        let read = batch.records.len();
        batch.records.retain(|record| !self.dead_letters.withholds(record.offset));
        let prepared = prepared.filter(|_| batch.records.len() == read);
        let mut parts = vec![Part::new(batch, prepared, repeated)];
        while let Some(mut part) = parts.pop() {
            self.progress.set_writing(part.batch.records.first().map(|record| record.committed_at_ms));
            self.save(Some(part.end())).await;
            let Written::GivenUp { reason } = self.write(&mut part).await? else {
                self.pass(&part);
                continue;
            };
            if part.is_touched && self.settle(&part).await? {
                self.pass(&part);
            } else if self.settings.bisect_on_error && part.batch.records.len() > 1 {
                let (first, second) = part.split();
                parts.extend([second, first]);
            } else {
                let rest = self.bury(part, reason).await;
                self.move_over(rest).await?;
            }
        }
        Ok(())
    }

    /// Makes durable what was written.
    pub(crate) async fn commit(&mut self) {
        self.save(None).await;
    }

    /// Brings the checkpoint up to date: with the intent to write up to `intent`, this is one file write for the
    /// commit of one batch and the intent of the next.
    async fn save(&mut self, intent: Option<Offset>) {
        if self.positioned {
            return;
        }
        while let Err(error) = self.checkpoint.save(self.written, intent) {
            self.failed("cannot save the checkpoint", &error).await;
        }
        self.progress.set_committed(self.written);
    }

    /// Writes until the sink takes it, or the settings say that it is enough.
    async fn write(&mut self, part: &mut Part<S::Prepared>) -> Result<Written, PipelineError> {
        if part.batch.records.is_empty() && !self.positioned {
            return Ok(Written::Yes);
        }
        let prepared = part.prepared.take().unwrap_or_else(|| S::prepare(&part.batch));
        loop {
            part.attempts = part.attempts.saturating_add(1);
            match self.sink.write_prepared(&part.batch, &prepared).await {
                Ok(()) => {
                    self.trouble.over();
                    return Ok(Written::Yes);
                }
                Err(SinkError::Refused { reason }) if part.batch.records.is_empty() => {
                    return Err(PipelineError::Position { reason });
                }
                Err(SinkError::Refused { reason }) => {
                    self.trouble.over();
                    return Ok(Written::GivenUp { reason });
                }
                Err(SinkError::Unavailable(error)) => {
                    self.trouble.note("cannot write to the sink", error.as_ref());
                    part.is_touched = true;
                    part.failures = part.failures.saturating_add(1);
                    if let Some(limit) = part.limit(&self.settings, (self.clock)()) {
                        return Ok(Written::GivenUp {
                            reason: format!("{limit}: {}", with_sources(error.as_ref())),
                        });
                    }
                    self.progress.count_retry();
                    self.trouble.wait().await;
                }
            }
        }
    }

    /// Finds out what unfinished writes have left before the part is split or given up; this is tried for ever.
    /// True: the sink holds all of it after all. False: it holds nothing of it, now.
    async fn settle(&mut self, part: &Part<S::Prepared>) -> Result<bool, PipelineError> {
        if self.positioned {
            return Ok(self.position().await?.is_some_and(|position| position >= part.end()));
        }
        loop {
            match self.sink.retract(&part.batch).await {
                // What it refuses it has never written.
                Ok(()) | Err(SinkError::Refused { .. }) => return Ok(false),
                Err(SinkError::Unavailable(error)) => {
                    self.failed("cannot take back an unfinished write", error.as_ref()).await;
                }
            }
        }
    }

    async fn position(&mut self) -> Result<Option<Offset>, PipelineError> {
        loop {
            match self.sink.position().await {
                Ok(position) => return Ok(position),
                Err(SinkError::Refused { reason }) => return Err(PipelineError::Position { reason }),
                Err(SinkError::Unavailable(error)) => {
                    self.failed("cannot read the sink's position", error.as_ref()).await;
                }
            }
        }
    }

    /// Says so, and waits before the next attempt.
    async fn failed(&mut self, what: &'static str, error: &(dyn Error + Send + Sync + 'static)) {
        self.trouble.note(what, error);
        self.trouble.wait().await;
    }

    /// Gives the records to the dead-letter log, and returns what is left of the part: its range.
    async fn bury(&mut self, part: Part<S::Prepared>, reason: String) -> Part<S::Prepared> {
        let at_ms = (self.clock)();
        let partition = part.batch.partition;
        let letter = |record: onepixel_stream::Record| DeadLetter {
            partition,
            offset: record.offset,
            at_ms,
            reason: reason.clone(),
            attempts: part.attempts,
            payload: record.payload,
            resolved: None,
        };
        let letters: Vec<_> = part.batch.records.into_iter().map(letter).collect();
        let added = loop {
            match self.dead_letters.append(&letters) {
                Ok(added) => break added,
                Err(error) => {
                    self.failed("cannot write the dead-letter log", &error).await;
                }
            }
        };
        self.progress.count_dead_letters(added);
        if self.dead_letters_logged.is_due() {
            let (consumer, range) = (self.sink.name(), &part.batch.range);
            tracing::warn!(consumer, ?range, letters = letters.len(), reason, "given to the dead-letter log");
        }
        Part::new(Batch { records: Vec::new(), ..part.batch }, None, false)
    }

    /// Moves the position over a range without records.
    async fn move_over(&mut self, mut part: Part<S::Prepared>) -> Result<(), PipelineError> {
        match self.write(&mut part).await? {
            Written::Yes => self.pass(&part),
            Written::GivenUp { reason } => return Err(PipelineError::Position { reason }),
        }
        Ok(())
    }

    fn pass(&mut self, part: &Part<S::Prepared>) {
        self.written = part.end();
        if self.positioned {
            self.progress.set_committed(self.written);
        }
        self.progress.set_writing(None);
        if !part.batch.records.is_empty() {
            let bytes = part.batch.records.iter().map(|record| record.payload.len()).sum();
            self.progress.count_batch(part.batch.records.len(), bytes);
        }
    }
}

impl From<CheckpointError> for PipelineError {
    fn from(error: CheckpointError) -> Self {
        Self::Checkpoint(error)
    }
}
