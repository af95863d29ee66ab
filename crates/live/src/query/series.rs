//! Counts over time.

use rusqlite::Connection;

use super::distinct::Distinct;
use super::scope::{Piece, Scope, minutes};
use super::{Point, Query, Series};
use crate::axis::{DAY_MINUTES, MINUTE_MS, Span, TOTAL};
use crate::error::QueryError;
use crate::limits::SERIES_POINTS_MAX;
use crate::progress::stored;

const MINUTE_SECONDS: i64 = 60;
/// Points wider than this are a whole view wide.
const WIDTH_MINUTES_MAX: i64 = 366 * DAY_MINUTES;

/// Where the points of a series begin. All fields count minutes but `first` and `count`, which count points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    width: i64,
    /// How far the viewer's zone lies east of UTC.
    offset: i64,
    first: i64,
    count: i64,
}

impl Grid {
    pub(crate) fn new(
        query: &Query,
        bucket_seconds: i64,
        zone_offset_seconds: i64,
    ) -> Result<Self, QueryError> {
        let whole = bucket_seconds % MINUTE_SECONDS == 0 && zone_offset_seconds % MINUTE_SECONDS == 0;
        let (width, offset) = (bucket_seconds / MINUTE_SECONDS, zone_offset_seconds / MINUTE_SECONDS);
        if !whole
            || !(1..=WIDTH_MINUTES_MAX).contains(&width)
            || !(-DAY_MINUTES..=DAY_MINUTES).contains(&offset)
        {
            return Err(QueryError::Bucket);
        }
        let (from, to) = minutes(query);
        let mut grid = Self { width, offset, first: 0, count: 0 };
        if from < to {
            grid.first = grid.index(from);
            grid.count = grid.index(to - 1) - grid.first + 1;
        }
        if grid.count > SERIES_POINTS_MAX {
            return Err(QueryError::TooManyPoints { points_max: SERIES_POINTS_MAX });
        }
        Ok(grid)
    }

    /// The number of the point that `minute` lies in.
    fn index(&self, minute: i64) -> i64 {
        (minute + self.offset).div_euclid(self.width)
    }

    /// The first minute of a point.
    fn start(&self, index: i64) -> i64 {
        index * self.width - self.offset
    }

    /// The rows to read, in the order of time, none of which belongs to two points.
    fn pieces(&self, scope: &Scope) -> Vec<Piece> {
        let (from, to) = (scope.from, scope.to);
        let fits = |span: &Span| self.width % span.minutes() == 0 && self.offset % span.minutes() == 0;
        let longest = Span::ALL.into_iter().rfind(fits).unwrap_or(Span::Minute);
        if longest > Span::Minute || self.width < DAY_MINUTES || from >= to {
            return scope.pieces_between(from, to, longest);
        }
        // Days of a zone that is not whole hours away: each has its hours, and minutes at its edges.
        (self.index(from)..=self.index(to - 1))
            .flat_map(|point| {
                let (start, end) = (self.start(point), self.start(point + 1));
                scope.pieces_between(from.max(start), to.min(end), Span::Day)
            })
            .collect()
    }
}

pub(crate) fn series(connection: &Connection, scope: &Scope, grid: &Grid) -> rusqlite::Result<Series> {
    let mut points: Vec<Point> = (grid.first..grid.first + grid.count)
        .map(|index| Point {
            start_ms: grid.start(index).saturating_mul(MINUTE_MS),
            events: 0,
            views: 0,
            visitors: 0,
        })
        .collect();
    for piece in grid.pieces(scope) {
        let mut statement =
            connection.prepare(&scope.select_counts("r.bucket, r.events, r.views", TOTAL, piece))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (events, views) = (stored(row.get(1)?), stored(row.get(2)?));
            if let Some(point) = point(&mut points, grid, piece, row.get(0)?) {
                point.events += events;
                point.views += views;
            }
        }
    }
    count_visitors(connection, scope, grid, &mut points)?;
    Ok(Series { bucket_seconds: grid.width * MINUTE_SECONDS, points })
}

/// Rows come in the order of time: one set is enough, which is counted whenever a point is complete.
fn count_visitors(
    connection: &Connection,
    scope: &Scope,
    grid: &Grid,
    points: &mut [Point],
) -> rusqlite::Result<()> {
    let mut distinct = Distinct::default();
    let mut current = None;
    for piece in grid.pieces(scope) {
        let sql = scope.select_visits("r.bucket AS bucket, r.visitor", piece) + " ORDER BY r.bucket";
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let bucket = row.get(0)?;
            let index = grid.index(bucket * piece.span.minutes());
            if current.is_some_and(|(_, _, of)| of != index) {
                close(&mut distinct, grid, points, current);
            }
            current = Some((piece, bucket, index));
            distinct.insert(row.get(1)?);
        }
    }
    close(&mut distinct, grid, points, current);
    Ok(())
}

fn close(distinct: &mut Distinct, grid: &Grid, points: &mut [Point], current: Option<(Piece, i64, i64)>) {
    let visitors = distinct.take();
    if let Some(point) = current.and_then(|(piece, bucket, _)| point(points, grid, piece, bucket)) {
        point.visitors = visitors;
    }
}

fn point<'a>(points: &'a mut [Point], grid: &Grid, piece: Piece, bucket: i64) -> Option<&'a mut Point> {
    let index = grid.index(bucket * piece.span.minutes()) - grid.first;
    points.get_mut(usize::try_from(index).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::DAY_MS;

    fn query(from_ms: i64, to_ms: i64) -> Query {
        Query { from_ms, to_ms, ..Query::default() }
    }

    #[test]
    fn points_begin_at_multiples_of_their_width_in_the_viewers_zone() {
        fn check(from_ms: i64, to_ms: i64, bucket: i64, zone: i64, starts_ms: &[i64]) {
            let grid = Grid::new(&query(from_ms, to_ms), bucket, zone).unwrap();
            let starts: Vec<i64> =
                (grid.first..grid.first + grid.count).map(|index| grid.start(index) * MINUTE_MS).collect();
            assert_eq!(starts, starts_ms);
        }
        check(0, 0, 60, 0, &[]);
        check(0, 1, 60, 0, &[0]);
        check(59_999, 60_001, 60, 0, &[0, 60_000]);
        check(0, DAY_MS, 86_400, 0, &[0]);
        check(0, DAY_MS, 86_400, 7_200, &[-7_200_000, DAY_MS - 7_200_000]);
        check(0, DAY_MS, 86_400, -19_800, &[19_800_000 - DAY_MS, 19_800_000]);
    }

    #[test]
    fn an_impossible_grid_is_refused() {
        let day = query(0, DAY_MS);
        for (bucket, zone) in [
            (0, 0),
            (-60, 0),
            (59, 0),
            (61, 0),
            (60, 30),
            (60, i64::MAX),
            (i64::MIN, 0),
            (60 * WIDTH_MINUTES_MAX + 60, 0),
        ] {
            let result = Grid::new(&day, bucket, zone);
            assert!(matches!(result, Err(QueryError::Bucket)), "{bucket} {zone}");
        }
        let result = Grid::new(&Query::default(), 60, 0);
        assert!(matches!(result, Err(QueryError::TooManyPoints { .. })));
        assert!(Grid::new(&query(0, SERIES_POINTS_MAX * MINUTE_MS), 60, 0).is_ok());
        assert!(Grid::new(&query(0, SERIES_POINTS_MAX * MINUTE_MS + 1), 60, 0).is_err());
    }
}
