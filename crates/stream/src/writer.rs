//! The writer: whoever holds it appends, and nobody else.
//!
//! Takes all that is queued, writes each frame, syncs once, then answers every caller. Promises that an answered
//! append survives a crash ([`Durability::Always`]), and that a key which was stored is not stored again. After a
//! failed sync it takes nothing more: a sync that is tried again may succeed without having written.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::DiskFile;
use crate::frame::HEADER_BYTES;
use crate::inbox::{Inbox, Pending, Settled};
use crate::keys::KeyIndex;
use crate::log::{Log, WriteError};
use crate::queue::{Group, Work};
use crate::retention::Retention;
use crate::settings::{Durability, KEYS_MAX};
use crate::state::Shared;
use crate::{AppendError, Key, Offset, OpenError, Settings, record, sidecar};

/// How often the writer looks after the log when nothing is appended.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// Commits that take less than this may be made by any thread that waits for one anyway.
const QUICK: Duration = Duration::from_millis(1);

/// Why a log without its folder fails.
const FOLDER_GONE: &str = "its folder was moved or deleted while it was open";

/// The writer. It has a thread of its own, and lends itself to a lane's thread that has nothing else to do.
pub(crate) struct Writer {
    log: Log,
    shared: Arc<Shared>,
    keys: KeyIndex,
    /// Keys of the frame at hand that were not there before.
    fresh: Vec<Key>,
    durability: Durability,
    retention: Retention,
    synced: Instant,
    kept_up: Instant,
    /// Frames that share a sync.
    group: Group,
    /// What became of each of them.
    written: Vec<Written>,
    /// Bytes of the write for which there was no space.
    missing_bytes: usize,
    /// Bytes of the frames that were just written.
    committed_bytes: u64,
    segment_bytes: u64,
    /// How long commits take.
    took: Duration,
}

impl Writer {
    /// A writer on a log that was just opened.
    pub(crate) fn new(
        log: Log,
        shared: Arc<Shared>,
        keys: KeyIndex,
        settings: &Settings,
        retention: Retention,
    ) -> Self {
        let now = Instant::now();
        Self {
            log,
            shared,
            keys,
            fresh: Vec::new(),
            durability: settings.durability,
            retention,
            synced: now,
            kept_up: now,
            group: Group::default(),
            written: Vec::new(),
            missing_bytes: 0,
            committed_bytes: 0,
            segment_bytes: settings.segment_bytes,
            took: QUICK,
        }
    }

    fn patience(&self) -> Duration {
        if self.shared.failure().is_some() {
            // Nothing is left to do but to refuse.
            return UPKEEP_EVERY;
        }
        let upkeep = UPKEEP_EVERY.saturating_sub(self.kept_up.elapsed());
        match self.durability {
            Durability::Interval(every) if self.log.durable() < self.log.written() => {
                upkeep.min(every.saturating_sub(self.synced.elapsed()))
            }
            _ => upkeep,
        }
    }

    /// Commits what was offered, or `all` there is, and sees to what is due. False when nothing more will come.
    pub(crate) fn work(&mut self, all: bool) -> bool {
        let work = self.shared.queue.take(all, &mut self.group);
        if work == Work::Commit {
            self.commit();
        }
        self.sync_if_due();
        self.keep_up();
        work != Work::Close
    }

    /// Commits what was offered.
    pub(crate) fn commit_offered(&mut self) {
        if self.shared.queue.take_offered(&mut self.group) {
            self.commit();
        }
    }

    /// Remembers how long commits take: a quarter of the last one, three of those before.
    fn is_quick(&mut self, took: Duration) {
        self.took = (self.took * 3 + took) / 4;
        self.shared.is_quick.store(self.took < QUICK, Ordering::Relaxed);
    }

