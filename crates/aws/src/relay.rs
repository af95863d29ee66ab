//! The relay: the embedded log into Kinesis, as one more sink.
//!
//! A gateway keeps its durable local answer, and Kinesis distributes. Events keep their order per visitor: each belongs to one
//! of [`LANES`] lanes, by its visitor or else its id; a lane is a partition key, and its next record is sent only when the one
//! before is acknowledged. Which events share a record depends on the batch alone, so that the same range makes the same
//! records, whoever writes it.
//!
//! A range that is written again, after a crash or a lost answer, is in the stream twice: readers count an id once. What
//! failed within a batch is tried again here until [`WRITE_WITHIN`], as PutRecords answers for each record by itself; a batch
//! that is not done by then goes on later where it stopped. Nothing can be taken back from Kinesis.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use onepixel_consumer::{Batch, Offset, Record, Sink, SinkError};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::kinesis::{self, Credentials, Entry, Failures, Patience, Producer};
use crate::record::{Packed, Packer, TooLarge};

/// Lanes, which are partition keys: enough to spread over the shards of a large stream, and few enough that a batch fills
/// their records. Never another number: a visitor's events would change their shard.
pub const LANES: usize = 64;
/// How long one write goes on trying before it says that Kinesis is unavailable.
pub const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// The bytes of a lane's key, such as `lane-07`.
const KEY_BYTES: usize = 7;

/// Writes batches into a Kinesis stream.
#[derive(Debug)]
pub struct Relay {
    stream: String,
    producer: Option<Producer>,
    /// How far a batch came that could not be finished.
    begun: Option<Begun>,
}

/// How many records of each lane of a batch are acknowledged.
#[derive(Debug)]
struct Begun {
    partition: u32,
    range: Range<Offset>,
    records: usize,
    sent: [usize; LANES],
}

/// The records of a batch that wait, lane by lane.
type Lanes = [VecDeque<Packed>; LANES];

impl Relay {
    /// A relay into `stream`, with Region, endpoint and credentials from wherever the SDK finds them. Touches no network
    /// before the first batch.
    pub fn new(stream: impl Into<String>) -> Self {
        Self { stream: stream.into(), producer: None, begun: None }
    }

    /// The same over a client that is there already.
    pub fn over(client: Client, stream: impl Into<String>, patience: Patience) -> Self {
        let stream = stream.into();
        let producer = Some(Producer::new(client, &stream, patience));
        Self { stream, producer, begun: None }
    }

    /// Made within the runtime that will use it.
    async fn producer(&mut self) -> Producer {
        if let Some(producer) = &self.producer {
            return producer.clone();
        }
        let client = Client::new(&kinesis::config(Credentials::Anywhere).await);
        let producer = Producer::new(client, &self.stream, Patience::BACKGROUND);
        self.producer = Some(producer.clone());
        producer
    }

    /// What is left of the batch, and the account of it.
    fn go_on(&mut self, batch: &Batch) -> Result<(Lanes, Begun), SinkError> {
        let mut lanes = lanes(&batch.records)?;
        let same = |begun: &Begun| {
            begun.partition == batch.partition
                && begun.range == batch.range
                && begun.records == batch.records.len()
        };
        let begun = self.begun.take().filter(same).unwrap_or_else(|| Begun {
            partition: batch.partition,
            range: batch.range.clone(),
            records: batch.records.len(),
            sent: [0; LANES],
        });
        for (lane, sent) in lanes.iter_mut().zip(begun.sent) {
            lane.drain(..sent.min(lane.len()));
        }
        Ok((lanes, begun))
    }
}

impl Sink for Relay {
    type Prepared = ();

