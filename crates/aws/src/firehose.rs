//! The Firehose alternative: a transformation that makes of each record the lines it holds, and says which hour they are of.
//!
//! The same lines in the same partitions as the archive function's. What is no event goes to the dead letter, and a record
//! without any is `Dropped`. A record can be of one hour only, and an answer of 6 MB: the lines of other hours, which no producer
//! of ours puts together, and those of records that would make the answer too large are written here, as objects named like
//! the archive function's, so that nothing is lost and nothing stands in another hour's folder.

mod wire;

use std::collections::HashMap;

use onepixel_event::Time;
use tokio::time::Instant;

pub use wire::{Answer, Invocation, Metadata, Outcome, Partition, Record, Transformed};

use crate::archive::{ArchiveObjects, by_hour};
use crate::consumer::{DeadLetters, Line, Parts, Place, RawBodies, Salts, Shard, is_number, take_apart};

/// Bytes of an answer's data, in base64: below Lambda's 6 MB with room for what stands around it.
const ANSWER_BYTES_MAX: usize = 5_000_000;
/// What a record of the answer takes beside its data.
const RECORD_BYTES: usize = 400;

/// The transformation.
#[derive(Debug)]
pub struct Transformation<V> {
    objects: ArchiveObjects,
    bodies: RawBodies<V>,
    letters: DeadLetters,
    answer_bytes_max: usize,
}

/// Why an invocation cannot be answered. Firehose sends it again.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// Not from a Kinesis stream: nothing says where a record stood, and so nothing can name what is made of it.
    #[error(
        "record {record} does not say its shard and sequence number: the source must be a Kinesis stream"
    )]
    NoPlace {
        /// The record, from 0.
        record: usize,
    },
    /// Something that this function writes itself is not written.
    #[error("record {record}: {reason}")]
    Unwritten {
        /// The record, from 0.
        record: usize,
        /// Why.
        reason: String,
    },
}

impl<V: Salts> Transformation<V> {
    /// Makes events of raw bodies by `bodies`; what does not fit into an answer goes to `objects`.
    pub fn new(objects: ArchiveObjects, bodies: RawBodies<V>, letters: DeadLetters) -> Self {
        Self { objects, bodies, letters, answer_bytes_max: ANSWER_BYTES_MAX }
    }

    /// The same with another limit of an answer's data, for tests.
    #[must_use]
    pub fn with_answer_bytes_max(self, answer_bytes_max: usize) -> Self {
        Self { answer_bytes_max, ..self }
    }

    /// Transforms the records of one invocation.
    ///
    /// # Errors
    /// [`TransformError`] when not all of them can be answered for; nothing is lost then, since Firehose tries again.
    pub async fn handle(&self, invocation: &Invocation, deadline: Instant) -> Result<Answer, TransformError> {
        let mut answer = Answer::default();
        let mut left = self.answer_bytes_max;
        for (number, record) in invocation.records.iter().enumerate() {
            answer.records.push(self.record(number, record, &mut left, deadline).await?);
        }
        let dropped = answer.records.iter().filter(|record| record.result == Outcome::Dropped).count();
        tracing::info!(records = invocation.records.len(), dropped, "transformed");
        Ok(answer)
    }

    async fn record(
        &self,
        number: usize,
        record: &Record,
        left: &mut usize,
        deadline: Instant,
    ) -> Result<Transformed, TransformError> {
        let (shard, sequence) = place(record).ok_or(TransformError::NoPlace { record: number })?;
        let arrived_at = Time::from_ms(record.approximate_arrival_timestamp);
        let place = Place { shard: shard.id(), sequence, arrived_at };
        let unwritten = |reason| TransformError::Unwritten { record: number, reason };
        let parts = take_apart(&record.data, place, &self.bodies, deadline).await.map_err(unwritten)?;
        let Parts { lines, bin, .. } = parts;
        for letter in bin.into_letters(number) {
            self.letters.put(place.shard, sequence, &letter, deadline).await.map_err(unwritten)?;
        }
        let lines: Vec<Line> = lines
            .into_iter()
            .map(|(id, received_at, text)| Line { record: number, id, received_at, text })
            .collect();
        let hour = lines.first().map(|line| line.received_at.hour_start());
        let (same, others): (Vec<&Line>, Vec<&Line>) =
            lines.iter().partition(|line| Some(line.received_at.hour_start()) == hour);
        let bytes = RECORD_BYTES + base64_bytes(same.iter().map(|line| line.text.len() + 1).sum());
        let fits = bytes <= *left;
        let by_hand = if fits { others } else { lines.iter().collect() };
        for object in by_hour(&shard.number().to_string(), by_hand, |_| sequence) {
            self.objects.put(&object, deadline).await.map_err(unwritten)?;
        }
        let record_id = record.record_id.clone();
        Ok(match hour.filter(|_| fits) {
            None => {
                let metadata = Partition::default();
                Transformed { record_id, result: Outcome::Dropped, data: Vec::new(), metadata }
            }
            Some(hour) => {
                *left -= bytes;
                let data = same.iter().flat_map(|line| [&line.text[..], b"\n"]).collect::<Vec<_>>().concat();
                Transformed { record_id, result: Outcome::Ok, data, metadata: partition(hour) }
            }
        })
    }
}

fn base64_bytes(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// The keys of the archive's folders, as the delivery stream's prefix names them.
fn partition(hour: Time) -> Partition {
    let (year, month, day, hour, ..) = hour.civil();
    let partition_keys = HashMap::from([
        ("year", format!("{year:04}")),
        ("month", format!("{month:02}")),
        ("day", format!("{day:02}")),
        ("hour", format!("{hour:02}")),
    ]);
    Partition { partition_keys }
}

/// Where the record stood in the stream that Firehose reads.
fn place(record: &Record) -> Option<(Shard, &str)> {
    let metadata = record.kinesis_record_metadata.as_ref()?;
    let sequence = Some(metadata.sequence_number.as_str()).filter(|sequence| is_number(sequence))?;
    Some((Shard::parse(&metadata.shard_id)?, sequence))
}