    /// Writes the group's frames, syncs once, and tells everybody in them what became of their appends.
    fn commit(&mut self) {
        let began = Instant::now();
        let mut group = std::mem::take(&mut self.group);
        let mut written = std::mem::take(&mut self.written);
        written.extend(group.frames.iter_mut().map(|(frame, _)| self.write(frame)));
        if written.iter().any(|written| written.result.is_ok())
            && let Err(error) = self.sync_if_always()
        {
            let refused = self.refuse(error);
            written.iter_mut().for_each(|written| written.result = Err(refused.clone()));
        }
        self.shared.publish(&self.log);
        for ((frame, lane), written) in group.frames.drain(..).zip(written.drain(..)) {
            self.answer(frame, lane, written);
        }
        (self.group, self.written) = (group, written);
        self.is_quick(began.elapsed());
        self.prepare();
    }

    /// Goes on preparing the next segment, now that everybody is answered.
    fn prepare(&mut self) {
        let committed_bytes = std::mem::take(&mut self.committed_bytes);
        if committed_bytes > 0 && self.shared.space.is_ample(2 * self.segment_bytes) {
            self.shared.space.spend(self.log.prepare(committed_bytes));
        }
    }

    fn answer(&self, mut frame: Pending, lane: Option<Arc<Inbox>>, written: Written) {
        let Written { admitted, start, result } = written;
        self.shared.queue.release(admitted);
        match lane {
            Some(lane) => lane.settle(Settled { frame, start, result }),
            None => {
                for (answer, outcome) in frame.outcomes(start, &result) {
                    // Nobody waits any more: the records are stored all the same.
                    drop(answer.map(|answer| answer.send(outcome)));
                }
                self.shared.queue.give_back(frame);
            }
        }
    }

    fn write(&mut self, frame: &mut Pending) -> Written {
        let (admitted, start) = (frame.body_bytes(), self.log.written());
        Written { admitted, start, result: self.store(frame) }
    }

    fn store(&mut self, frame: &mut Pending) -> Result<(), AppendError> {
        if let Some(reason) = self.shared.failure() {
            return Err(AppendError::Failed { reason });
        }
        if self.shared.space.is_gone() {
            return Err(self.refuse(WriteError::Fatal(FOLDER_GONE.to_owned())));
        }
        if self.shared.space.is_low() {
            return Err(AppendError::DiskFull);
        }
        self.drop_repeated(frame);
        let records = frame.appends.iter().map(|append| append.records - append.duplicates).sum::<u32>();
        if records == 0 {
            return Ok(());
        }
        let bytes = &mut frame.records.bytes;
        match self.log.write(bytes, records, &self.fresh) {
            Ok(header) => {
                if self.shared.published.receiver_count() > 0 {
                    self.shared.recent.keep(header, &bytes[HEADER_BYTES..]);
                } else {
                    self.shared.recent.clear();
                }
                self.committed_bytes += bytes.len() as u64;
                self.shared.space.spend(bytes.len() as u64);
                self.shared.exhausted.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.keys.take_back(self.fresh.len());
                self.missing_bytes = bytes.len();
                Err(self.refuse(error))
            }
        }
    }

    /// Takes records out of the frame whose key is known, and moves the others together.
    fn drop_repeated(&mut self, frame: &mut Pending) {
        self.fresh.clear();
        if !frame.records.keyed {
            return;
        }
        let (mut from, mut to) = (crate::frame::HEADER_BYTES, crate::frame::HEADER_BYTES);
        for append in &mut frame.appends {
            while from < append.end {
                let plain = !append.keyed;
                let parts = if plain { None } else { record::parts(&frame.records.bytes, from) };
                let end = parts.map_or(append.end, |parts| parts.end);
                let repeated = match parts.and_then(|parts| parts.key) {
                    Some(key) if self.keys.insert(key) => {
                        self.fresh.push(key);
                        false
                    }
                    Some(_) => true,
                    None => false,
                };
                if repeated {
                    append.duplicates += 1;
                } else {
                    if from != to {
                        frame.records.bytes.copy_within(from..end, to);
                    }
                    to += end - from;
                }
                from = end;
            }
        }
        frame.records.bytes.truncate(to);
    }

    fn sync_if_always(&mut self) -> Result<(), WriteError> {
        match self.durability {
            Durability::Always => self.log.sync(),
            Durability::Interval(_) => Ok(()),
        }
    }