    fn name(&self) -> &'static str {
        "relay"
    }

    async fn position(&mut self) -> Result<Option<Offset>, SinkError> {
        Ok(None)
    }

    fn prepare(_: &Batch) {}

    async fn write_prepared(&mut self, batch: &Batch, (): &()) -> Result<(), SinkError> {
        let (mut lanes, begun) = self.go_on(batch)?;
        let producer = self.producer().await;
        // Kept here at every moment, so that a write that is dropped loses no more than the answers that were on their way.
        let sent = &mut self.begun.insert(begun).sent;
        let deadline = Instant::now() + WRITE_WITHIN;
        let mut failures = Failures::default();
        let mut in_vain = 0;
        loop {
            let mut heads = heads(&lanes);
            if heads.is_empty() {
                break;
            }
            let before = heads.len();
            let failed = producer.round(&mut heads, deadline, &mut failures).await;
            in_vain = if heads.len() < before { 0 } else { in_vain + 1 };
            for (number, lane) in lanes.iter_mut().enumerate() {
                // Heads that are left are in the order of their lanes.
                let is_left = heads.binary_search_by(|entry| entry.key.cmp(&key(number))).is_ok();
                if !is_left && lane.pop_front().is_some() {
                    sent[number] += 1;
                }
            }
            let Some((reason, cause)) = failed else { continue };
            let wait = Patience::BACKGROUND.wait(in_vain.max(1));
            if reason.is_lasting() || deadline.saturating_duration_since(Instant::now()) <= wait {
                let cause = format!("the Kinesis stream {} did not take everything: {cause}", self.stream);
                return Err(SinkError::Unavailable(cause.into()));
            }
            sleep(wait).await;
        }
        if !failures.is_empty() {
            tracing::debug!(?failures, stream = self.stream, "Kinesis took the batch in the end");
        }
        self.begun = None;
        Ok(())
    }

    async fn replay(&mut self, partition: u32, record: &Record) -> Result<(), SinkError> {
        let range = record.offset..record.offset.saturating_add(1);
        let begun = self.begun.take();
        let written = self.write(&Batch { partition, range, records: vec![record.clone()] }).await;
        self.begun = begun;
        written
    }
}

/// The first record of each lane that has one, in the order of the lanes.
fn heads(lanes: &Lanes) -> Vec<Entry> {
    let head = |(number, lane): (usize, &VecDeque<Packed>)| {
        lane.front().map(|packed| Entry { key: key(number), packed: packed.clone() })
    };
    lanes.iter().enumerate().filter_map(head).collect()
}

fn key(lane: usize) -> String {
    format!("lane-{lane:02}")
}

/// Packs the records, each into its lane. All of them are looked at before any is sent.
fn lanes(records: &[Record]) -> Result<Lanes, SinkError> {
    let mut packers: [Packer; LANES] = std::array::from_fn(|_| Packer::new(KEY_BYTES));
    let mut lanes: Lanes = std::array::from_fn(|_| VecDeque::new());
    for record in records {
        let refused = |what: String| SinkError::Refused {
            reason: format!("the record at offset {} {what}", record.offset),
        };
        let lane = lane(&record.payload).map_err(|error| refused(format!("is no event: {error}")))?;
        let too_large = |error: TooLarge| refused(format!("is too large for Kinesis: {error}"));
        lanes[lane].extend(packers[lane].push(&record.payload).map_err(too_large)?);
    }
    for (lane, packer) in lanes.iter_mut().zip(&mut packers) {
        lane.extend(packer.finish());
    }
    Ok(lanes)
}

/// The lane of an event: that of its visitor, else its own.
fn lane(line: &[u8]) -> Result<usize, String> {
    #[derive(Deserialize)]
    struct Sender<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
        #[serde(borrow, default)]
        visitor: Option<Cow<'a, str>>,
    }
    // A list of values would pass as an object otherwise, and a line end would make two lines of one.
    if !line.starts_with(b"{") || line.contains(&b'\n') {
        return Err("it is not one JSON object on one line".to_owned());
    }
    let sender: Sender<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let sender = sender.visitor.unwrap_or(sender.id);
    // FNV-1a: the same in every version and on every machine, and nobody gains by meeting in a lane.
    let hash = sender.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Less than LANES, so it fits.
    Ok(usize::try_from((hash ^ (hash >> 32)) % LANES as u64).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_fixed_and_all_are_used() {
        let lane_of =
            |visitor: &str| lane(format!(r#"{{"id":"x","visitor":"{visitor}"}}"#).as_bytes()).unwrap();
        assert_eq!([lane_of("a"), lane_of("b"), lane_of("c")], [lane_of("a"), lane_of("b"), lane_of("c")]);
        assert_eq!(lane(br#"{"id":"a"}"#).unwrap(), lane_of("a"), "without a visitor the id");
        // Never another one: see `LANES`.
        assert_eq!((lane_of("a"), lane_of("visitor-1"), lane_of("")), (0, 17, 1));
        let mut counts = [0; LANES];
        for n in 0..6400 {
            counts[lane_of(&format!("{n:032x}"))] += 1;
        }
        assert!(counts.iter().all(|count| (50..=170).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_offset() {
        let record = |payload: &str| Record {
            offset: 7,
            committed_at_ms: 0,
            key: None,
            payload: payload.to_owned().into(),
        };
        for payload in ["", "junk", "[1]", "{}", "{\"id\":1}", "{\"id\":\"a\"}\n{\"id\":\"b\"}"] {
            let refused = lanes(&[record(payload)]);
            let Err(SinkError::Refused { reason }) = refused else { panic!("{payload:?}: {refused:?}") };
            assert!(reason.starts_with("the record at offset 7 is no event"), "{reason}");
        }
    }
}
