//! Lanes: one thread's own way into the log.
//!
//! Plain appends share one inbox and are answered one by one, each by a wake across threads. A lane has an inbox of its
//! own, so that encoding an event takes no lock that another thread wants, and its answers come together: a commit
//! wakes the lane's thread once, and the lane tells everyone who waits from within.
//!
//! When to commit is the lane's to say. A sync costs the same however many wait for it, so a lane that has answered many
//! waits a little for as many to come again. When its thread has nothing else to do ([`Lane::rest`]) it commits what has
//! gathered, if that is three quarters of those who are about, or if it has waited for about as long as the last commit
//! and its answers took; after a millisecond in any case. About are those who were answered last, and those who came since
//! and were answered shortly before: counting both keeps clients from falling into groups that take turns. Where one is
//! about, three quarters of one are one: nobody waits for anybody.
//!
//! Who commits depends on the disk. If it syncs in less than a millisecond, the lane's thread does so itself: it has
//! nothing else to do, and handing over to the writer's thread and back costs more processor than the sync. Else, or when
//! the writer is at work for another lane, or when so much has gathered that the thread should go on taking more
//! meanwhile, the writer's thread does.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::vec::Drain;

use crate::batch::Records;
use crate::inbox::{Inbox, Outcome, Settled};
use crate::stream::Handle;
use crate::{AppendError, Appended};

/// A lane. `W` is whatever its owner needs to answer one append.
///
/// It needs two things from its thread: to run [`Lane::deliver`], without which answers never come, and to call
/// [`Lane::rest`] whenever it has nothing else to do, from a place that may block as long as a sync takes; without that
/// appends wait for a millisecond.
pub struct Lane<W> {
    handle: Arc<Handle>,
    inbox: Arc<Inbox>,
    waiters: Mutex<Waiters<W>>,
    /// Counts the commits.
    round: AtomicU32,
    /// How many were answered last.
    answered: AtomicUsize,
    /// How many of those who have gathered were not among them, but answered shortly before.
    others: AtomicUsize,
    /// Somebody says when the thread has nothing else to do.
    rests: AtomicBool,
}

/// So many appends are written by the writer's thread while this one takes more.
const MANY: usize = 256;

/// After so long what has gathered is offered in any case. The timer's own step.
const WAIT_MAX: Duration = Duration::from_millis(1);

struct Waiters<W> {
    all: VecDeque<W>,
    /// When the first of those that have gathered came, or when the last answers were out.
    since: Instant,
    /// When the last commit began.
    offered: Instant,
    /// A timer runs for what has gathered.
    timed: bool,
    /// How long the last commit and its answers took.
    patience: Duration,
}

