//! The wall clock of the emulated services.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, as deadlines and arrival times are given.
#[expect(clippy::disallowed_methods, reason = "the one clock of the emulated services")]
pub(crate) fn epoch_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
