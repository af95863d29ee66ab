//! The writer: the one thread that appends.
//!
//! Takes all that is queued, writes it once, syncs once, then answers every caller. Promises that an answered
//! append survives a crash ([`Durability::Always`]), and that a key which was stored is not stored again. After a
//! failed sync it takes nothing more: a sync that is tried again may succeed without having written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::courier::{Answer, Courier};
use crate::disk::DiskFile;
use crate::keys::KeyIndex;
use crate::log::{Log, WriteError};
use crate::queue::{Pending, Work};
use crate::retention::Retention;
use crate::settings::{Durability, KEYS_MAX};
use crate::state::Shared;
use crate::{AppendError, Appended, Key, Offset, OpenError, Settings, record, sidecar};

/// How often the writer looks after the log when nothing is appended.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// Why a log without its folder fails.
const FOLDER_GONE: &str = "its folder was moved or deleted while it was open";

/// The writer's thread.
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
    /// Answers for one courier.
    answers: Vec<Answer>,
    /// Bytes of the write for which there was no space.
    missing_bytes: usize,
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
            answers: Vec::new(),
            missing_bytes: 0,
        }
    }

    /// Works until the queue is closed and empty, then lets go of the folder's lock and says so.
    pub(crate) fn run(mut self, lock: Box<dyn DiskFile>) {
        let closed = Closed(Arc::clone(&self.shared));
        let lock = lock;
        loop {
            match self.shared.queue.take(self.patience()) {
                Work::Commit(frame) => self.commit(frame),
                Work::Idle => {}
                Work::Close => break,
            }
            self.sync_if_due();
            self.keep_up();
        }
        self.finish();
        drop(self);
        drop(lock);
        drop(closed);
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

    fn commit(&mut self, mut frame: Pending) {
        let start = self.log.written();
        let outcome = self.store(&mut frame);
        self.shared.publish(&self.log);
        self.answer(&mut frame, start, &outcome);
        self.shared.queue.give_back(frame);
    }

    /// Tells everybody in the frame what became of it; couriers get the answers of neighbours together.
    fn answer(&mut self, frame: &mut Pending, start: Offset, outcome: &Result<(), AppendError>) {
        let mut end = start;
        let mut bound_for: Option<Arc<Courier>> = None;
        for append in frame.appends.drain(..) {
            end += u64::from(append.records - append.duplicates);
            let answer = outcome.clone().map(|()| Appended { end, duplicates: append.duplicates });
            let Some(courier) = append.courier else {
                // Nobody waits any more: the records are stored all the same.
                drop(append.answer.send(answer));
                continue;
            };
            if let Some(other) = bound_for.take_if(|other| !Arc::ptr_eq(other, &courier)) {
                other.hand_over(&mut self.answers);
            }
            self.answers.push((append.answer, answer));
            bound_for = Some(courier);
        }
        if let Some(courier) = bound_for {
            courier.hand_over(&mut self.answers);
        }
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
        let written = self.log.write(&mut frame.bytes, records, &self.fresh);
        let stored = written.and_then(|()| self.sync_if_always());
        match stored {
            Ok(()) => {
                self.shared.space.spend(frame.bytes.len() as u64);
                self.shared.exhausted.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.keys.take_back(self.fresh.len());
                self.missing_bytes = frame.bytes.len();
                Err(self.refuse(error))
            }
        }
    }

    /// Takes records out of the frame whose key is known, and moves the others together.
    fn drop_repeated(&mut self, frame: &mut Pending) {
        self.fresh.clear();
        if !frame.keyed {
            return;
        }
        let (mut from, mut to) = (crate::frame::HEADER_BYTES, crate::frame::HEADER_BYTES);
        for append in &mut frame.appends {
            while from < append.end {
                let plain = !append.keyed;
                let parts = if plain { None } else { record::parts(&frame.bytes, from) };
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
                        frame.bytes.copy_within(from..end, to);
                    }
                    to += end - from;
                }
                from = end;
            }
        }
        frame.bytes.truncate(to);
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
