//! What is no event, kept with its reason: one object for each, whose name says where in the stream it was.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use onepixel_archive::Archive;
use onepixel_event::Time;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::raw::Place;
use super::{Batch, Unwritten};

/// Objects written at the same time.
const PUTS_IN_FLIGHT_MAX: usize = 8;
/// Dead letters of one record. The rest of it shares the last one: a record of a megabyte can hold half a million wrong lines.
const LETTERS_MAX: usize = 32;

/// Something that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record of the batch that it came with.
    pub record: usize,
    /// Its place in the record.
    pub index: usize,
    /// When the record arrived in the stream.
    pub arrived_at: Time,
    /// Why it is none.
    pub reason: String,
    /// The line, event or body.
    pub data: Vec<u8>,
}

/// Gathers what one record holds and is no event.
#[derive(Debug, Default)]
pub(crate) struct Bin {
    arrived_at: Option<Time>,
    letters: Vec<(usize, String, Vec<u8>)>,
    more: usize,
}

impl Bin {
    pub(crate) fn new(place: Place<'_>) -> Self {
        Self { arrived_at: Some(place.arrived_at), ..Self::default() }
    }

    /// Adds what stands at `index` of the record.
    pub(crate) fn throw(&mut self, index: usize, data: &[u8], reason: String) {
        match self.letters.last_mut() {
            Some((_, _, last)) if self.more > 0 => {
                last.push(b'\n');
                last.extend_from_slice(data);
                self.more += 1;
            }
            _ => self.letters.push((index, reason, data.to_vec())),
        }
        if self.letters.len() == LETTERS_MAX && self.more == 0 {
            self.more = 1;
        }
    }

    pub(crate) fn into_letters(mut self, record: usize) -> impl Iterator<Item = DeadLetter> {
        if let Some((_, reason, _)) = self.letters.last_mut().filter(|_| self.more > 1) {
            *reason =
                format!("{reason} (and {} more lines of the record, of whatever reason)", self.more - 1);
        }
        let arrived_at = self.arrived_at.unwrap_or_else(|| Time::from_ms(0));
        let letters = self.letters.into_iter();
        letters.map(move |(index, reason, data)| DeadLetter { record, index, arrived_at, reason, data })
    }
}

/// The dead letters of one consumer, in the bucket.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    bucket: Archive,
    consumer: &'static str,
}

/// The form of the object.
#[derive(Serialize)]
struct Object<'a> {
    consumer: &'a str,
    shard: &'a str,
    sequence: &'a str,
    index: usize,
    arrived_at: Time,
    reason: &'a str,
    data: String,
}

impl DeadLetters {
    /// Those of `consumer`.
    pub fn new(bucket: Archive, consumer: &'static str) -> Self {
        Self { bucket, consumer }
    }

    /// Writes all dead letters of a batch; writing them again overwrites them.
    ///
    /// # Errors
    /// [`Unwritten`] with the lowest record of those that are not written by `deadline`.
    pub async fn put_all(&self, batch: &Batch, deadline: Instant) -> Result<(), Unwritten> {
        let shard = batch.shard().id();
        // By number: of a closure that takes a reference the compiler cannot tell that its future may be sent.
        let failed: BTreeMap<usize, String> = stream::iter(0..batch.poison().len())
            .map(|at| async move {
                let letter = &batch.poison()[at];
                let put = self.put(shard, batch.sequence(letter.record), letter, deadline).await;
                put.err().map(|reason| (letter.record, reason))
            })
            .buffer_unordered(PUTS_IN_FLIGHT_MAX)
            .filter_map(std::future::ready)
            .collect()
            .await;
        match failed.into_iter().next() {
            Some((record, reason)) => Err(Unwritten { record, reason }),
            None => Ok(()),
        }
    }

    /// Writes one.
    ///
    /// # Errors
    /// The reason when it is not written by `deadline`.
    pub async fn put(
        &self,
        shard: &str,
        sequence: &str,
        letter: &DeadLetter,
        deadline: Instant,
    ) -> Result<(), String> {
        let DeadLetter { index, arrived_at, reason, data, .. } = letter;
        let name = format!("dead-letter/{}/{shard}-{sequence}-{index}.json", self.consumer);
        tracing::warn!(consumer = self.consumer, shard, sequence, index, reason, "dead letter");
        let object = Object {
            consumer: self.consumer,
            shard,
            sequence,
            index: *index,
            arrived_at: *arrived_at,
            reason,
            data: STANDARD.encode(data),
        };
        let json = serde_json::to_vec(&object).map_err(|error| format!("{name}: {error}"))?;
        match timeout_at(deadline, self.bucket.put(&name, json)).await {
            Ok(put) => put.map_err(|error| error.to_string()),
            Err(_) => Err(format!("{name} was not written in time")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_nothing_but_poison_makes_a_bounded_number_of_letters() {
        let check = |lines: usize, expected: usize| {
            let mut bin = Bin::default();
            for index in 0..lines {
                bin.throw(index, b"x", format!("reason {index}"));
            }
            let letters: Vec<_> = bin.into_letters(7).collect();
            assert_eq!(letters.len(), expected, "{lines}");
            let data: usize =
                letters.iter().map(|letter| letter.data.split(|byte| *byte == b'\n').count()).sum();
            assert_eq!(data, lines);
            assert!(letters.iter().enumerate().all(|(at, letter)| letter.index == at && letter.record == 7));
            letters.last().map(|letter| letter.reason.clone()).unwrap_or_default()
        };
        assert_eq!(check(0, 0), "");
        assert_eq!(check(31, 31), "reason 30");
        assert_eq!(check(32, 32), "reason 31");
        assert_eq!(check(33, 32), "reason 31 (and 1 more lines of the record, of whatever reason)");
        assert_eq!(check(1000, 32), "reason 31 (and 968 more lines of the record, of whatever reason)");
    }
}
