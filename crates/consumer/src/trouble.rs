//! Trouble: what the pipeline does while something it needs fails. It waits, and says so, but seldom.
//!
//! The only place that knows how long a retry waits and how often a failure is logged.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use onepixel_stream::Clock;
use tokio::time::Instant;

use crate::Progress;
use crate::progress::{Doing, LastError};

/// The longest wait before the first retry; it doubles with each.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// The longest wait before any retry: an outage of hours is noticed to be over within this.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// While it lasts, trouble is logged this often.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// One kind of trouble of one pipeline: starts with a failure, lasts through more of them, is over with a success.
pub(crate) struct Trouble {
    consumer: &'static str,
    doing: Doing,
    clock: Clock,
    progress: Arc<Progress>,
    failures: u32,
    since_ms: u64,
    seldom: Seldom,
}

impl Trouble {
    pub(crate) fn new(consumer: &'static str, doing: Doing, clock: Clock, progress: Arc<Progress>) -> Self {
        Self { consumer, doing, clock, progress, failures: 0, since_ms: 0, seldom: Seldom::default() }
    }

    /// Notes a failure. `what` could not be done.
    pub(crate) fn note(&mut self, what: &'static str, error: &(dyn Error + 'static)) {
        if self.failures == 0 {
            self.since_ms = (self.clock)();
        }
        self.failures = self.failures.saturating_add(1);
        let text = format!("{what}: {}", with_sources(error));
        if self.seldom.is_due() {
            let (consumer, failures) = (self.consumer, self.failures);
            tracing::warn!(consumer, failures, error = %text, "in trouble; trying again until it is over");
        }
        self.progress.set_error(self.doing, Some(LastError { text, since_ms: self.since_ms }));
    }

    /// Waits before the next attempt: at random up to a limit that doubles with each failure, so that pipelines
    /// that failed together do not return together ("full jitter").
    pub(crate) async fn wait(&self) {
        let limit = wait_max(self.failures);
        tokio::time::sleep(rand::random_range(Duration::ZERO..=limit)).await;
    }

    /// It went well again.
    pub(crate) fn over(&mut self) {
        if self.failures > 0 {
            let seconds = (self.clock)().saturating_sub(self.since_ms) / 1_000;
            tracing::info!(consumer = self.consumer, failures = self.failures, seconds, "out of trouble");
            self.failures = 0;
            self.seldom = Seldom::default();
            self.progress.set_error(self.doing, None);
        }
    }
}

/// The limit of the wait after the `failures`th failure in a row.
fn wait_max(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    WAIT_FIRST.saturating_mul(1 << doublings).min(WAIT_MAX)
}

/// Lets one log line in a while through.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    last: Option<Instant>,
}

impl Seldom {
    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= LOG_EVERY);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}

/// The error and what caused it, each said once: many errors repeat their cause in their own text.
pub(crate) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit() {
        fn check(failures: u32, expected_ms: u64) {
            assert_eq!(wait_max(failures), Duration::from_millis(expected_ms), "after {failures} failures");
        }
        check(0, 100);
        check(1, 100);
        check(2, 200);
        check(9, 25_600);
        check(10, 30_000);
        check(u32::MAX, 30_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shown_until_it_is_over_and_logged_seldom() {
        let progress = Arc::new(Progress::default());
        let clock: Clock = Arc::new(|| 7_000);
        let mut trouble = Trouble::new("test", Doing::Writing, clock, progress.clone());
        let error = std::io::Error::other("no route");
        trouble.note("cannot write", &error);
        let expected = LastError { text: "cannot write: no route".into(), since_ms: 7_000 };
        assert_eq!(progress.snapshot().last_error, Some(expected));
        assert!(!trouble.seldom.is_due(), "the first failure was logged just now");
        tokio::time::advance(LOG_EVERY).await;
        assert!(trouble.seldom.is_due());
        trouble.over();
        assert_eq!(progress.snapshot().last_error, None);
        assert!(trouble.seldom.is_due(), "the next trouble is logged at once");
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Layer {
            text: &'static str,
            #[source]
            cause: std::io::Error,
        }
        fn check(text: &'static str, expected: &str) {
            assert_eq!(with_sources(&Layer { text, cause: std::io::Error::other("timed out") }), expected);
        }
        check("put failed", "put failed: timed out");
        check("put failed: timed out", "put failed: timed out");
    }
}
