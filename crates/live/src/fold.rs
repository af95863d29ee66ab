//! Minutes into hours: rows of an hour are the sums of its minutes' rows, added once each minute is over.
//!
//! A busy minute is written by many batches; its hour only once. The file says up to which minute that was done.
//! What arrives late, for a minute that was done already, is written to its hour at once. So an hour is complete as
//! soon as all of its minutes are done; readers take the minutes of the others.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::axis::{Dimension, Span};

/// Minutes before this one are part of their hours.
pub(crate) fn done(connection: &Connection) -> rusqlite::Result<i64> {
    let minute =
        connection.prepare_cached("SELECT minute FROM fold")?.query_row([], |row| row.get(0)).optional()?;
    Ok(minute.unwrap_or(i64::MIN))
}

/// Adds all minutes before `minute` to their hours. Returns the minute before which it is done, which may be later.
pub(crate) fn advance(connection: &Connection, minute: i64) -> rusqlite::Result<i64> {
    let done = done(connection)?;
    if minute <= done {
        return Ok(done);
    }
    for dimension in Dimension::ALL {
        add_counts(connection, dimension.code(), done, minute)?;
    }
    add_visits(connection, done, minute)?;
    connection
        .prepare_cached(
            "INSERT INTO fold (id, minute) VALUES (0, ?1) ON CONFLICT DO UPDATE SET minute = excluded.minute",
        )?
        .execute([minute])?;
    Ok(minute)
}

/// The hour of a minute; SQLite divides towards zero, hours before the epoch are divided downwards.
const HOUR: &str = "(bucket - ((bucket % 60) + 60) % 60) / 60";

fn add_counts(connection: &Connection, dimension: i64, from: i64, to: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO rollup (span, dimension, bucket, site, class, value, events, views)
             SELECT ?1, dimension, {HOUR}, site, class, value, events, views FROM rollup
             WHERE span = ?2 AND dimension = ?3 AND bucket >= ?4 AND bucket < ?5
             ON CONFLICT DO UPDATE SET events = events + excluded.events, views = views + excluded.views"
        ))?
        .execute(params![Span::Hour.code(), Span::Minute.code(), dimension, from, to])
}

fn add_visits(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO visit (span, bucket, site, class, visitor)
             SELECT ?1, {HOUR}, site, class, visitor FROM visit WHERE span = ?2 AND bucket >= ?3 AND bucket < ?4"
        ))?
        .execute(params![Span::Hour.code(), Span::Minute.code(), from, to])
}
