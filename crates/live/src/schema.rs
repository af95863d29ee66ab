//! The tables, and the steps that bring an older file to them.
//!
//! `PRAGMA user_version` counts the steps a file has taken; each step is one transaction together with its
//! version, so a crash leaves the file at one version or the next. Promises that a file from a newer program
//! or of another program is refused and left as it is.
//!
//! ```text
//! progress   partition -> first offset taken, position, events counted (by source)
//! gap        partition, first .. end      offsets below the position that were not counted
//! stray      partition, offset            offsets outside first .. position that were counted
//! chunk      id -> hour (none: fresh), events, times, offsets, cells
//! piece      id of the chunk * 64 + number of the piece -> bytes, see `encode`
//! ```
//! Counted = position - first - gaps + strays, always. A fresh chunk is one batch, with all its pieces packed into
//! one; a merged one lies in one hour of UTC.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::OpenLiveError;

/// Says in the file's header whose file it is: "1px1".
const APPLICATION_ID: i64 = 0x3170_7831;

/// Step n brings a file from version n to n + 1. A released step never changes.
///
/// Files of version 1 kept counters, from which no filtered question can be answered: they are emptied, position
/// included, so that the consumer fills them again from what the stream retains. A new file has nothing to empty.
pub(crate) const STEPS: &[&str] = &[
    "SELECT 1",
    "
    DROP TABLE IF EXISTS progress; DROP TABLE IF EXISTS gap; DROP TABLE IF EXISTS stray;
    DROP TABLE IF EXISTS word; DROP TABLE IF EXISTS rollup; DROP TABLE IF EXISTS visit;
    DROP TABLE IF EXISTS fold; DROP TABLE IF EXISTS recent;
    CREATE TABLE progress (
        partition INTEGER PRIMARY KEY, first INTEGER, position INTEGER,
        pixel INTEGER NOT NULL DEFAULT 0, api INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE gap (
        partition INTEGER NOT NULL, first INTEGER NOT NULL, end INTEGER NOT NULL,
        PRIMARY KEY (partition, first)
    ) WITHOUT ROWID;
    CREATE TABLE stray (
        partition INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (partition, offset)
    ) WITHOUT ROWID;
    CREATE TABLE chunk (
        id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, hour INTEGER, is_full INTEGER NOT NULL,
        events INTEGER NOT NULL, bytes INTEGER NOT NULL, min_ms INTEGER NOT NULL, max_ms INTEGER NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, cells BLOB NOT NULL
    );
    CREATE INDEX chunk_hour ON chunk (hour, is_full);
    CREATE TABLE piece (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
",
];

/// The version whose files are emptied.
const COUNTERS: usize = 1;

/// Takes the steps the file has not taken yet.
pub(crate) fn migrate(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), OpenLiveError> {
    if taken(connection, path, steps)? == COUNTERS {
        tracing::warn!(
            path = %path.display(),
            "the live view's file is of an older onepixel: it is emptied and filled again from what the stream \
             retains; archive and stream stay as they are"
        );
    }
    while taken(connection, path, steps)? < steps.len() {
        step(connection, path, steps)?;
    }
    Ok(())
}

/// Checks that a file which is only read is at this program's version.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), OpenLiveError> {
    let found = taken(connection, path, STEPS)?;
    if found < STEPS.len() {
        return Err(OpenLiveError::Older {
            path: path.into(),
            found: number(found),
            known: number(STEPS.len()),
        });
    }
    Ok(())
}

/// Takes one step, if nobody else took it in the meantime.
fn step(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), OpenLiveError> {
    let database = |source| OpenLiveError::Database { path: path.into(), source };
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
    let version = taken(&transaction, path, steps)?;
    if let Some(sql) = steps.get(version) {
        transaction.execute_batch(sql).map_err(database)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(database)?;
        transaction.pragma_update(None, "user_version", number(version) + 1).map_err(database)?;
    }
    transaction.commit().map_err(database)
}

/// The number of steps the file has taken; it is ours, or empty, and not newer than `steps`.
fn taken(connection: &Connection, path: &Path, steps: &[&str]) -> Result<usize, OpenLiveError> {
    let database = |source| OpenLiveError::Database { path: path.into(), source };
    let pragma =
        |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(database);
    let found = pragma("user_version")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(database)?;
    let empty = found == 0 && tables == 0;
    if !empty && pragma("application_id")? != APPLICATION_ID {
        return Err(OpenLiveError::Foreign { path: path.into() });
    }
    if found > number(steps.len()) {
        return Err(OpenLiveError::Newer { path: path.into(), found, known: number(steps.len()) });
    }
    usize::try_from(found).map_err(|_| OpenLiveError::Foreign { path: path.into() })
}

fn number(steps: usize) -> i64 {
    i64::try_from(steps).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    fn migrated(steps: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("x"), steps).unwrap();
        connection
    }

    #[test]
    fn a_file_keeps_its_rows_when_it_takes_a_later_step() {
        let mut connection = migrated(STEPS);
        connection.execute("INSERT INTO progress VALUES (0, 3, 7, 4, 0)", []).unwrap();
        let mut steps = STEPS.to_vec();
        steps.push("ALTER TABLE progress ADD COLUMN more INTEGER NOT NULL DEFAULT 9");
        migrate(&mut connection, Path::new("x"), &steps).unwrap();
        assert_eq!(version(&connection), steps.len() as i64);
        let row =
            connection.query_row("SELECT position, more FROM progress", [], |r| Ok((r.get(0)?, r.get(1)?)));
        assert_eq!(row.unwrap(), (7, 9));
        migrate(&mut connection, Path::new("x"), &steps).unwrap();
        assert_eq!(version(&connection), steps.len() as i64);
    }

    #[test]
    fn a_file_of_counters_is_emptied_and_says_that_it_holds_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let counters =
            ["CREATE TABLE progress (partition INTEGER PRIMARY KEY, first INTEGER, position INTEGER);
            CREATE TABLE rollup (x); CREATE TABLE word (x); INSERT INTO progress VALUES (0, 3, 7);"];
        migrate(&mut connection, Path::new("x"), &counters).unwrap();
        assert_eq!(version(&connection), 1);
        migrate(&mut connection, Path::new("x"), STEPS).unwrap();
        assert_eq!(version(&connection), 2);
        let rows = |table| {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(rows("progress").unwrap(), 0);
        assert_eq!(rows("chunk").unwrap(), 0);
        rows("rollup").unwrap_err();
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut connection = migrated(STEPS);
        let mut steps = STEPS.to_vec();
        steps.push("CREATE TABLE half (x); CREATE TABLE progress (x);");
        migrate(&mut connection, Path::new("x"), &steps).unwrap_err();
        assert_eq!(version(&connection), STEPS.len() as i64);
        connection.execute("SELECT * FROM half", []).unwrap_err();
    }

    #[test]
    fn a_newer_or_foreign_file_is_refused() {
        let mut newer = migrated(STEPS);
        newer.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut newer, Path::new("dir/live.sqlite"), STEPS).unwrap_err();
        assert!(matches!(error, OpenLiveError::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("dir/live.sqlite has version 99"), "{error}");

        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute("CREATE TABLE songs (title)", []).unwrap();
        let error = migrate(&mut foreign, Path::new("x"), STEPS).unwrap_err();
        assert!(matches!(error, OpenLiveError::Foreign { .. }), "{error}");
    }
}
