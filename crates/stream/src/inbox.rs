//! Inboxes: where appends gather, already laid out as the frames they will be, until the writer takes them.
//!
//! One belongs to all plain handles, and one to each lane. Its lock is held to add an append and to take all frames,
//! so that threads with lanes of their own never wait for each other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::batch::Records;
use crate::frame::HEADER_BYTES;
use crate::settings::APPEND_BYTES_MAX;
use crate::{AppendError, Appended, Offset};

/// Frames that are kept, emptied, so that their buffers are used again.
const SPARE_FRAMES_MAX: usize = 2;
/// An emptied frame with more room than this is not kept.
const SPARE_BYTES_MAX: usize = 512 * 1024;

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
    /// Whom to tell; a lane knows by itself.
    pub answer: Option<oneshot::Sender<Outcome>>,
}

/// A frame in the making: room for its header, then records.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// The frame's bytes, with all its records.
    pub records: Records,
    /// The appends in it, in order.
    pub appends: Vec<Waiting>,
}

/// A frame of which the outcome is known.
#[derive(Debug)]
pub(crate) struct Settled {
    /// What was in it.
    pub frame: Pending,
    /// The offset of its first record.
    pub start: Offset,
    /// What became of it.
    pub result: Result<(), AppendError>,
}

/// An inbox.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    /// The writer is to take what is there.
    ready: AtomicBool,
    /// Appends in the frames at hand.
    gathered: AtomicUsize,
    settled: Mutex<Vec<Settled>>,
    has_settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Pending>,
    spare: Vec<Pending>,
    closed: bool,
}

impl Inbox {
    /// Adds an append. `after` runs before the writer can take it.
    pub(crate) fn add(
        &self,
        records: &Records,
        answer: Option<oneshot::Sender<Outcome>>,
        after: impl FnOnce(),
    ) -> Result<(), AppendError> {
        let mut state = self.lock();
        if state.closed {
            return Err(AppendError::Closed);
        }
        let frame = state.frame_for(records.bytes());
        frame.records.extend(records);
        let end = frame.records.bytes();
        let (records, keyed) = (records.count, records.keyed);
        frame.appends.push(Waiting { end, records, duplicates: 0, keyed, answer });
        self.gathered.fetch_add(1, Ordering::Relaxed);
        after();
        Ok(())
    }

    /// How many appends have gathered.
    pub(crate) fn gathered(&self) -> usize {
        self.gathered.load(Ordering::Relaxed)
    }

    /// Whether the writer is to take what is there.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    /// The writer is to take what is there; false when it knew.
    pub(crate) fn make_ready(&self) -> bool {
        !self.ready.swap(true, Ordering::SeqCst)
    }

    /// Moves all frames to the end of `frames`.
    pub(crate) fn take(&self, frames: &mut Vec<Pending>) {
        self.ready.store(false, Ordering::SeqCst);
        self.drain(&mut self.lock(), frames);
    }

    /// Moves all frames to the end of `frames` and takes nothing more.
    pub(crate) fn close(&self, frames: &mut Vec<Pending>) {
        let mut state = self.lock();
        state.closed = true;
        self.drain(&mut state, frames);
    }

    fn drain(&self, state: &mut State, frames: &mut Vec<Pending>) {
        frames.extend(state.frames.drain(..));
        self.gathered.store(0, Ordering::Relaxed);
    }

    /// Keeps an emptied frame for its buffers.
    pub(crate) fn give_back(&self, mut frame: Pending) {
        frame.appends.clear();
        frame.records.clear();
        let mut state = self.lock();
        if state.spare.len() < SPARE_FRAMES_MAX && frame.records.bytes.capacity() <= SPARE_BYTES_MAX {
            state.spare.push(frame);
        }
    }

    /// Hands a lane what became of its frame. What it has gathered since it will offer anew: it has work now.
    pub(crate) fn settle(&self, settled: Settled) {
        self.ready.store(false, Ordering::SeqCst);
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).push(settled);
        self.has_settled.notify_one();
    }

    /// Lets whoever waits for what settles look at what has gathered.
    pub(crate) fn nudge(&self) {
        self.has_settled.notify_one();
    }

    /// Waits until frames have settled, or something has gathered.
    pub(crate) async fn has_settled(&self) {
        self.has_settled.notified().await;
    }

    /// Swaps what has settled for an empty list.
    pub(crate) fn swap_settled(&self, settled: &mut Vec<Settled>) {
        std::mem::swap(&mut *self.settled.lock().unwrap_or_else(PoisonError::into_inner), settled);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The last frame if this many bytes fit, else a new one.
    fn frame_for(&mut self, bytes: usize) -> &mut Pending {
        let fits = self.frames.back().is_some_and(|frame| frame.body_bytes() + bytes <= APPEND_BYTES_MAX);
        if !fits {
            let mut frame = self.spare.pop().unwrap_or_default();
            frame.records.bytes.resize(HEADER_BYTES, 0);
            self.frames.push_back(frame);
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }
}

impl Pending {
    /// Bytes of its records.
    pub(crate) fn body_bytes(&self) -> usize {
        self.records.bytes() - HEADER_BYTES
    }

    /// Tells everybody the frame's outcome; each append's `answer` is taken.
    pub(crate) fn outcomes(
        &mut self,
        start: Offset,
        result: &Result<(), AppendError>,
    ) -> impl Iterator<Item = (Option<oneshot::Sender<Outcome>>, Outcome)> {
        let mut end = start;
        self.appends.drain(..).map(move |append| {
            end += u64::from(append.records - append.duplicates);
            let outcome = result.clone().map(|()| Appended { end, duplicates: append.duplicates });
            (append.answer, outcome)
        })
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

    fn taken(inbox: &Inbox) -> Vec<usize> {
        let mut frames = Vec::new();
        inbox.take(&mut frames);
        frames.iter().map(|frame| frame.appends.len()).collect()
    }

    #[test]
    fn appends_share_a_frame_until_it_is_full() {
        let inbox = Inbox::default();
        let large = records(900_000);
        for _ in 0..5 {
            inbox.add(&large, None, || ()).unwrap();
        }
        assert_eq!(inbox.gathered(), 5);
        assert_eq!(taken(&inbox), [4, 1]);
        assert_eq!((taken(&inbox).len(), inbox.gathered()), (0, 0));
    }

    #[test]
    fn what_has_a_key_is_known_for_each_append_and_for_the_frame() {
        let inbox = Inbox::default();
        for key in [None, Some([1; 16]), None] {
            let mut records = Records::new();
            records.push(key, |buffer| buffer.push(b'x')).unwrap();
            inbox.add(&records, None, || ()).unwrap();
        }
        let mut frames = Vec::new();
        inbox.take(&mut frames);
        let keyed: Vec<bool> = frames[0].appends.iter().map(|append| append.keyed).collect();
        assert_eq!((keyed.as_slice(), frames[0].records.keyed), (&[false, true, false][..], true));
    }

    #[test]
    fn a_closed_inbox_takes_nothing_more() {
        let inbox = Inbox::default();
        inbox.add(&records(1), None, || ()).unwrap();
        let mut frames = Vec::new();
        inbox.close(&mut frames);
        assert_eq!(frames.len(), 1);
        assert_eq!(inbox.add(&records(1), None, || ()), Err(AppendError::Closed));
    }
}
