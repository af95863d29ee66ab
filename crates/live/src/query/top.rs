//! Rankings.
//!
//! A first pass over the events counts every value, a second one the visitors of the values that are shown.
//! Ranked by visitors, more values are candidates: a value has no more visitors than events that have one, so the
//! values with the most of those are counted first, until no other can reach the rows asked for.

use std::cmp::{Ordering, Reverse};

use foldhash::{HashMap, HashSet, HashSetExt as _};
use onepixel_view::limits::TOP_ROWS_MAX;
use onepixel_view::{Dimension, Ranked, Ranking, Top, TopOrder};
use rusqlite::Connection;

use super::part::{Part, add_seen};
use super::paths;
use super::scope::Scope;
use super::values::{Axis, Values, shown};
use crate::distinct::Distinct;
use crate::error::Fault;
use crate::limits::{PASS_PAIRS, PASS_VALUES};

/// What the first pass counts of a value.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count {
    pub(super) events: u64,
    pub(super) views: u64,
    /// Events with a visitor: no value has more visitors than that.
    pub(super) identified: u64,
    /// Does not match what was searched for.
    pub(super) is_hidden: bool,
    /// Whether it is hidden was looked at.
    is_known: bool,
}

pub(crate) fn top(
    connection: &Connection,
    scope: &Scope,
    dimension: Dimension,
    ranking: &Ranking,
) -> Result<Top, Fault> {
    let search = Search::new(ranking.search.as_deref());
    if matches!(dimension, Dimension::Entry | Dimension::Exit) {
        let (values, visitors) = paths::count(connection, scope, dimension, &search)?;
        let known: Vec<u64> = values.counts.iter().map(|count| count.identified).collect();
        let mut order: Vec<usize> = matching(&values);
        order.sort_unstable_by(|a, b| compare(&values, &known, ranking.order, *a, *b));
        return Ok(answer(dimension, &values, &known, &order, ranking, visitors));
    }
    let counting = Counting { connection, scope, dimension };
    let (values, visitors) = counting.events(&search)?;
    let mut order = matching(&values);
    let mut known = vec![0; values.counts.len()];
    if ranking.order == TopOrder::Visitors {
        counting.rank_by_visitors(&values, &mut order, &mut known, ranking)?;
    } else {
        order.sort_unstable_by(|a, b| compare(&values, &known, ranking.order, *a, *b));
        counting.visitors(&values, page(&order, ranking), &mut known)?;
    }
    Ok(answer(dimension, &values, &known, &order, ranking, visitors))
}

/// The values that match.
fn matching(values: &Values<Count>) -> Vec<usize> {
    let counted = values.counts.iter().enumerate().filter(|(_, count)| !count.is_hidden && count.events > 0);
    counted.map(|(number, _)| number).collect()
}

/// The rows asked for.
fn page<'o>(order: &'o [usize], ranking: &Ranking) -> &'o [usize] {
    let rows = order.get(ranking.offset.min(order.len())..).unwrap_or_default();
    rows.get(..ranking.limit.min(TOP_ROWS_MAX).min(rows.len())).unwrap_or_default()
}

/// The one that comes first is less. Values differ, so no two are equal.
fn compare(values: &Values<Count>, known: &[u64], order: TopOrder, a: usize, b: usize) -> Ordering {
    let key = |number: usize| {
        let Count { events, views, .. } = values.counts[number];
        let visitors = known[number];
        Reverse(match order {
            TopOrder::Views => [views, events, 0],
            TopOrder::Events => [events, views, 0],
            TopOrder::Visitors => [visitors, views, events],
        })
    };
    key(a).cmp(&key(b)).then_with(|| values.value(a).cmp(values.value(b)))
}

