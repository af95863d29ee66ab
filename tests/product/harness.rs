//! What every test here stands on: a server process, a plain HTTP client, a reader of archives, and patience with a
//! limit. Only `stream` uses the product's code, to store what no client could send.

pub(crate) mod archive;
pub(crate) mod http;
pub(crate) mod random;
pub(crate) mod server;
pub(crate) mod stream;
pub(crate) mod tools;

use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) use http::{Http, Response};
pub(crate) use random::Random;
pub(crate) use server::{Launch, Server};

/// Between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(5);

static TURN: RwLock<()> = RwLock::new(());

/// Held by a test that may run beside others.
pub(crate) fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// Held by a test that needs the machine for itself.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// A folder on a real disk that goes with the test.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("product-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Looks until `look` finds something; panics with `what` when it does not within `limit`.
#[track_caller]
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The text of a file, empty while it is not there.
pub(crate) fn text(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Seconds, for brevity.
pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
