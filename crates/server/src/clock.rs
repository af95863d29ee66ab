//! The clock of the process: the only place that asks the system for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use onepixel_stream::Clock;

/// A clock in milliseconds since the Unix epoch that never goes back: a system clock that is set back stands
/// still here until it has caught up, so that time stamps in the stream keep their order.
#[expect(clippy::disallowed_methods, reason = "this is the clock's home")]
pub(crate) fn system() -> Clock {
    let latest = AtomicU64::new(0);
    Arc::new(move || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        latest.fetch_max(now, Ordering::Relaxed).max(now)
    })
}
