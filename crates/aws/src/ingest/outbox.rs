//! The way from a hit to Kinesis: lines that wait together go in one call, and each is told when it is stored.
//!
//! Bounded by number and by bytes: who finds no room is told at once. Where Kinesis does not take a line in time it goes
//! into the dead letter, which is durable, too. What even that cannot keep is either given back to whoever waits, who has
//! not answered yet; or, when the answer is out already, kept here and tried again with the next invocation.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use onepixel_event::EventId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::dead_letter::DeadLetters;
use crate::clock::Clock;
use crate::kinesis::{Entry, Failures, Producer, Reason};
use crate::metrics::Counters;
use crate::record::{Packed, Packer};

/// Lines that wait or are on their way: far more than an environment serves at once, so that only an outage fills it.
const LINES_MAX: usize = 4096;
/// Bytes of them; the smallest function has 128 MB.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Calls at the same time. Few, so that lines gather while calls are out; more than one, so that a call that fails delays
/// only its own.
const FLUSHES_MAX: usize = 2;
/// A partition key: 128 random bits, so that records spread over all shards.
const KEY_BYTES: usize = 32;
/// At the end the environment lives for half a second more: so much for what is out,
const OUT_WITHIN: Duration = Duration::from_millis(80);
/// and so much for the rest.
const END_WITHIN: Duration = Duration::from_millis(360);

/// Until when a line may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// By Kinesis.
    pub put_by: Instant,
    /// By the dead letter.
    pub keep_by: Instant,
}

impl Limits {
    /// Of what is left of an invocation, 60 % are for Kinesis; at the end 5 %, or 50 ms, are for the answer.
    pub fn within(left: Duration) -> Self {
        let now = Instant::now();
        let answer = (left / 20).max(Duration::from_millis(50));
        Self { put_by: now + left * 3 / 5, keep_by: now + left.saturating_sub(answer) }
    }

    fn earlier(self, other: Self) -> Self {
        Self { put_by: self.put_by.min(other.put_by), keep_by: self.keep_by.min(other.keep_by) }
    }
}

/// A line to store.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The event's id.
    pub id: EventId,
    /// Its line, without a line end.
    pub line: Vec<u8>,
    /// Until when.
    pub limits: Limits,
    /// It is acknowledged already: never give it back.
    pub acknowledged: bool,
}

/// Why a line is not stored; the text says what failed last.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotStored(pub String);

/// There is no room: everything waits for Kinesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many events wait for Kinesis")]
pub struct Full;

/// Told when a line is stored.
pub type Told = oneshot::Receiver<Result<(), NotStored>>;

/// Where lines are offered; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    sender: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct Waiting {
    offer: Offer,
    told: Option<oneshot::Sender<Result<(), NotStored>>>,
    /// Its bytes; none for a copy at the end.
    _room: Option<OwnedSemaphorePermit>,
}

/// Brings what is offered into Kinesis. Does so only while [`run`](Self::run) is polled.
#[derive(Debug)]
pub struct Flusher {
    receiver: mpsc::Receiver<Waiting>,
    /// Acknowledged lines that could be stored nowhere yet.
    held: Vec<Waiting>,
    /// Copies of the acknowledged lines that are on their way.
    out: HashMap<u64, Vec<Offer>>,
    stores: Arc<Stores>,
}

/// Where lines go, and where it is counted.
pub struct Stores {
    /// First.
    pub producer: Producer,
    /// When that fails.
    pub dead_letters: DeadLetters,
    /// What failed.
    pub counters: Arc<Counters>,
    /// For the counters' time.
    pub clock: Clock,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("producer", &self.producer).finish_non_exhaustive()
    }
}

/// A way into these stores.
pub fn outbox(stores: Stores) -> (Outbox, Flusher) {
    let (sender, receiver) = mpsc::channel(LINES_MAX);
    let room = Arc::new(Semaphore::new(BYTES_MAX));
    let flusher = Flusher { receiver, held: Vec::new(), out: HashMap::new(), stores: Arc::new(stores) };
    (Outbox { sender, room }, flusher)
}

impl Outbox {
    /// Offers a line.
    ///
    /// # Errors
    /// [`Full`]; nothing of it is kept then.
    pub fn offer(&self, offer: Offer) -> Result<Told, Full> {
        let bytes = u32::try_from(offer.line.len()).map_err(|_| Full)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes).map_err(|_| Full)?;
        let (told, answer) = oneshot::channel();
        self.sender.try_send(Waiting { offer, told: Some(told), _room: Some(room) }).map_err(|_| Full)?;
        Ok(answer)
    }
}