impl<W> Lane<W> {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        let inbox = handle.shared.queue.lane();
        Self {
            handle,
            inbox,
            waiters: Mutex::new(Waiters::new()),
            round: AtomicU32::new(1),
            answered: AtomicUsize::new(0),
            others: AtomicUsize::new(0),
            rests: AtomicBool::new(false),
        }
    }

    /// Which commit is being gathered for: for [`Lane::append`], to know who comes again.
    pub fn round(&self) -> u32 {
        self.round.load(Ordering::Relaxed)
    }

    /// Appends records, of which there is at least one; [`Lane::deliver`] will tell `waiter`. `before` is the
    /// [round](Lane::round) in which the same client appended last, if there was one.
    ///
    /// # Errors
    /// [`AppendError::Closed`] and [`AppendError::Overloaded`]; nobody is told then.
    pub fn append(&self, records: &Records, waiter: W, before: Option<u32>) -> Result<(), AppendError> {
        let queue = &self.handle.shared.queue;
        queue.admit(records.bytes())?;
        if let Err(error) = self.inbox.add(records, None, || self.waiters().all.push_back(waiter)) {
            queue.release(records.bytes());
            return Err(error);
        }
        // In the round before it was answered last; in the two before that it belongs to another group.
        let away = before.map_or(0, |before| self.round().wrapping_sub(before));
        if (2..=3).contains(&away) {
            self.others.fetch_add(1, Ordering::Relaxed);
        }
        let gathered = self.inbox.gathered();
        if gathered == 1 {
            // The time to wait begins.
            self.waiters().since = Instant::now();
        }
        let rests = self.rests.load(Ordering::Relaxed);
        let many = if rests && self.handle.is_quick() { MANY } else { self.enough() };
        if gathered >= many && queue.writer_sleeps() {
            self.offer(&mut self.waiters());
        } else if gathered == 1 && !rests {
            self.inbox.nudge();
        }
        Ok(())
    }

    /// The thread has nothing else to do: commits what has gathered, if that has waited long enough. Cheap when it is
    /// nothing.
    pub fn rest(&self) {
        self.rests.store(true, Ordering::Relaxed);
        let gathered = self.inbox.gathered();
        if gathered == 0 || self.inbox.is_ready() {
            return;
        }
        let mut waiters = self.waiters();
        let is_enough = gathered >= self.enough();
        if is_enough || waiters.since.elapsed() >= waiters.patience {
            waiters.begin();
            drop(waiters);
            if !self.handle.commit_here(&self.inbox) {
                self.handle.shared.queue.offer(&self.inbox);
            }
        } else if !std::mem::replace(&mut waiters.timed, true) {
            self.inbox.nudge();
        }
    }

    /// Gives `tell` those who wait, each with what became of the append, in order and all of a moment together, for ever.
    /// Loses nothing when dropped and run again.
    pub async fn deliver(
        &self,
        mut tell: impl FnMut(Drain<'_, (W, Result<Appended, AppendError>)>),
    ) -> Infallible {
        let mut settled = Vec::new();
        let mut told = Vec::new();
        loop {
            if self.inbox.gathered() == 0 {
                self.inbox.has_settled().await;
            } else if tokio::time::timeout(WAIT_MAX, self.inbox.has_settled()).await.is_err() {
                self.give_in();
                continue;
            }
            self.claim(&mut settled, &mut told);
            if !told.is_empty() {
                tell(told.drain(..));
                self.waiters().answered();
            }
        }
    }

    /// Fewer came than were waited for.
    fn give_in(&self) {
        let mut waiters = self.waiters();
        let gathered = self.inbox.gathered();
        if gathered > 0 && !self.inbox.is_ready() {
            self.offer(&mut waiters);
        }
    }

    /// Takes what has settled and finds who waits for it. One lock for both, as several may deliver.
    fn claim(&self, settled: &mut Vec<Settled>, told: &mut Vec<(W, Outcome)>) {
        let mut waiters = self.waiters();
        self.inbox.swap_settled(settled);
        if settled.is_empty() {
            return;
        }
        let answered = settled.iter().map(|settled| settled.frame.appends.len()).sum();
        self.answered.store(answered, Ordering::Relaxed);
        self.others.store(0, Ordering::Relaxed);
        self.round.fetch_add(1, Ordering::Relaxed);
        for Settled { mut frame, start, result } in settled.drain(..) {
            let outcomes = frame.outcomes(start, &result).map(|(_, outcome)| outcome);
            told.extend(outcomes.map_while(|outcome| Some((waiters.all.pop_front()?, outcome))));
            self.inbox.give_back(frame);
        }
    }

    /// So many appends are worth a commit.
    fn enough(&self) -> usize {
        let about = self.answered.load(Ordering::Relaxed) + self.others.load(Ordering::Relaxed);
        (about * 3 / 4).max(1)
    }

    fn offer(&self, waiters: &mut Waiters<W>) {
        waiters.begin();
        self.handle.shared.queue.offer(&self.inbox);
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters<W>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Waiters<W> {
    fn new() -> Self {
        let now = Instant::now();
        Self { all: VecDeque::new(), since: now, offered: now, timed: false, patience: Duration::ZERO }
    }

    fn begin(&mut self) {
        self.offered = Instant::now();
        self.timed = false;
    }

    fn answered(&mut self) {
        self.since = Instant::now();
        self.patience = (2 * (self.since - self.offered)).min(WAIT_MAX);
    }
}

impl<W> Drop for Lane<W> {
    fn drop(&mut self) {
        self.handle.shared.queue.forget(&self.inbox);
    }
}

impl<W> std::fmt::Debug for Lane<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}
