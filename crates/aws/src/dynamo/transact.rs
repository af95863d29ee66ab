//! Counting each event once, whatever happens to the answers.
//!
//! One transaction holds the markers of some events, each on condition that it is not there yet, and the sums that those
//! events add to their counters. So an event is in the counters if and only if its marker is in the table. A transaction that is cancelled says for
//! each item why: an event whose marker was there is dropped and the others are summed anew; all else is tried again in another
//! write shard. Whether a lost answer meant yes or no is therefore the same: the next try finds the markers, or counts.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU8, Ordering};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem, Update};
use onepixel_event::EventId;
use tokio::time::Instant;

use super::count::{Cell, Countable, Sum, sum};
use super::keys::{self, EXPIRES, LAST, PK, SK, WRITE_SHARDS};
use super::table::{Backoff, Failed, Table, attributes, failed, number};

/// Items of one transaction: DynamoDB's limit.
pub const ITEMS_MAX: usize = 100;

/// Bytes of one transaction: well below DynamoDB's 4 MB. Keys are at most 3 KiB, so the number of items comes first.
pub const BYTES_MAX: usize = 3 << 20;

/// What an item takes beside its key: attributes, and their names.
const ITEM_BYTES: usize = 1024;

/// Counts events.
#[derive(Debug)]
pub struct Counter {
    table: Table,
    ttl_s: i64,
    /// The write shard of this function's environment, until it meets another one there.
    shard: AtomicU8,
}

/// What was done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Events that were added.
    pub counted: usize,
    /// Events that had been counted before.
    pub known: usize,
    /// Transactions that went through.
    pub transactions: usize,
    /// Items in them.
    pub items: usize,
    /// Transactions that were tried and did not go through.
    pub cancelled: usize,
}

/// Where counting stopped. What is in [`Tally`] is counted for good.
#[derive(Debug)]
pub struct Stopped {
    /// The lowest record of the events that are not counted.
    pub record: usize,
    /// Why.
    pub reason: String,
}

impl Counter {
    /// Counts into `table`, for `ttl_s` seconds.
    pub fn new(table: Table, ttl_s: i64) -> Self {
        Self { table, ttl_s, shard: AtomicU8::new(rand::random_range(0..WRITE_SHARDS)) }
    }

    /// Counts events that may have been counted before, and may be in `events` twice.
    ///
    /// # Errors
    /// [`Stopped`] when not all are counted by `deadline`; those before it are.
    pub async fn count(
        &self,
        events: Vec<Countable>,
        deadline: Instant,
        tally: &mut Tally,
    ) -> Result<(), Stopped> {
        let (events, doubles) = once(events);
        tally.known += doubles;
        let chunks = chunks(events);
        for at in 0..chunks.len() {
            if let Err(failed) = self.count_chunk(chunks[at].clone(), deadline, tally).await {
                let left = chunks[at..].iter().flatten().map(|event| event.record);
                return Err(Stopped { record: left.min().unwrap_or(0), reason: failed.reason });
            }
        }
        Ok(())
    }

    async fn count_chunk(
        &self,
        mut events: Vec<Countable>,
        deadline: Instant,
        tally: &mut Tally,
    ) -> Result<(), Failed> {
        let mut backoff = Backoff::default();
        while !events.is_empty() {
            let items = self.items(&events)?;
            let number = items.len();
            let request = self.table.client().transact_write_items().set_transact_items(Some(items));
            let sent = tokio::time::timeout_at(deadline, request.send()).await;
            let Ok(sent) = sent else {
                return Err(Failed { reason: "the answer did not come in time".to_owned(), passes: true });
            };
            let error = match sent {
                Ok(_) => {
                    tally.counted += events.len();
                    tally.transactions += 1;
                    tally.items += number;
                    return Ok(());
                }
                Err(error) => error,
            };
            tally.cancelled += 1;
            let known = known(&error, events.len());
            tally.known += known.iter().filter(|known| **known).count();
            let mut at = known.iter();
            events.retain(|_| !at.next().copied().unwrap_or(false));
            if is_only_known(&error) {
                continue;
            }
            let failed = failed(&error);
            if !failed.passes {
                return Err(failed);
            }
            self.move_on();
            if !backoff.wait(deadline).await {
                return Err(failed);
            }
        }
        Ok(())
    }

