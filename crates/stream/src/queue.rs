//! The queue in front of the writer: appends wait here, already laid out as the frames they will be.
//!
//! One lock, held to copy an append's bytes. Bounded by bytes: what does not fit is refused at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::batch::Records;
use crate::courier::Courier;
use crate::frame::HEADER_BYTES;
use crate::settings::APPEND_BYTES_MAX;
use crate::{AppendError, Appended};

/// Patient appends in one frame for which the writer is woken all the same: a commit of this many is cheap enough.
const PATIENT_APPENDS_MAX: usize = 256;
/// Bytes in one frame for which the writer is woken all the same.
const PATIENT_BYTES_MAX: usize = 256 * 1024;

/// What an append is told.
pub(crate) type Outcome = Result<Appended, AppendError>;

/// An append that waits for its commit.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Where its records end, in bytes of the frame.
    pub end: usize,
    /// How many records it has.
    pub records: u32,
    /// How many of them were there already.
    pub duplicates: u32,
    /// Whether any of them has a key.
    pub keyed: bool,
    /// Whom to tell.
    pub answer: oneshot::Sender<Outcome>,
    /// Who brings the answer, if the writer does not.
    pub courier: Option<Arc<Courier>>,
}

/// A frame in the making: room for its header, then records.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// The frame's bytes.
    pub bytes: Vec<u8>,
    /// The appends in it, in order.
    pub appends: Vec<Waiting>,
    /// Whether any of its records has a key.
    pub keyed: bool,
    /// Bytes it was admitted with.
    admitted: usize,
}

/// What the writer is to do next.
pub(crate) enum Work {
    /// Commit this frame.
    Commit(Pending),
    /// Nothing came in time.
    Idle,
    /// Nothing more will come.
    Close,
}

/// The queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    bytes_max: usize,
    /// A patient append may be waiting for somebody to wake the writer.
    held: AtomicBool,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Pending>,
    /// An emptied frame whose buffers are used again.
    spare: Option<Pending>,
    /// Bytes admitted and not yet answered.
    bytes: usize,
    writer_sleeps: bool,
    closing: bool,
}

impl Queue {
    /// A queue that admits this many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), bytes_max, held: AtomicBool::new(false) }
    }

    /// Lets an append in; the receiver gets its outcome. One with a `courier`, which brings its answer, is patient: it
    /// leaves a sleeping writer asleep until [`Queue::wake`], or until enough has come together.
    pub(crate) fn push(
        &self,
        records: &Records,
        courier: Option<&Arc<Courier>>,
    ) -> Result<oneshot::Receiver<Outcome>, AppendError> {
        let (answer, outcome) = oneshot::channel();
        let mut state = self.lock();
        if state.closing {
            return Err(AppendError::Closed);
        }
        let bytes = records.bytes.len();
        if state.bytes > 0 && state.bytes + bytes > self.bytes_max {
            return Err(AppendError::Overloaded);
        }
        state.bytes += bytes;
        let frame = state.frame_for(bytes);
        frame.add(records, answer, courier.cloned());
        let is_enough = frame.appends.len() >= PATIENT_APPENDS_MAX || frame.bytes.len() >= PATIENT_BYTES_MAX;
        if courier.is_some() && !is_enough {
            self.held.store(true, Ordering::Relaxed);
        } else if std::mem::take(&mut state.writer_sleeps) {
            drop(state);
            self.work.notify_one();
        }
        Ok(outcome)
    }

    /// Wakes the writer for appends that were patient. Cheap when there are none.
    pub(crate) fn wake(&self) {
        if self.held.load(Ordering::Relaxed) && self.held.swap(false, Ordering::Relaxed) {
            let wakes = std::mem::take(&mut self.lock().writer_sleeps);
            if wakes {
                self.work.notify_one();
            }
        }
    }

    /// Waits for work, at most this long.
    pub(crate) fn take(&self, patience: Duration) -> Work {
        let mut state = self.lock();
        if state.frames.is_empty() && !state.closing {
            state.writer_sleeps = true;
            let idle = |state: &mut State| state.frames.is_empty() && !state.closing;
            let waited = self.work.wait_timeout_while(state, patience, idle);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.writer_sleeps = false;
        }
        match state.frames.pop_front() {
            Some(frame) => Work::Commit(frame),
            None if state.closing => Work::Close,
            None => Work::Idle,
        }
    }

    /// Gives a frame back whose appends were answered.
    pub(crate) fn give_back(&self, mut frame: Pending) {
        let admitted = std::mem::take(&mut frame.admitted);
        frame.bytes.clear();
        frame.appends.clear();
        frame.keyed = false;
        let mut state = self.lock();
        state.bytes -= admitted;
        state.spare = Some(frame);
    }

    /// Lets nothing in any more and drops what is in: the writer is gone, nobody would answer.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.closing = true;
        state.frames.clear();
    }

    /// Lets nothing in any more; what is in is committed.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn frame_for(&mut self, bytes: usize) -> &mut Pending {
        let fits = self.frames.back().is_some_and(|frame| frame.body_bytes() + bytes <= APPEND_BYTES_MAX);
        if !fits {
            let mut frame = self.spare.take().unwrap_or_default();
            frame.bytes.resize(HEADER_BYTES, 0);
            self.frames.push_back(frame);
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }
}

impl Pending {
    /// Bytes of its records.
    pub(crate) fn body_bytes(&self) -> usize {
        self.bytes.len() - HEADER_BYTES
    }

    fn add(&mut self, records: &Records, answer: oneshot::Sender<Outcome>, courier: Option<Arc<Courier>>) {
        self.bytes.extend_from_slice(&records.bytes);
        self.admitted += records.bytes.len();
        self.keyed |= records.keyed;
        let end = self.bytes.len();
        let (records, keyed) = (records.count, records.keyed);
        self.appends.push(Waiting { end, records, duplicates: 0, keyed, answer, courier });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(payload_bytes: usize) -> Records {
        let mut records = Records::new();
        records.push(None, |buffer| buffer.resize(buffer.len() + payload_bytes, b'x')).unwrap();
        records
    }

    fn taken(queue: &Queue) -> Option<Pending> {
        match queue.take(Duration::ZERO) {
            Work::Commit(frame) => Some(frame),
            Work::Idle | Work::Close => None,
        }
    }

    #[test]
    fn appends_share_a_frame_until_it_is_full() {
        let queue = Queue::new(usize::MAX);
        let large = records(900_000);
        for _ in 0..5 {
            queue.push(&large, None).unwrap();
        }
        assert_eq!(taken(&queue).unwrap().appends.len(), 4);
        assert_eq!(taken(&queue).unwrap().appends.len(), 1);
        assert!(taken(&queue).is_none());
    }

    #[test]
    fn admission_counts_bytes_until_they_are_given_back() {
        let queue = Queue::new(100);
        queue.push(&records(200), None).unwrap();
        assert_eq!(queue.push(&records(1), None).err(), Some(AppendError::Overloaded));
        let frame = taken(&queue).unwrap();
        assert_eq!(queue.push(&records(1), None).err(), Some(AppendError::Overloaded));
        queue.give_back(frame);
        queue.push(&records(50), None).unwrap();
        queue.push(&records(30), None).unwrap();
        assert_eq!(queue.push(&records(30), None).err(), Some(AppendError::Overloaded));
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::new(100);
        queue.push(&records(1), None).unwrap();
        queue.close();
        assert_eq!(queue.push(&records(1), None).err(), Some(AppendError::Closed));
        assert!(taken(&queue).is_some());
        assert!(matches!(queue.take(Duration::from_secs(60)), Work::Close));
    }
}
