//! A batch on its way into the sink, or the part of one that is left after halving, with its history.

use std::time::Duration;

use onepixel_stream::Offset;

use crate::{Batch, Settings};

pub(crate) struct Part<P> {
    pub(crate) batch: Batch,
    /// What the sink has made of exactly this batch, if it was asked already.
    pub(crate) prepared: Option<P>,
    /// Writes that the records of this part took part in.
    pub(crate) attempts: u32,
    /// Those of them that found the sink unavailable.
    pub(crate) failures: u32,
    /// A write of exactly this range may have been left unfinished.
    pub(crate) is_touched: bool,
}

impl<P> Part<P> {
    pub(crate) fn new(batch: Batch, prepared: Option<P>, is_touched: bool) -> Self {
        Self { batch, prepared, attempts: 0, failures: 0, is_touched }
    }

    pub(crate) fn end(&self) -> Offset {
        self.batch.range.end
    }

    /// Two halves, each with at least one record when the part has two. They inherit the history, so that a batch
    /// that was given up is not retried anew for each of its parts.
    pub(crate) fn split(self) -> (Self, Self) {
        let Batch { partition, range, mut records } = self.batch;
        let second = records.split_off(records.len() / 2);
        let middle = second.first().map_or(range.end, |record| record.offset);
        let part = |range, records| Self {
            batch: Batch { partition, range, records },
            prepared: None,
            attempts: self.attempts,
            failures: self.failures,
            is_touched: false,
        };
        (part(range.start..middle, records), part(middle..range.end, second))
    }

    /// The limit that is reached, in words; `None` when it may be tried again. Nothing but records can be given up.
    pub(crate) fn limit(&self, settings: &Settings, now_ms: u64) -> Option<String> {
        let oldest = self.batch.records.first()?;
        let retries_max = u64::try_from(settings.max_retries).ok();
        if retries_max.is_some_and(|retries_max| u64::from(self.failures) > retries_max) {
            return Some(format!("given up at attempt {}", self.attempts));
        }
        let age = Duration::from_millis(now_ms.saturating_sub(oldest.committed_at_ms));
        let too_old = !settings.max_record_age.is_zero() && age > settings.max_record_age;
        too_old.then(|| format!("given up at an age of {} s", age.as_secs()))
    }
}
