//! Minutes into hours and hours into days: the rows of a span are the sums of the rows of its parts, each part added
//! once it is over.
//!
//! A busy minute is written by many batches, its hour only once. The file says up to which minute that was done; the
//! hours before that minute's hour are then part of their days. What arrives late, for a minute that was done already,
//! is written to its hour at once, and so for days. So a span is complete as soon as all of its minutes are done;
//! readers take the parts of the others.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::axis::{Dimension, Span};

/// Minutes before this one are part of their hours.
pub(crate) fn done(connection: &Connection) -> rusqlite::Result<i64> {
    let minute =
        connection.prepare_cached("SELECT minute FROM fold")?.query_row([], |row| row.get(0)).optional()?;
    Ok(minute.unwrap_or(i64::MIN))
}

/// The minute before which what arrives is written to rows of `span` at once, when minutes are done before `done`.
pub(crate) fn late_before(span: Span, done: i64) -> i64 {
    match span.finer() {
        None => i64::MAX,
        Some(part) => done.div_euclid(part.minutes()).saturating_mul(part.minutes()),
    }
}

/// Adds all minutes before `minute` to their hours, and all hours before its hour to their days. Returns the minute
/// before which minutes are done, which may be a later one.
pub(crate) fn advance(connection: &Connection, minute: i64) -> rusqlite::Result<i64> {
    let done = done(connection)?;
    if minute <= done {
        return Ok(done);
    }
    for (part, whole) in [(Span::Minute, Span::Hour), (Span::Hour, Span::Day)] {
        let (from, to) = (done.div_euclid(part.minutes()), minute.div_euclid(part.minutes()));
        if from < to {
            for dimension in Dimension::ALL {
                add_counts(connection, dimension.code(), part, whole, from, to)?;
            }
            add_visits(connection, part, whole, from, to)?;
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO fold (id, minute) VALUES (0, ?1) ON CONFLICT DO UPDATE SET minute = excluded.minute",
        )?
        .execute([minute])?;
    Ok(minute)
}

/// The bucket of the whole that a part's bucket lies in, when the whole has `?1` parts. SQLite divides towards zero;
/// times before the epoch are divided downwards.
const WHOLE: &str = "(bucket - ((bucket % ?1) + ?1) % ?1) / ?1";

fn add_counts(
    connection: &Connection,
    dimension: i64,
    part: Span,
    whole: Span,
    from: i64,
    to: i64,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO rollup (span, dimension, bucket, site, class, value, events, views)
             SELECT ?2, dimension, {WHOLE}, site, class, value, events, views FROM rollup
             WHERE span = ?3 AND dimension = ?4 AND bucket >= ?5 AND bucket < ?6
             ON CONFLICT DO UPDATE SET events = events + excluded.events, views = views + excluded.views"
        ))?
        .execute(params![whole.minutes() / part.minutes(), whole.code(), part.code(), dimension, from, to])
}

fn add_visits(
    connection: &Connection,
    part: Span,
    whole: Span,
    from: i64,
    to: i64,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO visit (span, bucket, site, class, visitor)
             SELECT ?2, {WHOLE}, site, class, visitor FROM visit WHERE span = ?3 AND bucket >= ?4 AND bucket < ?5"
        ))?
        .execute(params![whole.minutes() / part.minutes(), whole.code(), part.code(), from, to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_is_what_is_part_of_the_whole_already() {
        assert_eq!(late_before(Span::Minute, 130), i64::MAX);
        assert_eq!(late_before(Span::Hour, 130), 130);
        assert_eq!(late_before(Span::Day, 130), 120);
        assert_eq!(late_before(Span::Day, -1), -60);
        assert!(late_before(Span::Day, i64::MIN) < i64::MIN + 60);
    }
}
