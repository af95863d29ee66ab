//! Retention: removes whole segments that nobody needs.
//!
//! A segment goes when its newest frame is older than the retention and every consumer has finished it. Below the
//! disk watermark finished segments go at any age, oldest first. What a consumer has not finished stays.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::Clock;
use crate::log::{Log, WriteError};
use crate::state::Shared;

/// The rule and the clock it goes by.
pub(crate) struct Retention {
    age_ms: u64,
    clock: Clock,
}

impl Retention {
    /// Keeps segments for this long.
    pub(crate) fn new(age: Duration, clock: Clock) -> Self {
        Self { age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX), clock }
    }

    /// Removes what may go.
    pub(crate) fn apply(&self, log: &mut Log, shared: &Shared) -> Result<(), WriteError> {
        let now_ms = (self.clock)();
        let low = shared.space.is_low();
        self.seal_if_old(log, shared, now_ms, low)?;
        self.remove_old(log, shared, now_ms);
        if low {
            log.give_up_spare();
            remove_for_space(log, shared);
        }
        Ok(())
    }

    /// Seals the active segment, so that it can go in its turn: when it spans the retention, or when all of it is
    /// finished and space is short.
    fn seal_if_old(&self, log: &mut Log, shared: &Shared, now_ms: u64, low: bool) -> Result<(), WriteError> {
        let Some(since_ms) = log.active_since_ms() else { return Ok(()) };
        let old = now_ms.saturating_sub(since_ms) > self.age_ms;
        let in_the_way = low && log.written() <= released(shared);
        if old || in_the_way { log.seal() } else { Ok(()) }
    }

    fn remove_old(&self, log: &mut Log, shared: &Shared, now_ms: u64) {
        while let Some(oldest) = log.sealed().front() {
            let old = now_ms.saturating_sub(oldest.newest_ms) > self.age_ms;
            if !old || oldest.end > released(shared) || !remove(log, shared) {
                return;
            }
        }
    }
}

fn remove_for_space(log: &mut Log, shared: &Shared) {
    while let Some(oldest) = log.sealed().front() {
        if oldest.end > released(shared) || !shared.space.is_low() {
            return;
        }
        tracing::warn!(
            first = oldest.base,
            end = oldest.end,
            bytes = oldest.bytes,
            "disk space is below the watermark: removing a finished segment before its age"
        );
        if !remove(log, shared) {
            return;
        }
    }
}

fn remove(log: &mut Log, shared: &Shared) -> bool {
    let removed = log.remove_oldest();
    shared.space.forget();
    if let Err(error) = &removed {
        tracing::warn!(%error, "cannot remove a segment; it is tried again");
    }
    removed.is_ok()
}

fn released(shared: &Shared) -> u64 {
    shared.released.load(Ordering::Acquire)
}
