//! The producer: brings records into a stream, or says which it could not, and why.
//!
//! A call takes 500 records and 5 MiB, and its answer says for each record whether it was stored. Whatever was not is
//! tried again by content until the deadline that the caller passes in; nothing goes on behind it, as the SDK's own
//! retries are off. A lost answer makes a record appear twice: readers deduplicate by the event's id.
//!
//! Connections are kept. The first call after a long freeze may find them dead: an attempt has a limit of its own, which
//! is less than any sensible deadline, and the next attempt connects anew.

mod call;
mod client;
mod failure;

use std::time::Duration;

use aws_sdk_kinesis::Client;
use tokio::time::{Instant, sleep, timeout};

use crate::record::Packed;
use call::call_end;

pub use client::{Credentials, config};
pub use failure::{Failures, Reason};

/// Records in one call.
pub const CALL_RECORDS_MAX: usize = 500;
/// Data and partition keys in one call.
pub const CALL_BYTES_MAX: usize = 5 * 1024 * 1024;

/// How the producer goes on when something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// An attempt that takes longer is given up: its answer is lost, or its connection dead.
    pub attempt: Duration,
    /// The longest wait before the second attempt; it doubles with each further one.
    pub wait_first: Duration,
    /// The longest wait before any attempt.
    pub wait_max: Duration,
}

impl Patience {
    /// For a function, behind which a page waits for its image. Kinesis answers within some 10 ms, and within 500 ms
    /// nearly always.
    pub const FUNCTION: Self = Self {
        attempt: Duration::from_millis(750),
        wait_first: Duration::from_millis(25),
        wait_max: Duration::from_millis(400),
    };
    /// For work that nobody waits for.
    pub const BACKGROUND: Self = Self {
        attempt: Duration::from_secs(5),
        wait_first: Duration::from_millis(100),
        wait_max: Duration::from_secs(5),
    };

    /// A wait before attempt number `attempts` + 1, at random up to a limit that doubles ("full jitter"), so that those
    /// who were throttled together do not return together.
    pub(crate) fn wait(&self, attempts: u32) -> Duration {
        let limit =
            self.wait_first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.wait_max);
        rand::random_range(Duration::ZERO..=limit)
    }
}

/// A record on its way: its partition key and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The partition key, of at most [`KEY_BYTES_MAX`](crate::record::KEY_BYTES_MAX) bytes.
    pub key: String,
    /// The lines.
    pub packed: Packed,
}

impl Entry {
    /// What it takes of a call's [`CALL_BYTES_MAX`].
    fn bytes(&self) -> usize {
        self.key.len() + self.packed.data.len()
    }
}

/// What was not stored by the deadline. A record of a call whose answer was lost may be in the stream nevertheless.
#[derive(Debug, thiserror::Error)]
#[error("{} records are not in the stream {stream}: {cause}", entries.len())]
pub struct Unsent {
    /// The stream.
    pub stream: String,
    /// The records, in their order.
    pub entries: Vec<Entry>,
    /// What the last failure was.
    pub reason: Reason,
    /// What was said about it.
    pub cause: String,
}

/// A stream to put records into. One serves all callers; it holds no queue.
#[derive(Debug, Clone)]
pub struct Producer {
    client: Client,
    stream: String,
    patience: Patience,
}

impl Producer {
    /// A producer into `stream`; touches no network.
    pub fn new(client: Client, stream: impl Into<String>, patience: Patience) -> Self {
        Self { client, stream: stream.into(), patience }
    }

    /// Stores all records by `deadline`, and counts in `failures` what failed on the way, whether it mattered or not.
    ///
    /// # Errors
    /// [`Unsent`] with those that are left; earlier than at the deadline when another attempt can change nothing.
    pub async fn put(
        &self,
        mut entries: Vec<Entry>,
        deadline: Instant,
        failures: &mut Failures,
    ) -> Result<(), Unsent> {
        let mut attempts = 0;
        while !entries.is_empty() {
            let before = entries.len();
            let failed = self.round(&mut entries, deadline, failures).await;
            let Some((reason, cause)) = failed else { continue };
            // Progress is a reason to hurry: only a round in vain makes the next wait longer.
            attempts = if entries.len() < before { 1 } else { attempts + 1 };
            let wait = self.patience.wait(attempts);
            let left = deadline.saturating_duration_since(Instant::now());
            if reason.is_lasting() || left <= wait {
                return Err(Unsent { stream: self.stream.clone(), entries, reason, cause });
            }
            failures.retries += 1;
            sleep(wait).await;
        }
        Ok(())
    }

    /// One call with the first of the records, as many as a call takes; those that are stored are taken out. Gives the
    /// last failure, if there was one.
    pub async fn round(
        &self,
        entries: &mut Vec<Entry>,
        deadline: Instant,
        failures: &mut Failures,
    ) -> Option<(Reason, String)> {
        let end = call_end(entries);
        let limit = self.patience.attempt.min(deadline.saturating_duration_since(Instant::now()));
        let call = timeout(limit, call::put(&self.client, &self.stream, &entries[..end])).await;
        let answer = call
            .unwrap_or_else(|_| Err((Reason::Timeout, format!("no answer within {} ms", limit.as_millis()))));
        match answer {
            Err((reason, cause)) => {
                failures.call(reason);
                Some((reason, cause))
            }
            Ok(results) => {
                let mut last = None;
                let mut results = results.into_iter();
                // What lies behind the call has no result and stays.
                entries.retain(|_| match results.next() {
                    Some(Ok(())) => false,
                    Some(Err((reason, cause))) => {
                        failures.record(reason);
                        last = Some((reason, cause));
                        true
                    }
                    None => true,
                });
                last
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit() {
        fn check(attempts: u32, limit_ms: u64) {
            for _ in 0..100 {
                assert!(Patience::FUNCTION.wait(attempts) <= Duration::from_millis(limit_ms), "{attempts}");
            }
            let longest = (0..1000).map(|_| Patience::FUNCTION.wait(attempts)).max();
            assert!(longest > Some(Duration::from_millis(limit_ms / 2)), "{attempts}: {longest:?}");
        }
        check(0, 25);
        check(1, 25);
        check(2, 50);
        check(5, 400);
        check(u32::MAX, 400);
    }
}
