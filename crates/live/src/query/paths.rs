//! Where visitors came in and went out: the page of each one's first and last page view in the range.
//!
//! Chunks are taken in the order of time, those that overlap together. Whoever was met in an earlier group has a
//! first page already, so only a set of visitors is kept, not when each was where.

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use onepixel_view::Dimension;
use rusqlite::Connection;

use super::part::Part;
use super::scope::Scope;
use super::top::{Count, Search};
use super::values::{Axis, Values};
use crate::error::Fault;
use crate::limits::PASS_VISITORS;
use crate::pieces::{Chunk, Meta};

/// When a page was viewed: its time, and among those of one millisecond its offset.
type Moment = (i64, u64);

/// The visitors of chunks that overlap, with the number of the page each came in on.
type Ends = HashMap<u64, (Moment, usize)>;

/// For each page, the visitors whose first (or last) it is, as events, views and visitors alike; and all of them.
/// Events without visitor or page, and those that are no page view, do not take part.
pub(super) fn count(
    connection: &Connection,
    scope: &Scope,
    dimension: Dimension,
    search: &Search,
) -> Result<(Values<Count>, u64), Fault> {
    let is_entry = dimension == Dimension::Entry;
    let groups = groups(scope.chunks(connection)?, is_entry);
    let mut values: Values<Count> = Values::default();
    let (mut visitors, mut ends) = (0, Ends::new());
    let shares = shares(connection, &groups)?;
    for share in 0..shares {
        let mut met: HashSet<u64> = HashSet::new();
        for group in &groups {
            ends.clear();
            for meta in group {
                if let Some(mut part) = Part::of(connection, meta, scope)? {
                    add_ends(&mut part, is_entry, &mut values, &mut ends)?;
                }
            }
            for (&hash, &(_, page)) in &ends {
                if hash % shares != share || !met.insert(hash) {
                    continue;
                }
                let count = &mut values.counts[page];
                count.events += 1;
                count.views += 1;
                count.identified += 1;
            }
        }
    }
    for page in 0..values.counts.len() {
        let mut count = values.counts[page];
        if !search.hides(values.value(page), &mut count) {
            visitors += count.identified;
        }
        values.counts[page] = count;
    }
    Ok((values, visitors))
}

/// Chunks that overlap in time together; the groups in the order of time, or against it.
fn groups(chunks: Vec<Meta>, is_entry: bool) -> Vec<Vec<Meta>> {
    let mut groups: Vec<Vec<Meta>> = Vec::new();
    let mut end = i64::MIN;
    for meta in chunks {
        let max_ms = meta.max_ms;
        match groups.last_mut() {
            Some(group) if meta.min_ms <= end => group.push(meta),
            _ => groups.push(vec![meta]),
        }
        end = end.max(max_ms);
    }
    if !is_entry {
        groups.reverse();
    }
    groups
}

/// Into how many shares the visitors are cut, each counted in a pass of its own.
fn shares(connection: &Connection, groups: &[Vec<Meta>]) -> Result<u64, Fault> {
    let mut visitors = 0;
    for meta in groups.iter().flatten() {
        visitors +=
            Chunk::new(connection, meta).cells()?.iter().map(|cell| cell.visitors as usize).sum::<usize>();
    }
    Ok((visitors / PASS_VISITORS + 1) as u64)
}

/// Adds the first (or last) page of each visitor of a part.
fn add_ends(
    part: &mut Part<'_>,
    is_entry: bool,
    values: &mut Values<Count>,
    ends: &mut Ends,
) -> Result<(), Fault> {
    let axis = Axis::of(part, Dimension::Page)?;
    let (times, offsets) = (part.chunk.times()?, part.chunk.offsets()?);
    part.read_cells()?;
    part.read_visitors()?;
    let has_page: Vec<bool> = (0..axis.len()).map(|code| !axis.name(code).is_empty()).collect();
    let mut of_visitor: Vec<Option<(Moment, u16)>> = vec![None; part.visitors.len()];
    part.rows.each(|row| {
        let page = axis.codes[row];
        if part.cell_codes[row] % 2 == 1 && part.is_asked(row) && has_page[usize::from(page)] {
            let moment = (times[row], offsets[row]);
            let end = of_visitor[usize::from(part.visitor_codes[row])].get_or_insert((moment, page));
            if (moment < end.0) == is_entry {
                *end = (moment, page);
            }
        }
    });
    let mut number_of: Vec<Option<usize>> = vec![None; axis.len()];
    for (hash, end) in part.visitors.iter().zip(of_visitor).filter(|(hash, _)| **hash != 0) {
        let Some((moment, page)) = end else { continue };
        let code = usize::from(page);
        let number = match number_of[code] {
            Some(number) => number,
            None => *number_of[code].insert(values.entry(axis.name(code))?.0),
        };
        let end = ends.entry(*hash).or_insert((moment, number));
        if (moment < end.0) == is_entry {
            *end = (moment, number);
        }
    }
    Ok(())
}
