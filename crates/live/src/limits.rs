//! Every limit of the live view, in one place, each with its reason.

use std::time::Duration;

/// How long one statement waits for another writer. Short: the pipeline repeats the batch anyway.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// Newest events kept whole: more than anybody scrolls through; counts come from the rollups.
pub const RECENT_EVENTS_MAX: u64 = 10_000;
/// Bytes of the events kept whole: events at their size limit must not fill the disk.
pub const RECENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Events in one answer of `recent`.
pub const RECENT_ROWS_MAX: usize = 500;
/// Rows in one answer of `top`: what a table shows, with room for an export.
pub const TOP_ROWS_MAX: usize = 1_000;
/// Sites in one answer of `sites`: a list to choose from.
pub const SITES_MAX: usize = 1_000;
/// Points of one series: a week by the minute and a few more.
pub const SERIES_POINTS_MAX: i64 = 11_000;
/// Visitors counted one by one; beyond them the count is an estimate (about 0.1 % off) in bounded memory.
pub const VISITORS_EXACT_MAX: usize = 1 << 20;
/// Ranges of missing offsets in one answer of `gaps`.
pub const GAPS_MAX: usize = 10_000;
/// Read connections, which is also the number of queries that run at once: a query is bound by one core.
pub const READERS_MAX: usize = 4;
/// How long a query waits for a read connection before it gives up.
pub const READER_WAIT: Duration = Duration::from_secs(5);
/// Rows deleted in one transaction: it holds the write lock for a few tens of milliseconds.
pub const FORGET_ROWS_MAX: usize = 5_000;
/// Bytes of text whose ids the sink remembers: a working set of several ten thousand pages and hosts.
pub(crate) const WORD_CACHE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Visitors' rows the sink remembers as stored: 40 bytes each.
pub(crate) const SEEN_VISITS_MAX: usize = 1 << 17;
/// Buckets that one site's rows are looked up in one by one; for more, one pass over all sites costs less.
pub(crate) const SITE_SEEKS_MAX: i64 = 20_000;
/// Size the write-ahead log is copied back at, in pages of 4 KiB: rows of the current minute, which every
/// batch touches, are then copied once for many batches.
pub(crate) const CHECKPOINT_PAGES: i64 = 8_192;
/// Size the write-ahead log is cut to after it was copied back.
pub(crate) const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Page cache of the writing connection, in KiB.
pub(crate) const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Page cache of each reading connection, in KiB.
pub(crate) const READER_CACHE_KIB: i64 = 4 * 1024;
