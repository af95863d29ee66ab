//! The batcher: reads the source and cuts it into batches by count, bytes or age, whichever comes first.
//!
//! Promises batches in offset order without gap. Holds at most one batch; whatever it holds when it is dropped is
//! read again. Knows no sink.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use onepixel_stream::{Offset, Record};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::trouble::Trouble;
use crate::{Batch, PipelineError, Progress, Settings, Source, SourceError};

/// What comes next in a source.
pub(crate) enum Next {
    /// Records.
    Batch(Batch),
    /// The records of this range are not kept any more.
    Gone(Range<Offset>),
    /// Nothing more will come, or all that was there when the drain began was handed out.
    Finished,
}

/// A batch that is being filled.
pub(crate) struct Batcher<S> {
    source: S,
    settings: Settings,
    shutdown: CancellationToken,
    progress: Arc<Progress>,
    trouble: Trouble,
    /// The offset after the last record that was handed out.
    start: Offset,
    held: Vec<Record>,
    held_bytes: usize,
    /// Records of a full batch.
    full: usize,
    /// When the batch must go, full or not.
    due: Option<Instant>,
    /// The end of the source when the drain began.
    drain_to: Option<Offset>,
}

impl<S: Source> Batcher<S> {
    pub(crate) fn new(
        source: S,
        settings: Settings,
        shutdown: CancellationToken,
        progress: Arc<Progress>,
        trouble: Trouble,
    ) -> Self {
        let (held, held_bytes, full, due, drain_to) = (Vec::new(), 0, 1, None, None);
        Self {
            source,
            settings,
            shutdown,
            progress,
            trouble,
            start: 0,
            held,
            held_bytes,
            full,
            due,
            drain_to,
        }
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// The next batch starts at `offset`.
    pub(crate) fn seek(&mut self, offset: Offset) {
        self.source.seek(offset);
        self.start = offset;
        self.drop_held();
        self.progress.set_end(self.source.end());
    }

    /// The next batch by the settings; while draining without waiting for more. Cancel safe: what was read is kept.
    pub(crate) async fn next(&mut self) -> Result<Next, PipelineError> {
        loop {
            if self.held.is_empty() {
                self.full = self.full_size();
            }
            if self.is_full() || self.is_drained() {
                return Ok(self.take());
            }
            let (records_max, bytes_max) = self.room();
            let due = self.due;
            let read = tokio::select! {
                biased;
                () = self.shutdown.cancelled(), if self.drain_to.is_none() => {
                    self.drain_to = Some(self.source.end());
                    continue;
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    return Ok(self.take());
                }
                read = self.source.next(records_max, bytes_max) => read,
            };
            match read {
                Ok(records) => self.hold(records).await?,
                // What is there goes first; the source says it again.
                Err(_) if !self.held.is_empty() => return Ok(self.take()),
                Err(SourceError::Closed) => return Ok(Next::Finished),
                Err(error) => {
                    if let Some(gone) = self.failed(error).await? {
                        return Ok(gone);
                    }
                }
            }
        }
    }

    /// True when a full batch more is there.
    pub(crate) fn is_behind(&self) -> bool {
        self.source.end().saturating_sub(self.start) >= self.full_size() as u64
    }

    /// The last batch is with whoever writes it.
    pub(crate) fn handed_over(&self) {
        self.progress.set_read_ahead(None);
    }

    /// The batch that ends at `end`, whatever the settings say now.
    pub(crate) async fn exactly(&mut self, end: Offset) -> Result<Next, PipelineError> {
        while self.next_offset() < end {
            let missing = usize::try_from(end - self.next_offset()).unwrap_or(usize::MAX);
            match self.source.next(missing, usize::MAX).await {
                Ok(records) => self.hold(records).await?,
                Err(SourceError::Closed) => return Err(self.ends_before(end)),
                Err(error) => {
                    if let Some(gone) = self.failed(error).await? {
                        return Ok(gone);
                    }
                }
            }
        }
        Ok(self.take())
    }

    /// The sink is ahead of the source.
    pub(crate) fn ends_before(&self, position: Offset) -> PipelineError {
        PipelineError::Ahead { position, end: self.source.end() }
    }

    fn is_full(&self) -> bool {
        self.held.len() >= self.full
            || (!self.held.is_empty() && self.held_bytes >= self.settings.batch_bytes)
    }

    fn is_drained(&self) -> bool {
        self.drain_to.is_some_and(|end| self.next_offset() >= end)
    }

    /// Records of the batch that starts now.
    fn full_size(&self) -> usize {
        let Settings { batch_size, behind_size, .. } = self.settings;
        let waiting = usize::try_from(self.source.end().saturating_sub(self.start)).unwrap_or(usize::MAX);
        if waiting >= behind_size { behind_size.max(1) } else { batch_size.max(1) }
    }

    fn room(&self) -> (usize, usize) {
        let records = self.full - self.held.len();
        (records, self.settings.batch_bytes.saturating_sub(self.held_bytes).max(1))
    }

    fn next_offset(&self) -> Offset {
        self.start + self.held.len() as u64
    }

    async fn hold(&mut self, records: Vec<Record>) -> Result<(), PipelineError> {
        let Some(first) = records.first() else {
            return self.wait("the source handed out nothing".into()).await;
        };
        if self.held.is_empty() {
            self.due = Instant::now().checked_add(self.settings.batch_window);
            self.progress.set_read_ahead(Some(first.committed_at_ms));
        }
        for record in records {
            let expected = self.next_offset();
            if record.offset != expected {
                return Err(PipelineError::OutOfOrder { expected, found: record.offset });
            }
            self.held_bytes = self.held_bytes.saturating_add(record.payload.len());
            self.held.push(record);
        }
        self.trouble.over();
        self.progress.set_end(self.source.end());
        Ok(())
    }

    /// `None`: try again.
    async fn failed(&mut self, error: SourceError) -> Result<Option<Next>, PipelineError> {
        match error {
            SourceError::Gone { oldest, .. } if oldest > self.start => {
                self.drop_held();
                Ok(Some(Next::Gone(self.start..oldest)))
            }
            SourceError::Corrupt(error) => Err(PipelineError::Corrupt(error)),
            SourceError::Unavailable(error) => self.wait(error).await.map(|()| None),
            error @ (SourceError::Closed | SourceError::Gone { .. }) => {
                self.wait(error.into()).await.map(|()| None)
            }
        }
    }

    async fn wait(&mut self, error: Box<dyn Error + Send + Sync>) -> Result<(), PipelineError> {
        self.trouble.note("cannot read the stream", error.as_ref());
        self.trouble.wait().await;
        Ok(())
    }

    /// What is held, as a batch; without anything the source is drained.
    fn take(&mut self) -> Next {
        if self.held.is_empty() {
            return Next::Finished;
        }
        let range = self.start..self.next_offset();
        self.start = range.end;
        let records = std::mem::take(&mut self.held);
        self.drop_held();
        Next::Batch(Batch { partition: self.source.partition(), range, records })
    }

    fn drop_held(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
        self.due = None;
    }
}
