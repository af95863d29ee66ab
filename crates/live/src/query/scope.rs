//! From a query to the rows it touches.
//!
//! All numbers in the statements are written into their text: they are `i64`s of ours, never a caller's words.

use rusqlite::{Connection, OptionalExtension as _};

use super::Query;
use crate::axis::{HOUR_MINUTES, MINUTE_MS, Span, TOTAL};
use crate::fold;
use crate::limits::SITE_SEEKS_MAX;
use crate::retention::first_minute;
use crate::words;

/// A query against the file as it is now: a range of minutes within what is shown, a site that exists, classes.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// Minutes since the epoch, the end excluded.
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) site: Option<i64>,
    pub(super) classes: i64,
    pub(super) horizon_ms: i64,
    /// Minutes before this one are part of their hours.
    folded: i64,
}

/// Buckets of one span, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Scope {
    pub(crate) fn new(connection: &Connection, query: &Query, horizon_ms: i64) -> rusqlite::Result<Self> {
        let site = match &query.site {
            Some(site) => Some(words::find(connection, site)?.unwrap_or(NO_SITE)),
            None => None,
        };
        let (from, to) = minutes(query);
        Ok(Self {
            from: from.max(first_minute(horizon_ms)),
            to: to.min(end_minute(connection)?),
            site,
            classes: query.classes.mask(),
            horizon_ms,
            folded: fold::done(connection)?,
        })
    }

    /// The same scope over other minutes.
    pub(super) fn over(&self, from: i64, to: i64) -> Self {
        Self { from: from.max(first_minute(self.horizon_ms)), to, ..self.clone() }
    }

    /// The same scope for every class.
    pub(super) fn of_all_classes(&self) -> Self {
        Self { classes: i64::MAX, ..self.clone() }
    }

    /// The whole range as hours with minutes at its edges.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        self.pieces_between(self.from, self.to)
    }

    /// Part of the range as hours with minutes at its edges.
    pub(super) fn pieces_between(&self, from: i64, to: i64) -> Vec<Piece> {
        pieces(from, to, self.folded)
    }

    /// `SELECT columns` of the rollup's rows (`r`) along a dimension.
    pub(super) fn select_counts(&self, columns: &str, dimension: i64, piece: Piece) -> String {
        self.select(columns, "rollup", &format!("r.dimension = {dimension} AND"), piece)
    }

    /// `SELECT columns` of the rows (`r`) of visitors.
    pub(super) fn select_visits(&self, columns: &str, piece: Piece) -> String {
        self.select(columns, "visit", "", piece)
    }

    fn select(&self, columns: &str, table: &str, dimension: &str, piece: Piece) -> String {
        let Piece { span, from, to } = piece;
        let (span, classes) = (span.code(), self.classes);
        let rows = format!("r.span = {span} AND {dimension} ({classes} >> r.class) & 1");
        match self.site {
            None => {
                format!(
                    "SELECT {columns} FROM {table} AS r WHERE {rows} AND r.bucket >= {from} AND r.bucket < {to}"
                )
            }
            // Buckets of other sites lie between: one look-up for each bucket passes over them.
            Some(site) if to - from <= SITE_SEEKS_MAX => format!(
                "SELECT {columns} FROM (
                     WITH RECURSIVE step (bucket) AS (
                         VALUES ({from}) UNION ALL SELECT bucket + 1 FROM step WHERE bucket + 1 < {to})
                     SELECT bucket FROM step) AS step
                 CROSS JOIN {table} AS r ON {rows} AND r.bucket = step.bucket AND r.site = {site}"
            ),
            Some(site) => format!(
                "SELECT {columns} FROM {table} AS r
                 WHERE {rows} AND r.bucket >= {from} AND r.bucket < {to} AND r.site = {site}"
            ),
        }
    }
}

/// The id of no word.
const NO_SITE: i64 = -1;

/// The query's range in minutes, widened to whole ones.
pub(super) fn minutes(query: &Query) -> (i64, i64) {
    (query.from_ms.div_euclid(MINUTE_MS), first_minute(query.to_ms))
}

/// The minute after the newest one with an event: what bounds a range without end.
fn end_minute(connection: &Connection) -> rusqlite::Result<i64> {
    let newest: Option<i64> = connection
        .prepare_cached(
            "SELECT bucket FROM rollup WHERE span = ?1 AND dimension = ?2 ORDER BY bucket DESC LIMIT 1",
        )?
        .query_row([Span::Minute.code(), TOTAL], |row| row.get(0))
        .optional()?;
    Ok(newest.map_or(i64::MIN, |newest| newest + 1))
}

/// The minutes from `from` to `to`: hours, and minutes where no whole hour fits, or none is complete (`folded`).
fn pieces(from: i64, to: i64, folded: i64) -> Vec<Piece> {
    let first_hour = from.div_euclid(HOUR_MINUTES) + i64::from(from.rem_euclid(HOUR_MINUTES) > 0);
    let end_hour = to.min(folded).div_euclid(HOUR_MINUTES);
    let minutes = |from, to| Piece { span: Span::Minute, from, to };
    let pieces = if first_hour < end_hour {
        vec![
            minutes(from, first_hour * HOUR_MINUTES),
            Piece { span: Span::Hour, from: first_hour, to: end_hour },
            minutes(end_hour * HOUR_MINUTES, to),
        ]
    } else {
        vec![minutes(from, to)]
    };
    pieces.into_iter().filter(|piece| piece.from < piece.to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_hours_with_minutes_at_its_edges() {
        fn check(from: i64, to: i64, expected: &[(Span, i64, i64)]) {
            check_folded(from, to, i64::MAX, expected);
        }
        fn check_folded(from: i64, to: i64, folded: i64, expected: &[(Span, i64, i64)]) {
            let found: Vec<_> = pieces(from, to, folded).iter().map(|p| (p.span, p.from, p.to)).collect();
            assert_eq!(found, expected, "{from}..{to}");
        }
        use Span::{Hour, Minute};
        check(0, 0, &[]);
        check(5, 4, &[]);
        check(0, 59, &[(Minute, 0, 59)]);
        check(0, 60, &[(Hour, 0, 1)]);
        check(59, 121, &[(Minute, 59, 60), (Hour, 1, 2), (Minute, 120, 121)]);
        check(61, 179, &[(Minute, 61, 179)]);
        check(-61, 60, &[(Minute, -61, -60), (Hour, -1, 1)]);
        check(5, i64::MIN, &[]);
        check_folded(0, 180, 119, &[(Hour, 0, 1), (Minute, 60, 180)]);
        check_folded(0, 180, 59, &[(Minute, 0, 180)]);
        check_folded(0, 180, i64::MIN, &[(Minute, 0, 180)]);
    }
}
