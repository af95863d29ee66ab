//! The real clock.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub use onepixel_stream::Clock;

/// Milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the functions' clock lives here")]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