    /// The markers first, in the order of the events.
    fn items(&self, events: &[Countable]) -> Result<Vec<TransactWriteItem>, Failed> {
        let w = self.shard.load(Ordering::Relaxed) % WRITE_SHARDS;
        let markers = events.iter().map(|event| self.marker(event));
        let counters = sum(events).into_iter().map(|(cell, sum)| self.counter(cell, sum, w));
        markers
            .chain(counters)
            .collect::<Result<_, _>>()
            .map_err(|error| Failed { reason: error.to_string(), passes: false })
    }

    fn marker(&self, event: &Countable) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(attributes(keys::marker(event.id), event.marker_expires(self.ttl_s))))
            .condition_expression("attribute_not_exists(pk)")
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn counter(
        &self,
        cell: &Cell,
        sum: Sum,
        w: u8,
    ) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let mut key = attributes(cell.key(w), 0);
        key.retain(|name, _| name == PK || name == SK);
        let mut update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(key))
            .expression_attribute_names("#e", EXPIRES)
            .expression_attribute_values(":e", number(cell.expires(self.ttl_s)));
        let mut set = "SET #e = :e".to_owned();
        if let Some(last_ms) = sum.last_ms {
            set += ", #l = :l";
            update = update
                .expression_attribute_names("#l", LAST)
                .expression_attribute_values(":l", number(last_ms));
        }
        let mut add = Vec::new();
        for (at, (attribute, count)) in sum.counts.into_iter().enumerate() {
            add.push(format!("#{at} :{at}"));
            update = update
                .expression_attribute_names(format!("#{at}"), attribute)
                .expression_attribute_values(format!(":{at}"), number(count));
        }
        let update = update.update_expression(format!("{set} ADD {}", add.join(", "))).build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Takes another write shard: this one is in use.
    fn move_on(&self) {
        let step = rand::random_range(1..WRITE_SHARDS);
        let w = self.shard.load(Ordering::Relaxed);
        self.shard.store((w + step) % WRITE_SHARDS, Ordering::Relaxed);
    }
}

/// The reasons of a cancelled transaction, one for each item.
fn reasons(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

/// Which events were counted before: for each of the first `markers` items, whether its marker was there.
fn known(error: &SdkError<TransactWriteItemsError>, markers: usize) -> Vec<bool> {
    let reasons = reasons(error).unwrap_or_default();
    reasons.iter().take(markers).map(|reason| reason.code() == Some(KNOWN)).collect()
}

/// Only markers have a condition.
const KNOWN: &str = "ConditionalCheckFailed";

/// True when nothing but markers that were there stood in the way.
fn is_only_known(error: &SdkError<TransactWriteItemsError>) -> bool {
    let codes = || reasons(error).unwrap_or_default().iter().filter_map(CancellationReason::code);
    codes().any(|code| code == KNOWN) && codes().all(|code| code == KNOWN || code == "None")
}

/// Each id once, as it came first; and how many others there were.
fn once(mut events: Vec<Countable>) -> (Vec<Countable>, usize) {
    let before = events.len();
    let mut seen: HashSet<EventId> = HashSet::with_capacity(before);
    events.retain(|event| seen.insert(event.id));
    let doubles = before - events.len();
    (events, doubles)
}

/// Cuts events into transactions, each as large as it may be. Neighbours in time and place share counters.
fn chunks(mut events: Vec<Countable>) -> Vec<Vec<Countable>> {
    events.sort_by(|a, b| a.cells().cmp(b.cells()));
    let mut chunks = Vec::new();
    let mut chunk: Vec<Countable> = Vec::new();
    let mut cells: BTreeMap<Cell, ()> = BTreeMap::new();
    let mut bytes = 0;
    for event in events {
        let new = |cells: &BTreeMap<Cell, ()>| -> Vec<Cell> {
            event.cells().iter().filter(|cell| !cells.contains_key(cell)).cloned().collect()
        };
        let mut added = new(&cells);
        let more_bytes = |added: &[Cell]| ITEM_BYTES + added.iter().map(item_bytes).sum::<usize>();
        let items = chunk.len() + cells.len() + 1 + added.len();
        if !chunk.is_empty() && (items > ITEMS_MAX || bytes + more_bytes(&added) > BYTES_MAX) {
            chunks.push(std::mem::take(&mut chunk));
            cells.clear();
            bytes = 0;
            added = new(&cells);
        }
        bytes += more_bytes(&added);
        cells.extend(added.into_iter().map(|cell| (cell, ())));
        chunk.push(event);
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

fn item_bytes(cell: &Cell) -> usize {
    let key = cell.key(0);
    key.pk.len() + key.sk.len() + ITEM_BYTES
}

#[cfg(test)]
#[path = "transact_tests.rs"]
mod tests;
