//! One life of a log: opened, used by a script that follows from a seed, and left at a moment when its writer rests.
//!
//! The same every time: the writer's thread only works while the script waits for it (see `Script::rest`), and what is
//! to share a frame is queued while the disk holds the writer. The one thing that goes by the machine's clock is the
//! writer's upkeep, once a second. A script that wants it waits for it; another that took so long is
//! [`Stopped::Stalled`].

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use onepixel_stream::{AppendError, Appended, Durability, Key, Offset, Records, Settings, Status, Stream};

use crate::disk::{Faults, SimDisk};
use crate::kernel::{Change, Kernel};
use crate::log::{self, Hand};
use crate::model::{Attempt, Chunk, Item, Promise, Story, Violation, require};
use crate::random::Random;

/// Before this the writer does not look after the log.
const UPKEEP_AFTER: Duration = Duration::from_millis(900);
/// How long the script waits for the writer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A life that ended.
pub struct Life {
    /// What was done and promised.
    pub story: Story,
    /// Every change of the disk.
    pub changes: Vec<Change>,
    /// The disk at the end.
    pub kernel: Kernel,
    /// Damage to any byte is found: the log knows that all of it is durable.
    pub is_proven: bool,
}

/// Why a life has no end to look at.
#[derive(Debug)]
pub enum Stopped {
    /// A promise was broken.
    Violated(Violation),
    /// The machine was too slow; the same again.
    Stalled,
}

impl From<Violation> for Stopped {
    fn from(violation: Violation) -> Self {
        Self::Violated(violation)
    }
}

/// What a life is made of.
pub struct Plan<'a> {
    /// The log's settings.
    pub settings: &'a Settings,
    /// Faults of the disk that last.
    pub faults: Faults,
    /// Whether retention removes something.
    pub retains: bool,
    /// The time, which goes on from life to life.
    pub hand: &'a Hand,
}

struct Script<'a> {
    disk: SimDisk,
    stream: Stream,
    hand: Hand,
    plan: &'a Plan<'a>,
    random: &'a mut Random,
    story: Story,
    /// Keys in the log.
    keys: Vec<Key>,
    /// Records ever made, in this life and before.
    made: &'a mut u32,
    /// The offset after the last record that was taken.
    end: Offset,
    began: Instant,
    is_full: bool,
    had_faults: bool,
    has_failed: bool,
    has_stalled: bool,
}

type Answer = Result<Appended, AppendError>;
type Pending<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// Lives one life on a disk. `story` knows what was there and promised before.
pub async fn live(
    kernel: Kernel,
    mut story: Story,
    plan: &Plan<'_>,
    random: &mut Random,
    made: &mut u32,
) -> Result<Life, Stopped> {
    let (disk, hand) = (SimDisk::new(kernel, plan.faults), plan.hand.clone());
    let (stream, recovered) =
        log::open(&disk, plan.settings, &hand).map_err(|error| format!("cannot open: {error}"))?;
    story.promises.push(Promise { from: disk.changes(), end: recovered.next, power: true });
    let items = story.start.iter().flat_map(|chunk| chunk.iter());
    let keys = items.zip(0..).filter(|(_, offset)| *offset >= recovered.oldest);
    let keys = keys.filter_map(|(item, _)| item.key).collect();
    let mut script = Script {
        disk,
        stream,
        hand,
        plan,
        random,
        story,
        keys,
        made,
        end: recovered.next,
        began: Instant::now(),
        is_full: false,
        had_faults: false,
        has_failed: false,
        has_stalled: false,
    };
    let closed = script.play().await?;
    script.end(closed).await
}

