//! The records of one invocation, taken apart.

use std::fmt;

use aws_lambda_events::event::kinesis::{KinesisEvent, KinesisEventRecord};
use bytes::Bytes;
use onepixel_event::{EventId, Time};
use tokio::time::Instant;

use super::dead_letter::{Bin, DeadLetter};
use super::raw::{Place, RawBodies, Salts};
use super::{Unwritten, line};
use crate::record::Content;

/// A shard of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    id: String,
    number: u64,
}

/// One event, fit for any sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The record of the batch that it came with, from 0.
    pub record: usize,
    /// The event's id.
    pub id: EventId,
    /// When it was received.
    pub received_at: Time,
    /// The line, without a line end.
    pub text: Bytes,
}

/// The records of one invocation: all of one shard, in the order of their sequence numbers.
#[derive(Debug)]
pub struct Batch {
    shard: Shard,
    sequences: Vec<String>,
    lines: Vec<Line>,
    poison: Vec<DeadLetter>,
    unwanted: usize,
    unread: Option<(usize, String)>,
}

/// Why an invocation is no batch of records.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBatch {
    /// Nothing in it.
    #[error("the invocation holds no records")]
    Empty,
    /// Not `shardId-000000000000:1234`.
    #[error("record {record} has the event id {id:?}, which is no shard and sequence number")]
    EventId {
        /// The record, from 0.
        record: usize,
        /// What it has.
        id: String,
    },
    /// Event source mappings never mix shards.
    #[error("the invocation holds records of {first} and of {other}")]
    TwoShards {
        /// The shard of the first record.
        first: Shard,
        /// Another one.
        other: Shard,
    },
}

impl Batch {
    /// Takes an invocation apart. A raw body that cannot be read yet ends it: what comes after is left for the next time.
    ///
    /// # Errors
    /// [`InvalidBatch`] when it is none.
    pub async fn read<V: Salts>(
        event: &KinesisEvent,
        bodies: &RawBodies<V>,
        deadline: Instant,
    ) -> Result<Self, InvalidBatch> {
        let mut batch = Self::over(event)?;
        for (record, source) in event.records.iter().enumerate() {
            let place = Place {
                shard: &batch.shard.id,
                sequence: &batch.sequences[record],
                arrived_at: Time::from_ms(source.kinesis.approximate_arrival_timestamp.timestamp_millis()),
            };
            match take_apart(&source.kinesis.data, place, bodies, deadline).await {
                Ok(parts) => {
                    let lines = parts.lines.into_iter();
                    batch.lines.extend(lines.map(|(id, received_at, text)| Line {
                        record,
                        id,
                        received_at,
                        text,
                    }));
                    batch.poison.extend(parts.bin.into_letters(record));
                    batch.unwanted += parts.unwanted;
                }
                Err(reason) => {
                    batch.unread = Some((record, reason));
                    break;
                }
            }
        }
        Ok(batch)
    }

    fn over(event: &KinesisEvent) -> Result<Self, InvalidBatch> {
        let ids = event.records.iter().enumerate().map(|(at, record)| event_id(at, record));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let shard = ids.first().ok_or(InvalidBatch::Empty)?.0.clone();
        if let Some((other, _)) = ids.iter().find(|(other, _)| *other != shard) {
            return Err(InvalidBatch::TwoShards { first: shard, other: other.clone() });
        }
        let sequences = ids.into_iter().map(|(_, sequence)| sequence).collect();
        Ok(Self { shard, sequences, lines: Vec::new(), poison: Vec::new(), unwanted: 0, unread: None })
    }

    /// The shard that all records are of.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// The sequence number of a record of the batch; the last one's for those beyond.
    pub fn sequence(&self, record: usize) -> &str {
        self.sequences.get(record).or(self.sequences.last()).map_or("", String::as_str)
    }

    /// The events, in the order of the records.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// What is no event.
    pub fn poison(&self) -> &[DeadLetter] {
        &self.poison
    }

    /// Events whose senders did not want to be followed, dropped as the policy says.
    pub fn unwanted(&self) -> usize {
        self.unwanted
    }

    /// The first record that could not be read this time.
    pub fn unread(&self) -> Option<Unwritten> {
        self.unread.clone().map(|(record, reason)| Unwritten { record, reason })
    }
}

impl Shard {
    /// Reads `shardId-000000000006`.
    pub fn parse(id: &str) -> Option<Self> {
        let digits = id.strip_prefix("shardId-").filter(|digits| is_number(digits))?;
        Some(Self { id: id.to_owned(), number: digits.parse().ok()? })
    }

    /// Its whole name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number at its end.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// Both become parts of names, so they are what Kinesis makes or nothing.
fn event_id(record: usize, source: &KinesisEventRecord) -> Result<(Shard, String), InvalidBatch> {
    let id = source.event_id.as_deref().unwrap_or_default();
    let parts = id.split_once(':').filter(|(_, sequence)| is_number(sequence));
    parts
        .and_then(|(shard, sequence)| Some((Shard::parse(shard)?, sequence.to_owned())))
        .ok_or_else(|| InvalidBatch::EventId { record, id: id.to_owned() })
}

/// Kinesis has 56 digits and may have 128.
pub(crate) fn is_number(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What one record holds.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) lines: Vec<(EventId, Time, Bytes)>,
    pub(crate) bin: Bin,
    pub(crate) unwanted: usize,
}

/// Takes one record apart.
///
/// # Errors
/// The reason when it is a raw body and cannot be read yet.
pub(crate) async fn take_apart<V: Salts>(
    data: &[u8],
    place: Place<'_>,
    bodies: &RawBodies<V>,
    deadline: Instant,
) -> Result<Parts, String> {
    let mut parts = Parts { bin: Bin::new(place), ..Parts::default() };
    match Content::read(data) {
        Content::Lines(lines) => {
            for (index, text) in lines.enumerate() {
                match line::read(text, place.arrived_at) {
                    Ok((id, received_at)) => {
                        parts.lines.push((id, received_at, Bytes::copy_from_slice(text)));
                    }
                    Err(reason) => parts.bin.throw(index, text, reason),
                }
            }
        }
        Content::Raw(raw) => bodies.read(&raw, place, deadline, &mut parts).await?,
        Content::Poison(poison) => parts.bin.throw(0, data, poison.reason),
    }
    Ok(parts)
}
