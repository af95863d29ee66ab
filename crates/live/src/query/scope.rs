//! From a query to the rows it touches.
//!
//! All numbers in the statements are written into their text: they are `i64`s of ours, never a caller's words.

use rusqlite::{Connection, OptionalExtension as _};

use super::Query;
use crate::axis::{MINUTE_MS, Span, TOTAL};
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

    /// The rows of the whole range.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        self.pieces_between(self.from, self.to, Span::Day)
    }

    /// The rows of a part of the range, none of a span longer than `longest`.
    pub(super) fn pieces_between(&self, from: i64, to: i64, longest: Span) -> Vec<Piece> {
        pieces(from, to, longest, self.folded)
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

/// The minutes from `from` to `to` in the order of time: as few rows as possible, none of a span longer than `longest`,
/// none of a span that is not complete (`folded`).
fn pieces(from: i64, to: i64, longest: Span, folded: i64) -> Vec<Piece> {
    let Some(finer) = longest.finer() else {
        return if from < to { vec![Piece { span: longest, from, to }] } else { Vec::new() };
    };
    let minutes = longest.minutes();
    let first = from.div_euclid(minutes) + i64::from(from.rem_euclid(minutes) > 0);
    let end = to.min(folded).div_euclid(minutes);
    if first >= end {
        return pieces(from, to, finer, folded);
    }
    let mut all = pieces(from, first * minutes, finer, folded);
    all.push(Piece { span: longest, from: first, to: end });
    all.extend(pieces(end * minutes, to, finer, folded));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_few_long_spans_with_shorter_ones_at_its_edges() {
        fn check(from: i64, to: i64, folded: i64, expected: &[(Span, i64, i64)]) {
            let found: Vec<_> =
                pieces(from, to, Span::Day, folded).iter().map(|p| (p.span, p.from, p.to)).collect();
            assert_eq!(found, expected, "{from}..{to} folded before {folded}");
        }
        use Span::{Day, Hour, Minute};
        let all = i64::MAX;
        check(0, 0, all, &[]);
        check(5, 4, all, &[]);
        check(0, 59, all, &[(Minute, 0, 59)]);
        check(0, 60, all, &[(Hour, 0, 1)]);
        check(59, 121, all, &[(Minute, 59, 60), (Hour, 1, 2), (Minute, 120, 121)]);
        check(61, 179, all, &[(Minute, 61, 179)]);
        check(-61, 60, all, &[(Minute, -61, -60), (Hour, -1, 1)]);
        check(0, 2 * 1440 + 61, all, &[(Day, 0, 2), (Hour, 48, 49), (Minute, 2940, 2941)]);
        check(1439, 2 * 1440, all, &[(Minute, 1439, 1440), (Day, 1, 2)]);
        check(5, i64::MIN, all, &[]);
        check(0, 180, 119, &[(Hour, 0, 1), (Minute, 60, 180)]);
        check(0, 180, 59, &[(Minute, 0, 180)]);
        check(0, 2880, 2879, &[(Day, 0, 1), (Hour, 24, 47), (Minute, 2820, 2880)]);
        check(0, 180, i64::MIN, &[(Minute, 0, 180)]);
    }
}
