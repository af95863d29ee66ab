//! From an invocation of a consumer function to lines and poison, and from what its sink says to the answer.
//!
//! The same for every sink: [`Batch`] takes the records apart, [`DeadLetters`] keep what is no event, [`Consumer`] hands
//! the rest to a [`Sink`] and reports the lowest sequence number from which on not everything is done. Every record is hostile: lines
//! are held to the limits of ingest, raw bodies go through ingest itself. Promises that a record counts as done only when each
//! of its events is in the sink or in the dead letter; at least once, since the same records may come again in any other batch.

mod batch;
mod dead_letter;
mod function;
mod line;
mod raw;
pub(crate) mod settings;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::kinesis::KinesisEvent;
use aws_lambda_events::event::streams::KinesisEventResponse;
use tokio::time::Instant;

use crate::metrics::Counters;

pub use batch::{Batch, InvalidBatch, Line, Shard};
pub(crate) use batch::{Parts, is_number, take_apart};
pub use dead_letter::{DeadLetter, DeadLetters};
pub use function::{Started, deadline};
pub(crate) use raw::Place;
pub use raw::{RawBodies, SaltUnavailable, Salts};

pub use settings::{InvalidSettings, Settings};

/// Where a sink stopped.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Unwritten {
    /// The lowest record of the batch of which something is not written.
    pub record: usize,
    /// Why.
    pub reason: String,
}

/// What takes the lines of a batch.
pub trait Sink: Send + Sync {
    /// Its name, which is also that of its folder of dead letters.
    const NAME: &'static str;

    /// Writes all lines of a batch, durably, and returns before `deadline`. The batch may have been written before, in whole or in part.
    fn write(&self, batch: &Batch, deadline: Instant) -> impl Future<Output = Result<(), Unwritten>> + Send;
}

/// A consumer function.
#[derive(Debug)]
pub struct Consumer<S, V> {
    sink: S,
    bodies: RawBodies<V>,
    letters: DeadLetters,
    counters: Option<Arc<Counters>>,
}

impl<S: Sink, V: Salts> Consumer<S, V> {
    /// A consumer that writes to `sink` and makes events of raw bodies by `bodies`.
    pub fn new(sink: S, bodies: RawBodies<V>, letters: DeadLetters) -> Self {
        Self { sink, bodies, letters, counters: None }
    }

    /// The same, with metrics:
    ///
    /// | metric | counts |
    /// |---|---|
    /// | `DeadLettered` | what is no event and went to the dead letter |
    /// | `Unwanted` | events dropped by the policy for senders who do not want to be followed |
    /// | `Unfinished` | batches of which something has to come again |
    #[must_use]
    pub fn counting(self, counters: Arc<Counters>) -> Self {
        Self { counters: Some(counters), ..self }
    }

    /// Takes one invocation's records; returns before `deadline` with what is to be sent again.
    ///
    /// # Errors
    /// [`InvalidBatch`] when the invocation is none of an event source mapping over one Kinesis stream.
    pub async fn handle(
        &self,
        event: &KinesisEvent,
        deadline: Instant,
    ) -> Result<KinesisEventResponse, InvalidBatch> {
        let begun = Instant::now();
        let batch = Batch::read(event, &self.bodies, deadline).await?;
        let letters = self.letters.put_all(&batch, deadline).await;
        let written = self.sink.write(&batch, deadline).await;
        let failures = [batch.unread(), letters.err(), written.err()];
        let first = failures.iter().flatten().map(|failure| failure.record).min();
        for failure in failures.iter().flatten() {
            let sequence = batch.sequence(failure.record);
            tracing::error!(consumer = S::NAME, shard = %batch.shard(), sequence, reason = %failure, "not done from this sequence number on");
        }
        tracing::info!(
            consumer = S::NAME,
            shard = %batch.shard(),
            records = event.records.len(),
            events = batch.lines().len(),
            dead_letters = batch.poison().len(),
            unwanted = batch.unwanted(),
            took_ms = begun.elapsed().as_millis(),
            "batch"
        );
        if let Some(counters) = &self.counters {
            counters.add("DeadLettered", batch.poison().len() as u64);
            counters.add("Unwanted", batch.unwanted() as u64);
            counters.add("Unfinished", u64::from(first.is_some()));
        }
        let mut response = KinesisEventResponse::default();
        if let Some(record) = first {
            response.add_failure(batch.sequence(record));
        }
        Ok(response)
    }
}

/// What is kept of a function's time for its answer: what it began must be over and reported before it is killed.
pub const ANSWER_TIME: Duration = Duration::from_secs(1);