fn answer(
    dimension: Dimension,
    values: &Values<Count>,
    known: &[u64],
    order: &[usize],
    ranking: &Ranking,
    visitors: u64,
) -> Top {
    let row = |number: &usize| Ranked {
        value: shown(values.value(*number)).into_owned(),
        events: values.counts[*number].events,
        views: values.counts[*number].views,
        visitors: Some(known[*number]),
    };
    Top {
        dimension,
        rows: page(order, ranking).iter().map(row).collect(),
        values: order.len() as u64,
        events: order.iter().map(|number| values.counts[*number].events).sum(),
        views: order.iter().map(|number| values.counts[*number].views).sum(),
        visitors: Some(visitors),
    }
}

/// What a value must hold, in any case.
pub(super) struct Search(Option<String>);

impl Search {
    fn new(text: Option<&str>) -> Self {
        Self(text.filter(|text| !text.is_empty()).map(str::to_lowercase))
    }

    fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Looks at each value once.
    pub(super) fn hides(&self, value: &[u8], count: &mut Count) -> bool {
        if !count.is_known {
            count.is_known = true;
            count.is_hidden = self.0.as_ref().is_some_and(|text| !shown(value).to_lowercase().contains(text));
        }
        count.is_hidden
    }
}

/// The passes over the events.
struct Counting<'q> {
    connection: &'q Connection,
    scope: &'q Scope,
    dimension: Dimension,
}

