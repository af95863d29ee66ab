//! The live function's sink: counters and recent events in DynamoDB.
//!
//! An event counts once by its id, however often and in whatever batches it comes: see [`transact`](crate::dynamo::transact). What is
//! older than the time to live is not counted, since its marker may be gone and no reader would see it; the log says how many those
//! are, and the archive has them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use onepixel_event::Event;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::consumer::{Batch, Sink, Unwritten};
use crate::dynamo::count::Countable;
use crate::dynamo::recent::{self, Recent};
use crate::dynamo::table::Table;
use crate::dynamo::transact::{Counter, Tally};
use crate::metrics::Counters;

/// Counts batches in a table.
pub struct LiveTable {
    table: Table,
    counter: Counter,
    ttl_s: i64,
    clock: Clock,
    counters: Option<Arc<Counters>>,
}

impl LiveTable {
    /// Counts into `table` and keeps what it counts for `ttl`.
    pub fn new(table: Table, ttl: Duration, clock: Clock) -> Self {
        let ttl_s = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        Self { counter: Counter::new(table.clone(), ttl_s), table, ttl_s, clock, counters: None }
    }

    /// The same, with metrics:
    ///
    /// | metric | counts |
    /// |---|---|
    /// | `Expired` | events older than the time to live, which are not counted |
    /// | `CountedBefore` | events that came again |
    /// | `TransactionsTriedAgain` | conflicts, throttles and lost answers |
    #[must_use]
    pub fn counting(self, counters: Arc<Counters>) -> Self {
        Self { counters: Some(counters), ..self }
    }

    /// Seconds since the epoch.
    fn now_s(&self) -> i64 {
        i64::try_from((self.clock)() / 1000).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for LiveTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTable")
            .field("table", &self.table)
            .field("ttl_s", &self.ttl_s)
            .finish_non_exhaustive()
    }
}

impl Sink for LiveTable {
    const NAME: &'static str = "live";

    async fn write(&self, batch: &Batch, deadline: Instant) -> Result<(), Unwritten> {
        let oldest_s = self.now_s().saturating_sub(self.ttl_s);
        let lines = batch.lines().iter();
        let (fresh, expired): (Vec<_>, Vec<_>) =
            lines.partition(|line| line.received_at.ms().div_euclid(1000) >= oldest_s);
        let mut events = Vec::with_capacity(fresh.len());
        let mut recents = Vec::with_capacity(fresh.len());
        for line in &fresh {
            let unwritten = |reason: String| Unwritten { record: line.record, reason };
            let event = Event::decode(&line.text).map_err(|error| unwritten(error.to_string()))?;
            let text = str::from_utf8(&line.text).map_err(|error| unwritten(error.to_string()))?;
            events.push(Countable::of(&event, line.record));
            recents.push(Recent::of(&event, text));
        }
        let mut tally = Tally::default();
        let counted = self.counter.count(events, deadline, &mut tally).await;
        let kept = match &counted {
            Ok(()) => recent::keep(&self.table, recents, self.ttl_s, deadline).await,
            Err(_) => Ok(0),
        };
        if let Some(counters) = &self.counters {
            counters.add("Expired", expired.len() as u64);
            counters.add("CountedBefore", tally.known as u64);
            counters.add("TransactionsTriedAgain", tally.cancelled as u64);
        }
        tracing::info!(
            counted = tally.counted,
            known = tally.known,
            expired = expired.len(),
            transactions = tally.transactions,
            items = tally.items,
            cancelled = tally.cancelled,
            recent_items = kept.as_ref().copied().unwrap_or_default(),
            "counted"
        );
        counted.map_err(|stopped| Unwritten { record: stopped.record, reason: stopped.reason })?;
        // Counting the events again does no harm, and there is no telling which of them were kept.
        let first = fresh.first().map_or(0, |line| line.record);
        kept.map(drop).map_err(|failed| Unwritten { record: first, reason: failed.reason })
    }
}
