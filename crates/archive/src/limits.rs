//! Every limit of the archive, in one place, each with its reason.

use std::time::Duration;

/// Objects of one batch that are written at the same time. A batch is usually one object; the hour's turn makes
/// two or a few dozen small ones, and four at once hide most of a remote store's latency without a burst.
/// Memory is bounded by the batch: no more than its bytes wait in compressed form.
pub const PUTS_IN_FLIGHT_MAX: usize = 4;

/// Time to reach a remote store: beyond it the address is wrong or the host is gone.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for one request to a remote store, its body included: a full batch of 64 MiB that does not compress at
/// all needs 9 Mbit/s. `AWS_TIMEOUT`, `GOOGLE_TIMEOUT` or `AZURE_TIMEOUT` (such as `300s`) raise it.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Repetitions of one request inside the client. They only cover a dropped connection or a single busy answer;
/// the consumer's policy waits out everything longer, so that lag and retries stay visible.
pub const REQUEST_RETRIES_MAX: usize = 2;

/// No repetition starts later than this after the first try.
pub const REQUEST_RETRY_WINDOW: Duration = Duration::from_secs(10);

/// The longest line read back: twice what the stream takes, small enough that a damaged or foreign object cannot
/// exhaust the memory.
pub const LINE_BYTES_MAX: usize = 2 * 1024 * 1024;