impl Counting<'_> {
    fn each(&self, mut visit: impl FnMut(&mut Part<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        for meta in self.scope.chunks(self.connection)? {
            if let Some(mut part) = Part::of(self.connection, &meta, self.scope)?
                && part.asked.contains(&true)
            {
                visit(&mut part)?;
            }
        }
        Ok(())
    }

    /// Counts every value, and the visitors of all that match.
    fn events(&self, search: &Search) -> Result<(Values<Count>, u64), Fault> {
        let mut values = Values::default();
        let mut distinct = Distinct::default();
        self.each(|part| {
            let axis = Axis::of(part, self.dimension)?;
            part.read_cells()?;
            part.read_visitors()?;
            let mut counts = vec![[0_u32; 3]; axis.len()];
            part.rows.each(|row| {
                if part.is_asked(row) {
                    let count = &mut counts[usize::from(axis.codes[row])];
                    count[0] += 1;
                    count[1] += u32::from(part.cell_codes[row] % 2);
                    count[2] += u32::from(part.visitors[usize::from(part.visitor_codes[row])] != 0);
                }
            });
            let mut is_shown = vec![false; axis.len()];
            for (code, [events, views, identified]) in
                counts.into_iter().enumerate().filter(|(_, c)| c[0] > 0)
            {
                let (_, count) = values.entry(axis.name(code))?;
                is_shown[code] = !search.hides(axis.name(code), count);
                count.events += u64::from(events);
                count.views += u64::from(views);
                count.identified += u64::from(identified);
            }
            if search.is_off() {
                return part.add_visitors(&mut distinct);
            }
            let mut seen = vec![false; part.visitors.len()];
            part.rows.each(|row| {
                seen[usize::from(part.visitor_codes[row])] |=
                    is_shown[usize::from(axis.codes[row])] && part.is_asked(row);
            });
            add_seen(&part.visitors, &seen, &mut distinct);
            Ok(())
        })?;
        Ok((values, distinct.count()))
    }

    /// Counts the visitors of some values into `known`.
    fn visitors(&self, values: &Values<Count>, some: &[usize], known: &mut [u64]) -> Result<(), Fault> {
        let place: HashMap<&[u8], usize> =
            some.iter().enumerate().map(|(at, number)| (values.value(*number), at)).collect();
        let words = some.len().div_ceil(64);
        let mut distinct: Vec<Distinct> = some.iter().map(|_| Distinct::default()).collect();
        self.each(|part| {
            let axis = Axis::of(part, self.dimension)?;
            part.read_cells()?;
            let find = |code| place.get(axis.name(code)).copied();
            let place_of: Vec<Option<usize>> = (0..axis.len()).map(find).collect();
            if place_of.iter().all(Option::is_none) {
                return Ok(());
            }
            part.read_visitors()?;
            // One bit for each visitor and value: who did a thing ten times is added once.
            let mut seen = vec![0_u64; part.visitors.len() * words];
            part.rows.each(|row| {
                if let Some(at) = place_of[usize::from(axis.codes[row])]
                    && part.is_asked(row)
                {
                    seen[usize::from(part.visitor_codes[row]) * words + at / 64] |= 1 << (at % 64);
                }
            });
            for (hash, seen) in part.visitors.iter().zip(seen.chunks(words.max(1))) {
                for (word, bits) in seen.iter().enumerate() {
                    let mut bits = *bits;
                    while bits != 0 {
                        distinct[word * 64 + bits.trailing_zeros() as usize].insert(*hash);
                        bits &= bits - 1;
                    }
                }
            }
            Ok(())
        })?;
        for (number, distinct) in some.iter().zip(distinct) {
            known[*number] = distinct.count();
        }
        Ok(())
    }

    /// Brings `order` into order as far as the rows asked for, and counts their visitors.
    fn rank_by_visitors(
        &self,
        values: &Values<Count>,
        order: &mut [usize],
        known: &mut [u64],
        ranking: &Ranking,
    ) -> Result<(), Fault> {
        let bounds: Vec<u64> = values.counts.iter().map(|count| count.identified).collect();
        order.sort_unstable_by(|a, b| compare(values, &bounds, TopOrder::Visitors, *a, *b));
        let end = ranking.offset.saturating_add(ranking.limit.min(TOP_ROWS_MAX)).min(order.len());
        let mut counted = 0;
        for pass in [PASS_VALUES, 4 * PASS_VALUES, 16 * PASS_VALUES] {
            let next = (counted + pass.max(end.saturating_sub(counted))).min(order.len());
            if next - counted > 64 * PASS_VALUES {
                break;
            }
            self.visitors(values, &order[counted..next], known)?;
            counted = next;
            order[..counted].sort_unstable_by(|a, b| compare(values, known, TopOrder::Visitors, *a, *b));
            let Some((&last, &other)) =
                end.checked_sub(1).and_then(|last| order.get(last)).zip(order.get(counted))
            else {
                return Ok(());
            };
            // The best that is not counted yet, at its very best.
            let mut best = known.to_vec();
            best[other] = bounds[other];
            if compare(values, &best, TopOrder::Visitors, last, other) == Ordering::Less {
                return Ok(());
            }
        }
        self.all_visitors(values, known)?;
        order.sort_unstable_by(|a, b| compare(values, known, TopOrder::Visitors, *a, *b));
        Ok(())
    }

    /// Counts the visitors of every value, a share of the values at a time.
    fn all_visitors(&self, values: &Values<Count>, known: &mut [u64]) -> Result<(), Fault> {
        let place: HashMap<&[u8], usize> =
            (0..values.counts.len()).map(|number| (values.value(number), number)).collect();
        let pairs: u64 = values.counts.iter().map(|count| count.identified).sum();
        let shares = usize::try_from(pairs).unwrap_or(usize::MAX) / PASS_PAIRS + 1;
        known.fill(0);
        for share in 0..shares {
            let mut met: HashSet<(usize, u64)> = HashSet::new();
            self.each(|part| {
                let axis = Axis::of(part, self.dimension)?;
                part.read_cells()?;
                part.read_visitors()?;
                let in_share = |number: &usize| number % shares == share;
                let find = |code| place.get(axis.name(code)).copied().filter(in_share);
                let numbers: Vec<Option<usize>> = (0..axis.len()).map(find).collect();
                part.rows.each(|row| {
                    let hash = part.visitors[usize::from(part.visitor_codes[row])];
                    if let Some(number) = numbers[usize::from(axis.codes[row])]
                        && part.is_asked(row)
                        && hash != 0
                        && met.insert((number, hash))
                    {
                        known[number] += 1;
                    }
                });
                Ok(())
            })?;
        }
        Ok(())
    }
}
