//! The queue in front of the writer: its inboxes, what it admits, and the bell that wakes it.
//!
//! Bounded by bytes over all inboxes: what does not fit is refused at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::AppendError;
use crate::batch::Records;
use crate::inbox::{Inbox, Outcome, Pending, Settled};

/// Frames that are committed together, and where their outcome goes.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// The frames, each with the lane it came from; none for those of plain handles.
    pub frames: Vec<(Pending, Option<Arc<Inbox>>)>,
    /// Frames of one inbox, on their way.
    taken: Vec<Pending>,
}

/// What the writer is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Commit the group.
    Commit,
    /// Nothing came in time.
    Idle,
    /// Nothing more will come.
    Close,
}

/// The queue.
pub(crate) struct Queue {
    plain: Inbox,
    lanes: Mutex<Vec<Arc<Inbox>>>,
    /// Bytes admitted and not yet answered.
    admitted: AtomicUsize,
    bytes_max: usize,
    bell: Mutex<Bell>,
    rings: Condvar,
    writer_sleeps: AtomicBool,
}

#[derive(Default)]
struct Bell {
    closing: bool,
    closed: bool,
}

impl Queue {
    /// A queue that admits this many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            plain: Inbox::default(),
            lanes: Mutex::default(),
            admitted: AtomicUsize::new(0),
            bytes_max,
            bell: Mutex::default(),
            rings: Condvar::new(),
            writer_sleeps: AtomicBool::new(false),
        }
    }

    /// Lets an append in; the receiver gets its outcome.
    pub(crate) fn push(&self, records: &Records) -> Result<oneshot::Receiver<Outcome>, AppendError> {
        let (answer, outcome) = oneshot::channel();
        self.admit(records.bytes())?;
        if let Err(error) = self.plain.add(records, Some(answer), || ()) {
            self.release(records.bytes());
            return Err(error);
        }
        self.offer(&self.plain);
        Ok(outcome)
    }

    /// An inbox for one lane.
    pub(crate) fn lane(&self) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        // The bell's lock, so that the writer closes this one too or it is closed from the start.
        let bell = lock(&self.bell);
        if bell.closed {
            inbox.close(&mut Vec::new());
        }
        lock(&self.lanes).push(Arc::clone(&inbox));
        inbox
    }

    /// Forgets the lane's inbox, in which nothing waits any more or whose answers nobody wants.
    pub(crate) fn forget(&self, lane: &Arc<Inbox>) {
        let mut left = Vec::new();
        lane.close(&mut left);
        for frame in left {
            self.release(frame.body_bytes());
        }
        lock(&self.lanes).retain(|other| !Arc::ptr_eq(other, lane));
    }

    /// Makes room for so many bytes. One append is let in however large it is, if nothing else waits.
    pub(crate) fn admit(&self, bytes: usize) -> Result<(), AppendError> {
        let before = self.admitted.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before + bytes > self.bytes_max {
            self.release(bytes);
            return Err(AppendError::Overloaded);
        }
        Ok(())
    }

    /// So many bytes were answered.
    pub(crate) fn release(&self, bytes: usize) {
        self.admitted.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The writer is to take what is in the inbox.
    pub(crate) fn offer(&self, inbox: &Inbox) {
        if inbox.make_ready() && self.writer_sleeps.load(Ordering::SeqCst) {
            // Whoever falls asleep holds the lock until it sleeps, so that it cannot miss the bell.
            drop(lock(&self.bell));
            self.rings.notify_one();
        }
    }

    /// Whether the writer has nothing to do.
    pub(crate) fn writer_sleeps(&self) -> bool {
        self.writer_sleeps.load(Ordering::Relaxed)
    }

    /// Waits until somebody offers something or the queue closes, at most this long; true if it was that long. Then what
    /// nobody offered is to be taken, too.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let bell = lock(&self.bell);
        self.writer_sleeps.store(true, Ordering::SeqCst);
        let idle = |bell: &mut Bell| !bell.closing && !self.has_work();
        let waited = self.rings.wait_timeout_while(bell, patience, idle);
        let timed_out = waited.map_or(true, |(_bell, timeout)| timeout.timed_out());
        self.writer_sleeps.store(false, Ordering::SeqCst);
        timed_out
    }

    /// Puts what was offered into the group, or `all` there is.
    pub(crate) fn take(&self, all: bool, group: &mut Group) -> Work {
        let closing = lock(&self.bell).closing;
        self.collect(group, |inbox| all || closing || inbox.is_ready());
        if group.frames.is_empty() && closing {
            self.close_inboxes(group);
            return if group.frames.is_empty() { Work::Close } else { Work::Commit };
        }
        if group.frames.is_empty() { Work::Idle } else { Work::Commit }
    }

    /// Puts what was offered into the group; false when that is nothing.
    pub(crate) fn take_offered(&self, group: &mut Group) -> bool {
        self.collect(group, Inbox::is_ready);
        !group.frames.is_empty()
    }

    /// Lets nothing in any more and refuses what is in: the writer is gone.
    pub(crate) fn abandon(&self) {
        let mut group = Group::default();
        self.close_inboxes(&mut group);
        for (mut frame, lane) in group.frames {
            let result = Err(AppendError::Failed { reason: "the writer stopped".to_owned() });
            match lane {
                Some(lane) => lane.settle(Settled { frame, start: 0, result }),
                // A sender that is dropped says the same.
                None => frame.appends.clear(),
            }
        }
    }

    /// Lets nothing in any more; what is in is committed.
    pub(crate) fn close(&self) {
        lock(&self.bell).closing = true;
        self.rings.notify_one();
    }

    /// Gives back a frame of a plain handle whose appends were answered.
    pub(crate) fn give_back(&self, frame: Pending) {
        self.plain.give_back(frame);
    }

    fn has_work(&self) -> bool {
        self.plain.is_ready() || lock(&self.lanes).iter().any(|lane| lane.is_ready())
    }

    fn collect(&self, group: &mut Group, wanted: impl Fn(&Inbox) -> bool) {
        self.each(group, |inbox, frames| {
            if wanted(inbox) {
                inbox.take(frames);
            }
        });
    }

    fn close_inboxes(&self, group: &mut Group) {
        lock(&self.bell).closed = true;
        self.each(group, Inbox::close);
    }

    /// Puts into the group what `take` moves out of each inbox.
    fn each(&self, group: &mut Group, take: impl Fn(&Inbox, &mut Vec<Pending>)) {
        take(&self.plain, &mut group.taken);
        group.frames.extend(group.taken.drain(..).map(|frame| (frame, None)));
        for lane in lock(&self.lanes).iter() {
            take(lane, &mut group.taken);
            group.frames.extend(group.taken.drain(..).map(|frame| (frame, Some(Arc::clone(lane)))));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(payload_bytes: usize) -> Records {
        let mut records = Records::new();
        records.push(None, |buffer| buffer.resize(buffer.len() + payload_bytes, b'x')).unwrap();
        records
    }

    fn taken(queue: &Queue) -> (Work, usize) {
        let mut group = Group::default();
        let all = queue.wait(Duration::ZERO);
        let work = queue.take(all, &mut group);
        (work, group.frames.len())
    }

    #[test]
    fn admission_counts_bytes_until_they_are_released() {
        let queue = Queue::new(100);
        queue.push(&records(200)).unwrap();
        assert_eq!(queue.push(&records(1)).err(), Some(AppendError::Overloaded));
        assert_eq!(taken(&queue), (Work::Commit, 1));
        assert_eq!(queue.push(&records(1)).err(), Some(AppendError::Overloaded));
        queue.release(records(200).bytes());
        queue.push(&records(50)).unwrap();
        queue.push(&records(30)).unwrap();
        assert_eq!(queue.push(&records(30)).err(), Some(AppendError::Overloaded));
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::new(100);
        queue.push(&records(1)).unwrap();
        queue.close();
        assert_eq!(taken(&queue), (Work::Commit, 1));
        assert_eq!(queue.push(&records(1)).map(drop), Ok(()));
        assert_eq!(taken(&queue), (Work::Commit, 1));
        assert_eq!(taken(&queue), (Work::Close, 0));
        assert_eq!(queue.push(&records(1)).err(), Some(AppendError::Closed));
        let late = queue.lane();
        assert_eq!(late.add(&records(1), None, || ()), Err(AppendError::Closed));
    }

    #[test]
    fn what_a_lane_did_not_offer_is_taken_when_nothing_else_comes() {
        let queue = Queue::new(100);
        let lane = queue.lane();
        lane.add(&records(1), None, || ()).unwrap();
        let mut group = Group::default();
        queue.collect(&mut group, Inbox::is_ready);
        assert!(group.frames.is_empty());
        assert_eq!(taken(&queue), (Work::Commit, 1));
        lane.add(&records(1), None, || ()).unwrap();
        queue.offer(&lane);
        queue.collect(&mut group, Inbox::is_ready);
        assert_eq!(group.frames.len(), 1);
    }
}
