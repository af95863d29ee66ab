//! Where visitors came in and went out: the page of each one's first and last page view in the range.

use foldhash::{HashMap, HashMapExt as _};
use rusqlite::Connection;

use super::part::Part;
use super::scope::Scope;
use super::top::{Count, Search};
use super::values::{Axis, Values};
use crate::axis::Dimension;
use crate::error::Fault;
use crate::limits::PASS_VISITORS;

/// When a page was viewed: its time, and among those of one millisecond its offset.
type Moment = (i64, u64);

/// For each page, the visitors whose first (or last) it is, as events, views and visitors alike; and all of them.
/// Events without visitor or page, and those that are no page view, do not take part.
pub(super) fn count(
    connection: &Connection,
    scope: &Scope,
    dimension: Dimension,
    search: &Search,
) -> Result<(Values<Count>, u64), Fault> {
    let mut values: Values<Count> = Values::default();
    let chunks = scope.chunks(connection)?;
    let events: usize = chunks.iter().map(|meta| meta.events).sum();
    let shares = (events / PASS_VISITORS / 2 + 1) as u64;
    let (mut visitors, is_entry) = (0, dimension == Dimension::Entry);
    for share in 0..shares {
        let mut ends: HashMap<u64, (Moment, usize)> = HashMap::new();
        for meta in &chunks {
            let Some(mut part) = Part::of(connection, meta, scope)? else { continue };
            for (hash, moment, page) in ends_of(&mut part, is_entry, &mut values)? {
                if hash % shares == share {
                    let end = ends.entry(hash).or_insert((moment, page));
                    if (moment < end.0) == is_entry && moment != end.0 {
                        *end = (moment, page);
                    }
                }
            }
        }
        for (_, page) in ends.into_values() {
            let is_hidden = {
                let value = values.value(page).to_owned();
                search.hides(&value, &mut values.counts[page])
            };
            let count = &mut values.counts[page];
            count.events += 1;
            count.views += 1;
            count.identified += 1;
            visitors += u64::from(!is_hidden);
        }
    }
    Ok((values, visitors))
}

/// The first (or last) page of each visitor of a part: hash, moment, number of the page.
fn ends_of(
    part: &mut Part<'_>,
    is_entry: bool,
    values: &mut Values<Count>,
) -> Result<Vec<(u64, Moment, usize)>, Fault> {
    let cell_codes = part.cell_codes()?;
    let axis = Axis::of(part, Dimension::Page, &cell_codes)?;
    let (times, offsets) = (part.chunk.times()?, part.chunk.offsets()?);
    let visitors = part.chunk.visitors()?;
    let visitor_codes = part.chunk.visitor_codes(&visitors)?;
    let has_page: Vec<bool> = (0..axis.len()).map(|code| !axis.name(code).is_empty()).collect();
    let mut ends: Vec<Option<(Moment, u16)>> = vec![None; visitors.len()];
    part.rows.each(|row| {
        let (cell, page) = (cell_codes[row], axis.codes[row]);
        if cell % 2 == 1 && part.asked[usize::from(cell / 2)] && has_page[usize::from(page)] {
            let moment = (times[row], offsets[row]);
            let end = ends[usize::from(visitor_codes[row])].get_or_insert((moment, page));
            if (moment < end.0) == is_entry {
                *end = (moment, page);
            }
        }
    });
    let mut number_of: Vec<Option<usize>> = vec![None; axis.len()];
    let mut found = Vec::new();
    for (hash, end) in visitors.iter().zip(ends).filter(|(hash, _)| **hash != 0) {
        let Some((moment, page)) = end else { continue };
        let code = usize::from(page);
        let number = match number_of[code] {
            Some(number) => number,
            None => *number_of[code].insert(values.entry(axis.name(code))?.0),
        };
        found.push((*hash, moment, number));
    }
    Ok(found)
}