impl Flusher {
    /// Stores what is offered until `end`, then whatever is left, in a hurry. Gives the number of acknowledged events
    /// that could be stored nowhere.
    pub async fn run(mut self, end: CancellationToken) -> usize {
        let mut flushes = FuturesUnordered::new();
        let mut number = 0_u64;
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                Some((number, left)) = flushes.next(), if !flushes.is_empty() => self.done(number, left),
                lines = self.receiver.recv_many(&mut batch, LINES_MAX), if flushes.len() < FLUSHES_MAX => {
                    if lines == 0 {
                        break;
                    }
                    batch.append(&mut self.held);
                    number += 1;
                    flushes.push(self.flush(number, batch));
                }
                () = end.cancelled() => break,
            }
        }
        // What is out has limits of its own, which may be later than the end: what it holds is put once more then.
        let out_until = Instant::now() + OUT_WITHIN;
        while let Ok(Some((number, left))) = timeout_at(out_until, flushes.next()).await {
            self.done(number, left);
        }
        drop(flushes);
        self.finish().await
    }

    fn flush(
        &mut self,
        number: u64,
        batch: Vec<Waiting>,
    ) -> impl Future<Output = (u64, Vec<Waiting>)> + use<> {
        let acknowledged = batch.iter().filter(|waiting| waiting.offer.acknowledged);
        let copies: Vec<_> = acknowledged.map(|waiting| waiting.offer.clone()).collect();
        if !copies.is_empty() {
            self.out.insert(number, copies);
        }
        let stores = Arc::clone(&self.stores);
        async move { (number, flush(&stores, batch).await) }
    }

    fn done(&mut self, number: u64, left: Vec<Waiting>) {
        self.out.remove(&number);
        self.held.extend(left);
    }

    async fn finish(mut self) -> usize {
        self.receiver.close();
        let limits = Limits::within(END_WITHIN);
        let mut rest = std::mem::take(&mut self.held);
        while let Ok(waiting) = self.receiver.try_recv() {
            rest.push(waiting);
        }
        rest.iter_mut().for_each(|waiting| waiting.offer.limits = limits);
        let out = std::mem::take(&mut self.out).into_values().flatten();
        rest.extend(out.map(|offer| Waiting { offer: Offer { limits, ..offer }, told: None, _room: None }));
        let lost = flush(&self.stores, rest).await.len();
        self.stores.counters.add("Lost", lost as u64);
        self.stores.counters.write((self.stores.clock)(), "the environment ends");
        lost
    }
}

/// Stores the lines and tells those who wait. Gives back what is acknowledged and could be stored nowhere.
async fn flush(stores: &Stores, batch: Vec<Waiting>) -> Vec<Waiting> {
    let Some(limits) = batch.iter().map(|waiting| waiting.offer.limits).reduce(Limits::earlier) else {
        return batch;
    };
    let mut failures = Failures::default();
    let (entries, mut lines) = pack(batch, &stores.counters);
    let put = stores.producer.put(entries, limits.put_by, &mut failures).await;
    stores.count(&failures);
    let Err(unsent) = put else {
        if !failures.is_empty() {
            stores.counters.write((stores.clock)(), "Kinesis took everything in the end");
        }
        lines.into_values().flatten().for_each(|waiting| tell(waiting, Ok(())));
        return Vec::new();
    };
    let mut left: Vec<Waiting> = Vec::new();
    for entry in &unsent.entries {
        left.extend(lines.remove(&entry.key).unwrap_or_default());
    }
    lines.into_values().flatten().for_each(|waiting| tell(waiting, Ok(())));
    let mut cause = unsent.to_string();
    let kept = stores.dead_letters.keep(left.iter().map(|waiting| &waiting.offer), limits.keep_by).await;
    let left = match kept {
        Ok(()) => {
            stores.counters.add("DeadLettered", left.len() as u64);
            left.into_iter().for_each(|waiting| tell(waiting, Ok(())));
            Vec::new()
        }
        Err(error) => {
            cause = format!("{cause}; {error}");
            give_back(&stores.counters, left, &cause)
        }
    };
    stores.counters.write((stores.clock)(), &cause);
    left
}

/// Tells those who wait that it was in vain; gives back the acknowledged ones.
fn give_back(counters: &Counters, left: Vec<Waiting>, cause: &str) -> Vec<Waiting> {
    let mut held = Vec::new();
    for mut waiting in left {
        let is_acknowledged = waiting.offer.acknowledged;
        counters.add(if is_acknowledged { "Held" } else { "NotStored" }, 1);
        if let Some(told) = waiting.told.take() {
            // Who does not wait any more need not know.
            told.send(Err(NotStored(cause.to_owned()))).ok();
        }
        if is_acknowledged {
            held.push(waiting);
        }
    }
    held
}

fn tell(mut waiting: Waiting, result: Result<(), NotStored>) {
    if let Some(told) = waiting.told.take() {
        // Who does not wait any more need not know.
        told.send(result).ok();
    }
}

/// The records, and by their keys the lines that are in them.
fn pack(batch: Vec<Waiting>, counters: &Counters) -> (Vec<Entry>, HashMap<String, Vec<Waiting>>) {
    let mut packer = Packer::new(KEY_BYTES);
    let mut packed: Vec<(Packed, Vec<Waiting>)> = Vec::new();
    let mut open = Vec::new();
    for waiting in batch {
        match packer.push(&waiting.offer.line) {
            Ok(complete) => {
                packed.extend(complete.map(|complete| (complete, std::mem::take(&mut open))));
                open.push(waiting);
            }
            // The limits of an event keep its line far below a record's. If ever, it is no use to hold it.
            Err(error) => {
                counters.add(if waiting.offer.acknowledged { "Lost" } else { "NotStored" }, 1);
                tell(waiting, Err(NotStored(error.to_string())));
            }
        }
    }
    packed.extend(packer.finish().map(|complete| (complete, open)));
    let keyed = packed.into_iter().map(|(packed, lines)| {
        let key = format!("{:032x}", rand::random::<u128>());
        (Entry { key: key.clone(), packed }, (key, lines))
    });
    keyed.unzip()
}

impl Stores {
    fn count(&self, failures: &Failures) {
        for reason in Reason::ALL {
            self.counters.add(metric(reason), failures.of(reason));
        }
        self.counters.add("PutRetries", failures.retries);
    }
}

/// The metric that counts failures for a reason.
fn metric(reason: Reason) -> &'static str {
    match reason {
        Reason::Throttled => "PutThrottled",
        Reason::Internal => "PutInternal",
        Reason::Timeout => "PutTimeout",
        Reason::Connection => "PutConnection",
        Reason::Unreadable => "PutUnreadable",
        Reason::Refused => "PutRefused",
    }
}
