//! Lanes: one thread's own way into the log.
//!
//! Plain appends share one inbox and are answered one by one, each by a wake across threads. A lane has an inbox of its
//! own, so that encoding an event takes no lock that another thread wants, and its answers come together: a commit
//! wakes the lane's thread once, and the lane tells everyone who waits from within.
//!
//! When the writer is to commit is the lane's to say. A sync costs the same however many wait for it, so the lane
//! offers what has gathered when its thread has nothing else to do ([`Lane::offer`], from a hook before the thread
//! parks), or when three quarters of those who wait at such moments have come: the rest is taken in while the disk works.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Drain;

use crate::batch::Records;
use crate::inbox::{Inbox, Outcome, Settled};
use crate::stream::Handle;
use crate::{AppendError, Appended};

/// A lane. `W` is whatever its owner needs to answer one append.
///
/// It needs two things from its thread: to run [`Lane::deliver`], without which answers never come, and to call
/// [`Lane::offer`] whenever it has nothing else to do; without that the writer comes by itself within a second.
pub struct Lane<W> {
    handle: Arc<Handle>,
    inbox: Arc<Inbox>,
    waiters: Mutex<VecDeque<W>>,
    /// Appends that wait, committing or gathered.
    waiting: AtomicUsize,
    /// Offered as soon as so many appends have gathered and the writer has nothing to do.
    enough: AtomicUsize,
}

impl<W> Lane<W> {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        let inbox = handle.shared.queue.lane();
        Self {
            handle,
            inbox,
            waiters: Mutex::default(),
            waiting: AtomicUsize::new(0),
            enough: AtomicUsize::new(1),
        }
    }

    /// Appends records, of which there is at least one; [`Lane::deliver`] will tell `waiter`.
    ///
    /// # Errors
    /// [`AppendError::Closed`] and [`AppendError::Overloaded`]; nobody is told then.
    pub fn append(&self, records: &Records, waiter: W) -> Result<(), AppendError> {
        let queue = &self.handle.shared.queue;
        queue.admit(records.bytes())?;
        if let Err(error) = self.inbox.add(records, None, || self.enlist(waiter)) {
            queue.release(records.bytes());
            return Err(error);
        }
        let enough = self.enough.load(Ordering::Relaxed);
        if self.inbox.gathered() >= enough && queue.writer_sleeps() {
            queue.offer(&self.inbox);
        }
        Ok(())
    }

    /// Offers the writer what has gathered. Cheap when that is nothing.
    pub fn offer(&self) {
        if self.inbox.gathered() > 0 {
            self.handle.shared.queue.offer(&self.inbox);
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
            self.inbox.has_settled().await;
            self.claim(&mut settled, &mut told);
            tell(told.drain(..));
        }
    }

    /// Takes what has settled and finds who waits for it. One lock for both, as several may deliver.
    fn claim(&self, settled: &mut Vec<Settled>, told: &mut Vec<(W, Outcome)>) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        self.inbox.swap_settled(settled);
        let most = waiters.len().max(self.waiting.load(Ordering::Relaxed) * 7 / 8);
        self.waiting.store(most, Ordering::Relaxed);
        self.enough.store((most * 3 / 4).max(1), Ordering::Relaxed);
        for Settled { mut frame, start, result } in settled.drain(..) {
            let outcomes = frame.outcomes(start, &result).map(|(_, outcome)| outcome);
            told.extend(outcomes.map_while(|outcome| Some((waiters.pop_front()?, outcome))));
            self.inbox.give_back(frame);
        }
    }

    fn enlist(&self, waiter: W) {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner).push_back(waiter);
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