    fn sync_if_due(&mut self) {
        let Durability::Interval(every) = self.durability else { return };
        if self.log.durable() == self.log.written() {
            // Nothing can be lost: the time within which to sync has not begun.
            self.synced = Instant::now();
        } else if self.synced.elapsed() >= every && self.shared.failure().is_none() {
            self.sync_now();
        }
    }

    fn sync_now(&mut self) {
        self.synced = Instant::now();
        if let Err(error) = self.log.sync() {
            // The log has failed, and says so to everybody who asks.
            drop(self.refuse(error));
        }
        self.shared.publish(&self.log);
    }

    /// Remembers what the error means for the appends to come, and says it to this one.
    fn refuse(&mut self, error: WriteError) -> AppendError {
        match error {
            WriteError::Full => {
                self.shared.exhausted.store(true, Ordering::Relaxed);
                AppendError::DiskFull
            }
            WriteError::Refused(reason) => AppendError::NotWritten { reason },
            WriteError::Fatal(reason) => {
                tracing::error!(%reason, "the log has failed and takes nothing more; check the disk and restart");
                self.shared.fail(&reason);
                AppendError::Failed { reason }
            }
        }
    }

    /// What has to be done now and then: retention, and trying whether a full disk has space again.
    fn keep_up(&mut self) {
        if self.kept_up.elapsed() < UPKEEP_EVERY || self.shared.failure().is_some() {
            return;
        }
        self.kept_up = Instant::now();
        if self.shared.space.is_gone() {
            drop(self.refuse(WriteError::Fatal(FOLDER_GONE.to_owned())));
            return;
        }
        if let Err(error) = self.retention.apply(&mut self.log, &self.shared) {
            drop(self.refuse(error));
        }
        if self.shared.exhausted.load(Ordering::Relaxed) {
            match self.log.probe(self.missing_bytes) {
                Ok(()) => self.shared.exhausted.store(false, Ordering::Relaxed),
                Err(error) => drop(self.refuse(error)),
            }
        }
        self.shared.publish(&self.log);
    }

    /// Makes durable what was written, for the end.
    fn finish(&mut self) {
        if self.shared.failure().is_none() {
            self.sync_now();
        }
        if self.shared.failure().is_none()
            && let Err(error) = self.log.mark_clean()
        {
            tracing::warn!(%error, "cannot leave the mark of an orderly shutdown; the next start checks as after a crash");
        }
    }
}

/// What became of a frame.
struct Written {
    /// Bytes it was admitted with.
    admitted: usize,
    /// The offset of its first record.
    start: Offset,
    result: Result<(), AppendError>,
}

/// The writer's thread: works until the queue is closed and empty, then lets go of the folder's lock and says so.
pub(crate) fn run(shared: Arc<Shared>, writer: &Mutex<Option<Writer>>, lock: Box<dyn DiskFile>) {
    let closed = Closed(Arc::clone(&shared));
    let lock = lock;
    let mut patience = Duration::ZERO;
    loop {
        let all = shared.queue.wait(patience);
        let mut held = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at_work) = held.as_mut() else { break };
        if !at_work.work(all) {
            at_work.finish();
            *held = None;
            break;
        }
        patience = at_work.patience();
    }
    drop(lock);
    drop(closed);
}

/// Tells readers that the writer has stopped, however it did.
struct Closed(Arc<Shared>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.queue.abandon();
        self.0.published.send_modify(|published| published.closed = true);
    }
}

/// Fills the index with the newest keys that the log holds.
pub(crate) fn load_keys(
    disk: &dyn crate::Disk,
    settings: &Settings,
    log: &Log,
) -> Result<KeyIndex, OpenError> {
    let mut index = KeyIndex::new(KEYS_MAX);
    let mut wanted = KEYS_MAX.saturating_sub(log.active_keys().len());
    let mut newest = Vec::new();
    for sealed in log.sealed().iter().rev().filter(|sealed| sealed.keys > 0) {
        if wanted == 0 {
            break;
        }
        let keys = sidecar::load(disk, &settings.dir, sealed.base, sealed.end)?;
        wanted = wanted.saturating_sub(keys.len());
        newest.push(keys);
    }
    for key in newest.iter().rev().flatten().chain(log.active_keys()) {
        index.insert(*key);
    }
    Ok(index)
}
