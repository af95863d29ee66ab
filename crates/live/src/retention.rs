//! Forgetting: what is older than the time to live is never shown, and deleted soon after.
//!
//! Deletes from a connection of its own, a bounded number of rows in each transaction, so that the sink never
//! waits long for the write lock. When to call is the server's business: once a minute, and again after a short
//! pause while there is more. Freed pages are used again; the file does not shrink.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onepixel_consumer::Clock;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::axis::{DAY_MS, Dimension, MINUTE_MS, Span};
use crate::error::{OpenLiveError, WriteError};
use crate::file::OpenFile;
use crate::limits::FORGET_ROWS_MAX;

/// The moment before which everything is forgotten, in milliseconds since the epoch.
pub(crate) fn horizon_ms(clock: &Clock, ttl: Duration) -> i64 {
    let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    now_ms(clock).saturating_sub(ttl_ms)
}

pub(crate) fn now_ms(clock: &Clock) -> i64 {
    i64::try_from(clock()).unwrap_or(i64::MAX)
}

/// The first minute that is shown whole: a row stands for a minute, none of which may be older than the horizon.
pub(crate) fn first_minute(horizon_ms: i64) -> i64 {
    // Rounded up, without overflow at either end.
    horizon_ms.div_euclid(MINUTE_MS) + i64::from(horizon_ms.rem_euclid(MINUTE_MS) > 0)
}

/// Deletes what is older than the time to live.
pub struct Retention {
    path: PathBuf,
    ttl: Duration,
    clock: Clock,
    file: Option<OpenFile>,
}

/// What one call deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows deleted.
    pub rows: usize,
    /// True when there is more to delete: call again after a pause.
    pub more: bool,
}

impl Retention {
    /// Prepares to delete from the file at `path`; opens it at the first call of [`forget`](Self::forget).
    pub fn new(path: &Path, ttl: Duration, clock: Clock) -> Self {
        Self { path: path.into(), ttl, clock, file: None }
    }

    /// Deletes at most [`FORGET_ROWS_MAX`] rows, in one transaction.
    ///
    /// # Errors
    /// [`WriteError`] when the file cannot be opened or written, or the sink holds the lock; nothing was deleted.
    pub fn forget(&mut self) -> Result<Forgotten, WriteError> {
        let mut file = self.take_file()?;
        let forgotten = forget(&mut file.connection, horizon_ms(&self.clock, self.ttl))
            .map_err(|source| WriteError::Database { path: self.path.clone(), source })?;
        self.file = Some(file);
        Ok(forgotten)
    }

    fn take_file(&mut self) -> Result<OpenFile, OpenLiveError> {
        match self.file.take() {
            Some(file) if file.is_in_place() => Ok(file),
            _ => OpenFile::to_write(&self.path),
        }
    }
}

fn forget(connection: &mut Connection, horizon_ms: i64) -> rusqlite::Result<Forgotten> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut left = FORGET_ROWS_MAX;
    let take = |deleted: usize, left: &mut usize| *left = left.saturating_sub(deleted);
    for span in Span::ALL {
        // A row of a longer span that began before the first minute is never read: its parts are, at the edge.
        let bucket = first_minute(horizon_ms).div_euclid(span.minutes())
            + i64::from(first_minute(horizon_ms).rem_euclid(span.minutes()) > 0);
        for dimension in Dimension::ALL.iter().map(|d| d.code()) {
            take(delete_counts(&transaction, span, dimension, bucket, left)?, &mut left);
        }
        take(delete_visits(&transaction, span, bucket, left)?, &mut left);
    }
    take(delete_recent(&transaction, horizon_ms, left)?, &mut left);
    // Words go last: while a row is there, its words are.
    take(delete_words(&transaction, horizon_ms.div_euclid(DAY_MS), left)?, &mut left);
    transaction.commit()?;
    Ok(Forgotten { rows: FORGET_ROWS_MAX - left, more: left == 0 })
}

fn delete_counts(
    connection: &Connection,
    span: Span,
    dimension: i64,
    bucket: i64,
    rows_max: usize,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM rollup WHERE (span, dimension, bucket, site, class, value) IN (
                 SELECT span, dimension, bucket, site, class, value FROM rollup
                 WHERE span = ?1 AND dimension = ?2 AND bucket < ?3 LIMIT ?4)",
        )?
        .execute(params![span.code(), dimension, bucket, limit(rows_max)])
}

fn delete_visits(
    connection: &Connection,
    span: Span,
    bucket: i64,
    rows_max: usize,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM visit WHERE (span, bucket, site, class, visitor) IN (
                 SELECT span, bucket, site, class, visitor FROM visit
                 WHERE span = ?1 AND bucket < ?2 LIMIT ?3)",
        )?
        .execute(params![span.code(), bucket, limit(rows_max)])
}

/// The table is small by its own limit: no index on the time is worth its upkeep.
fn delete_recent(connection: &Connection, horizon_ms: i64, rows_max: usize) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM recent WHERE seq IN (SELECT seq FROM recent WHERE received < ?1 LIMIT ?2)",
        )?
        .execute(params![horizon_ms, limit(rows_max)])
}

fn delete_words(connection: &Connection, day: i64, rows_max: usize) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM word WHERE id IN (SELECT id FROM word WHERE used < ?1 LIMIT ?2)")?
        .execute(params![day, limit(rows_max)])
}

fn limit(rows_max: usize) -> i64 {
    i64::try_from(rows_max).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn the_first_minute_shown_is_the_first_that_is_whole() {
        assert_eq!(first_minute(0), 0);
        assert_eq!(first_minute(1), 1);
        assert_eq!(first_minute(60_000), 1);
        assert_eq!(first_minute(-1), 0);
        assert_eq!(first_minute(i64::MAX), i64::MAX / 60_000 + 1);
        assert_eq!(first_minute(i64::MIN), i64::MIN / 60_000);
    }

    /// Deleting must seek, not scan: a scan would hold the write lock for as long as the table is large.
    #[test]
    fn deleting_looks_rows_up_by_their_keys() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, Path::new("x"), schema::STEPS).unwrap();
        for (table, columns) in [
            ("rollup", "span, dimension, bucket, site, class, value"),
            ("visit", "span, bucket, site, class, visitor"),
        ] {
            let sql = format!(
                "EXPLAIN QUERY PLAN DELETE FROM {table} WHERE ({columns}) IN
                 (SELECT {columns} FROM {table} WHERE span = 1 AND bucket < 5 LIMIT 10)"
            );
            let mut statement = connection.prepare(&sql).unwrap();
            let plan: Vec<String> =
                statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            assert!(plan[0].starts_with(&format!("SEARCH {table} USING PRIMARY KEY")), "{plan:?}");
        }
    }
}
