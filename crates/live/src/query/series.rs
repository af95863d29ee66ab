//! Counts over time.

use onepixel_view::{Grid, Point, Series, Sums};
use rusqlite::Connection;

use super::overview::add;
use super::part::Part;
use super::scope::Scope;
use crate::distinct::Distinct;
use crate::error::Fault;

/// No point.
const NOWHERE: usize = usize::MAX;

pub(crate) fn series(
    connection: &Connection,
    scope: &Scope,
    grid: Grid,
    wanted: (i64, i64),
) -> Result<Series, Fault> {
    let points = grid.bounds.len().saturating_sub(1);
    let mut sums = vec![Sums::default(); points];
    let mut visitors: Vec<Distinct> = (0..points).map(|_| Distinct::default()).collect();
    if points > 0 {
        for meta in scope.chunks(connection)? {
            let Some(mut part) = Part::of(connection, &meta, scope)? else { continue };
            let first = grid.point(meta.min_ms.max(scope.from_ms));
            let last = grid.point(meta.max_ms.min(scope.to_ms.saturating_sub(1)));
            if let (Some(sums), Some(distinct)) = (sums.get_mut(first), visitors.get_mut(first))
                && first == last
            {
                for (index, [events, views]) in part.counts()?.into_iter().enumerate() {
                    if part.asked[index] {
                        add(sums, part.cells[index].class, events, views);
                    }
                }
                part.add_visitors(distinct)?;
            } else {
                spread(&mut part, &grid, &mut sums, &mut visitors)?;
            }
        }
    }
    let (from_ms, to_ms) = wanted;
    let points = grid.bounds.windows(2).zip(sums).zip(visitors).map(|((bounds, mut sums), visitors)| {
        let (start_ms, end_ms) = (bounds[0], bounds[1]);
        sums.visitors = Some(visitors.count());
        let is_cut = start_ms < from_ms.max(scope.horizon_ms) || end_ms > to_ms;
        Point { start_ms, end_ms, sums, partial: is_cut || end_ms > scope.now_ms }
    });
    Ok(Series { unit: grid.unit, points: points.collect(), zone: grid.zone })
}

/// Counts the rows of a part that lies in several points.
fn spread(
    part: &mut Part<'_>,
    grid: &Grid,
    sums: &mut [Sums],
    distinct: &mut [Distinct],
) -> Result<(), Fault> {
    let times = part.chunk.times()?;
    part.read_cells()?;
    part.read_visitors()?;
    // Where each visitor was seen last: rows come nearly in the order of time.
    let mut seen_in = vec![NOWHERE; part.visitors.len()];
    let (mut at, mut until) = (0, i64::MIN);
    let mut since = i64::MAX;
    part.rows.each(|row| {
        let cell_code = part.cell_codes[row];
        let cell = usize::from(cell_code / 2);
        if !part.asked[cell] {
            return;
        }
        let ms = times[row];
        if !(since..until).contains(&ms) {
            at = grid.point(ms);
            (since, until) = (grid.bounds[at], grid.bounds.get(at + 1).copied().unwrap_or(i64::MAX));
        }
        let Some(sums) = sums.get_mut(at) else { return };
        add(sums, part.cells[cell].class, 1, u64::from(cell_code % 2));
        let visitor = usize::from(part.visitor_codes[row]);
        if seen_in[visitor] != at {
            seen_in[visitor] = at;
            distinct[at].insert(part.visitors[visitor]);
        }
    });
    Ok(())
}
