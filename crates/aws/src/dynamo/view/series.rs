//! Counts over time.
//!
//! Points that begin and end at whole hours of UTC are made of hours; in zones half an hour off, of minutes.

use onepixel_view::{Grid, Point, Query, QueryError, Series, Unit};

use super::super::keys::{SK, Span, parse_count_sk};
use super::counts::Counts;
use super::plan::{self, HOUR_MS, MINUTE_MS};
use super::read::{Reader, text};
use super::scope::Scope;

/// The points of the range: up to now without an end, and from the horizon on without a start.
pub(super) fn grid(scope: &Scope, query: &Query, unit: Unit, zone: &str) -> Result<Grid, QueryError> {
    let from = if query.from_ms == i64::MIN { scope.horizon_ms } else { query.from_ms };
    let to = if query.to_ms == i64::MAX { scope.to_ms } else { query.to_ms };
    Grid::new(unit, zone, from, to)
}

pub(super) async fn series(reader: &Reader<'_>, scope: &Scope, grid: Grid) -> Result<Series, QueryError> {
    let (from, to) = scope.minutes();
    let by_minute = grid.bounds.iter().any(|bound| bound % HOUR_MS != 0);
    let mut counts = vec![Counts::default(); grid.bounds.len().saturating_sub(1)];
    let keys = match counts.is_empty() {
        true => Vec::new(),
        false => plan::counters(&scope.sites, (from, to), scope.now_ms, by_minute),
    };
    reader
        .each(keys, |day_ms, item| {
            // An item that is not ours is no counter.
            let Some(span) = text(item, SK).and_then(parse_count_sk) else { return Ok(()) };
            let at = day_ms
                + match span {
                    Span::Hour(hour) => i64::from(hour) * HOUR_MS,
                    Span::Minute(hour, minute) => i64::from(hour) * HOUR_MS + i64::from(minute) * MINUTE_MS,
                };
            if let Some(counts) = counts.get_mut(grid.point(at)) {
                counts.add(item);
            }
            Ok(())
        })
        .await?;
    let points = grid.bounds.windows(2).zip(counts).map(|(bounds, counts)| {
        let (start_ms, end_ms) = (bounds[0], bounds[1]);
        let partial = start_ms < from || end_ms > to || end_ms > scope.now_ms;
        Point { start_ms, end_ms, sums: counts.sums(scope.classes), partial }
    });
    Ok(Series { unit: grid.unit, points: points.collect(), zone: grid.zone })
}