impl Script<'_> {
    /// Plays all steps; true if the log was closed at last.
    async fn play(&mut self) -> Result<bool, Stopped> {
        for _ in 0..2 + self.random.below(12) {
            match self.random.below(12) {
                0..5 => self.append(1).await?,
                5..9 => {
                    let count = 2 + self.random.below(4);
                    self.append(count).await?;
                }
                9 => self.read().await?,
                10 => self.append_with_a_fault().await?,
                _ => self.hand.advance(1 + self.random.below(500) as u64),
            }
            if self.has_failed {
                return Ok(false);
            }
        }
        if self.plan.retains {
            self.retain().await?;
            self.append(1).await?;
        }
        if self.random.one_in(3) {
            self.stream.close().await;
            self.promise(self.end, true);
            return Ok(true);
        }
        Ok(false)
    }

    async fn end(mut self, closed: bool) -> Result<Life, Stopped> {
        self.look_at_the_time(!self.plan.retains);
        let (changes, kernel) = self.disk.freeze();
        self.stream.close().await;
        let durable = self.stream.state().durable;
        let is_proven = !self.had_faults && (closed || durable == self.end);
        if self.has_stalled {
            return Err(Stopped::Stalled);
        }
        Ok(Life { story: self.story, changes, kernel, is_proven })
    }

    /// The writer's upkeep tries whether a full disk has space again. It must not come in between.
    fn look_at_the_time(&mut self, is_to_rest: bool) {
        self.has_stalled |= is_to_rest && self.is_full && self.began.elapsed() > UPKEEP_AFTER;
    }

    fn promise(&mut self, end: Offset, power: bool) {
        self.story.promises.push(Promise { from: self.disk.changes(), end, power });
    }

    /// Appends so many times at once: the first alone, the others in one frame.
    async fn append(&mut self, count: usize) -> Result<(), Stopped> {
        let chunks: Vec<(Records, Chunk, u32)> = (0..count).map(|nth| self.make(nth > 0)).collect();
        let begun = self.disk.changes();
        let hold = if count > 1 { Some(self.random.below(self.changes_of_an_append()) as u32) } else { None };
        let mut expected = Vec::new();
        let stream = self.stream.clone();
        let mut futures: Vec<Pending<'_>> = Vec::new();
        for (records, chunk, duplicates) in chunks {
            expected.push((chunk, duplicates));
            futures.push(Box::pin(stream.append(records)));
        }
        // A refused append is known as one when all are done; until then any of them may be there.
        for (chunk, _) in &expected {
            let attempt = Attempt { chunk: Arc::clone(chunk), begun, done: usize::MAX, refused: false };
            self.story.attempts.push(attempt);
        }
        let mut answers: Vec<Option<Answer>> = futures.iter().map(|_| None).collect();
        if let Some(after) = hold {
            self.queue_together(&mut futures, &mut answers, after).await?;
        }
        join(&mut futures, &mut answers).await;
        drop(futures);
        let answers: Vec<Answer> = answers.into_iter().flatten().collect();
        let stored = expected.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
        let key = stored.flat_map(|((chunk, _), _)| chunk.iter()).find_map(|item| item.key);
        self.settle().await?;
        self.rest(key).await?;
        self.judge(&expected, answers)
    }

    /// How many changes an append takes at least.
    fn changes_of_an_append(&self) -> usize {
        match self.plan.settings.durability {
            // A write, a sync, the mark.
            Durability::Always => 3,
            Durability::Interval(every) if every.is_zero() => 3,
            Durability::Interval(_) => 1,
        }
    }

    /// Starts the first append, holds the writer in it, and queues the others behind it.
    async fn queue_together(
        &mut self,
        futures: &mut [Pending<'_>],
        answers: &mut [Option<Answer>],
        after: u32,
    ) -> Result<(), Violation> {
        self.disk.arm(after);
        poll_once(&mut futures[..1], answers).await;
        require(self.disk.wait_until_held(), || "the writer never came to its change".to_owned())?;
        // What anybody sees now must be durable now.
        let shown = self.stream.reader(0).end();
        self.promise(shown, true);
        let outside = log::seen_from_outside(self.disk.look())?;
        self.promise(outside, true);
        poll_once(futures, answers).await;
        self.disk.let_go();
        Ok(())
    }

    /// Waits until the writer rests: an interval of zero syncs after the answer.
    async fn settle(&mut self) -> Result<(), Violation> {
        if self.plan.settings.durability != Durability::Interval(Duration::ZERO) {
            return Ok(());
        }
        self.until("the writer never synced", |stream| {
            let state = stream.state();
            state.durable == state.written || matches!(state.status, Status::Failed(_))
        })
        .await
    }

    /// Waits until the writer has done what it does after its answers: it takes nothing more before. What it is given
    /// to take is a record that the log has, and so changes nothing.
    async fn rest(&self, key: Option<Key>) -> Result<(), Violation> {
        let Some(key) = key.or_else(|| self.keys.last().copied()) else { return Ok(()) };
        let mut records = Records::new();
        let pushed = records.push(Some(key), |buffer| buffer.extend_from_slice(b"again"));
        debug_assert!(pushed.is_ok(), "small records fit");
        match self.stream.append(records).await {
            Ok(Appended { duplicates: 1, .. }) | Err(_) => Ok(()),
            Ok(appended) => Err(format!("took a record again: {appended:?}")),
        }
    }

    async fn until(&self, otherwise: &str, so: impl Fn(&Stream) -> bool) -> Result<(), Violation> {
        let (began, mut looks) = (Instant::now(), 0_u32);
        while !so(&self.stream) {
            require(began.elapsed() < PATIENCE, || otherwise.to_owned())?;
            looks += 1;
            if looks < 1000 {
                std::thread::yield_now();
            } else {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }

    fn judge(&mut self, expected: &[(Chunk, u32)], answers: Vec<Answer>) -> Result<(), Stopped> {
        let done = self.disk.changes();
        let first = self.story.attempts.len() - expected.len();
        for (nth, ((chunk, duplicates), answer)) in expected.iter().zip(answers).enumerate() {
            let attempt = &mut self.story.attempts[first + nth];
            attempt.done = done;
            match answer {
                Ok(appended) => {
                    self.end += chunk.len() as u64;
                    let right = Appended { end: self.end, duplicates: *duplicates };
                    require(appended == right, || format!("answered {appended:?}, right is {right:?}"))?;
                    self.keys.extend(chunk.iter().filter_map(|item| item.key));
                }
                Err(AppendError::DiskFull | AppendError::NotWritten { .. }) => attempt.refused = true,
                Err(AppendError::Failed { .. }) => self.has_failed = true,
                Err(error) => return Err(format!("answered {error}").into()),
            }
        }
        let state = self.stream.state();
        self.has_failed |= matches!(state.status, Status::Failed(_));
        self.is_full |= state.status == Status::DiskFull;
        self.promise(self.end, self.plan.settings.durability == Durability::Always);
        self.promise(state.durable, true);
        Ok(())
    }

    /// Records that are appended together, those of them that are new, and how many are not.
    fn make(&mut self, may_repeat: bool) -> (Records, Chunk, u32) {
        let (mut records, mut items, mut duplicates) = (Records::new(), Vec::new(), 0);
        for _ in 0..1 + self.random.below(3) {
            let repeated = (may_repeat && !self.keys.is_empty() && self.random.one_in(5))
                .then(|| self.keys[self.random.below(self.keys.len())]);
            let item = self.item(repeated);
            let pushed = records.push(item.key, |buffer| buffer.extend_from_slice(&item.payload));
            debug_assert!(pushed.is_ok(), "small records fit");
            if repeated.is_some() {
                duplicates += 1;
            } else {
                items.push(item);
            }
        }
        (records, Arc::new(items), duplicates)
    }

    fn item(&mut self, repeated: Option<Key>) -> Item {
        *self.made += 1;
        let mut key = [7; 16];
        key[..4].copy_from_slice(&self.made.to_le_bytes());
        let size_max = self.random.pick(&[0, 30, 400, 1500, 3000]);
        let mut payload = self.made.to_le_bytes().to_vec();
        // Zeros are what a sector that was never written holds, too.
        let filler = if self.random.one_in(4) { 0 } else { b'a' + (*self.made % 26) as u8 };
        payload.resize(4 + self.random.below(1 + size_max), filler);
        let has_key = self.random.one_in(2) || self.keys.is_empty();
        let key = repeated.or_else(|| has_key.then_some(key));
        Item { key, payload }
    }

    /// Reads from somewhere to the durable end; what was read must survive from now on.
    async fn read(&mut self) -> Result<(), Stopped> {
        let found = log::read_all(&mut self.stream.reader(0)).await;
        let found = found.map_err(|error| format!("cannot read: {error}"))?;
        let now = self.disk.changes();
        self.story.check(now, crate::kernel::Leaves::Nothing, &found)?;
        self.promise(found.end(), true);
        Ok(())
    }

    async fn append_with_a_fault(&mut self) -> Result<(), Stopped> {
        let kind = self.random.pick(&[ErrorKind::StorageFull, ErrorKind::PermissionDenied]);
        let write = (self.random.below(3) as u32, kind, self.random.below(101) as u8);
        let fault = match self.random.below(5) {
            0 => Faults { sync: true, ..self.plan.faults },
            _ => Faults { write: Some(write), ..self.plan.faults },
        };
        self.had_faults = true;
        self.disk.set_faults(fault);
        self.append(1).await?;
        self.disk.set_faults(self.plan.faults);
        Ok(())
    }

    /// Releases all but the last record and lets them grow old, which the writer's upkeep sees within about a second.
    async fn retain(&mut self) -> Result<(), Violation> {
        let (end, oldest) = (self.end, self.stream.state().oldest);
        let kept = self.newest_segment();
        if self.stream.state().durable != end || kept <= oldest {
            return Ok(());
        }
        self.look_at_the_time(true);
        self.story.released.push((self.disk.changes(), end - 1));
        self.stream.release(end - 1);
        self.hand.advance(u64::try_from(self.plan.settings.retention.as_millis()).unwrap_or(u64::MAX) + 1);
        self.keys.clear();
        self.until("retention never came", |stream| stream.state().oldest == kept).await
    }

    /// The first offset of the newest segment that holds a record.
    fn newest_segment(&self) -> Offset {
        let kernel = self.disk.look();
        let names = kernel.names().filter(|path| path.extension().is_some_and(|it| it == "log"));
        let bases = names.filter_map(|path| path.file_stem()?.to_str()?.parse().ok());
        bases.filter(|base| *base < self.end).max().unwrap_or(0)
    }
}

/// Polls each that has no answer once: its records are queued then.
async fn poll_once(futures: &mut [Pending<'_>], answers: &mut [Option<Answer>]) {
    std::future::poll_fn(|context| {
        poll_all(futures, answers, context);
        Poll::Ready(())
    })
    .await;
}

/// Waits for all of them.
async fn join(futures: &mut [Pending<'_>], answers: &mut [Option<Answer>]) {
    std::future::poll_fn(|context| {
        poll_all(futures, answers, context);
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn poll_all(futures: &mut [Pending<'_>], answers: &mut [Option<Answer>], context: &mut Context<'_>) {
    for (future, answer) in futures.iter_mut().zip(answers) {
        if answer.is_none()
            && let Poll::Ready(value) = future.as_mut().poll(context)
        {
            *answer = Some(value);
        }
    }
}
