//! Every limit of the live view, in one place, each with its reason.

use std::time::Duration;

/// How long one statement waits for another writer. Short: the pipeline repeats the batch anyway.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// Events of one chunk: their numbers within it, and so every code, fit 16 bits.
pub const CHUNK_EVENTS_MAX: usize = 1 << 16;
/// Events of a batch that one core reads at once; each such part of a batch becomes a chunk.
pub(crate) const PART_EVENTS: usize = 5_000;
/// Bytes of text and about as much of a chunk's columns: what a chunk costs in memory while it is built.
pub(crate) const CHUNK_BYTES_MAX: usize = 4 << 20;
/// Pairs of a site and a class in one chunk: with a bit for page views, their code fits 16 bits.
pub(crate) const CHUNK_CELLS_MAX: usize = 1 << 15;
/// Fresh chunks, one or more for each batch, before they are merged: each costs a question about 50 microseconds.
pub const FRESH_CHUNKS_MAX: usize = 66;
/// Events in fresh chunks before they are merged: they fill one chunk.
pub(crate) const FRESH_EVENTS_MAX: usize = CHUNK_EVENTS_MAX;
/// Bytes of fresh chunks before they are merged: all of them are in memory at once then.
pub(crate) const FRESH_BYTES_MAX: usize = CHUNK_BYTES_MAX;
/// Hours that are over whose chunks one merge brings together, besides those it writes to anyway.
pub(crate) const HOURS_CLOSED_MAX: u32 = 4;
/// A record that was appended longer ago than this is made durable before the batch is acknowledged. The stream
/// keeps every record for a day at least, so what a power cut takes from the file can be read again.
pub(crate) const UNSYNCED_AGE_MAX: Duration = Duration::from_secs(3600);
/// Values whose visitors are counted in one pass over the events.
pub(crate) const PASS_VALUES: usize = 64;
/// Visitors whose first or last page is looked for in one pass over the events: up to 20 bytes each.
pub(crate) const PASS_VISITORS: usize = 4 << 20;
/// Pairs of a value and a visitor that are told apart in one pass over the events: up to 40 bytes each.
pub(crate) const PASS_PAIRS: usize = 1 << 21;
/// Bytes of different texts in one answer while it is made.
pub(crate) const VALUES_BYTES_MAX: usize = 64 << 20;
/// Different texts in one answer while it is made.
pub(crate) const VALUES_MAX: usize = 2 << 20;
/// Visitors counted one by one; beyond them the count is an estimate (about 0.03 % off) in bounded memory.
pub const VISITORS_EXACT_MAX: usize = 1 << 24;
/// Ranges of missing offsets in one answer of `gaps`.
pub const GAPS_MAX: usize = 10_000;
/// Read connections, which is also the number of questions that run at once: one keeps a core busy, and may hold some
/// 30 MiB of visitors.
pub const READERS_MAX: usize = 2;
/// How long a question waits for a read connection before it gives up: a dashboard asks a dozen at once.
pub const READER_WAIT: Duration = Duration::from_secs(15);
/// Chunks deleted in one transaction: it holds the write lock for a few tens of milliseconds.
pub const FORGET_CHUNKS_MAX: usize = 64;
/// How much longer than its time to live an event may lie in the file, unseen, because it shares a chunk with
/// younger ones.
pub const FORGET_LATE_MAX: Duration = Duration::from_secs(2 * 3600);
/// Size of a page of the file: large, as almost all of it is columns of tens of kilobytes.
pub(crate) const PAGE_BYTES: i64 = 16 * 1024;
/// Size the write-ahead log is copied back at, in pages: 64 MiB, so that most fresh chunks are merged before they
/// would be copied.
pub(crate) const CHECKPOINT_PAGES: i64 = 4_096;
/// Size of the write-ahead log from which on the sink waits for questions to end, up to its time-out: while one
/// follows the other without a pause, the log cannot be begun again, and grows.
pub(crate) const LOG_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Size the write-ahead log is cut to after it was copied back.
pub(crate) const LOG_BYTES_KEPT: i64 = 80 * 1024 * 1024;
/// Page cache of the writing connection, in KiB.
pub(crate) const WRITER_CACHE_KIB: i64 = 2 * 1024;
/// Page cache of each reading connection, in KiB.
pub(crate) const READER_CACHE_KIB: i64 = 2 * 1024;
