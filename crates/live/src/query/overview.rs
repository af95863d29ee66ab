//! Sums over a range: the overview, and the list of sites.

use std::collections::BTreeMap;

use foldhash::HashMap;
use onepixel_event::Class;
use onepixel_view::limits::SITES_MAX;
use onepixel_view::{ClassCount, ClassSet, Overview, SiteCount, Sums};
use rusqlite::Connection;

use super::part::Part;
use super::scope::Scope;
use crate::axis::{HUMAN, class_name};
use crate::distinct::Distinct;
use crate::error::Fault;

/// Who is on the site now was there within this time.
const NOW_MS: i64 = 5 * 60_000;

/// `with_previous`: also the range just before.
pub(crate) fn overview(
    connection: &Connection,
    scope: &Scope,
    with_previous: bool,
) -> Result<Overview, Fault> {
    let (sums, classes) = sums(connection, scope)?;
    let classes = classes
        .into_iter()
        .map(|(class, [events, views])| ClassCount { class: class_name(class), events, views })
        .collect();
    Ok(Overview {
        sums,
        now: Some(now(connection, scope)?),
        classes,
        previous: if with_previous { previous(connection, scope)? } else { None },
    })
}

/// What is asked for, and what each class has of it whatever classes are asked for.
fn sums(connection: &Connection, scope: &Scope) -> Result<(Sums, BTreeMap<u8, [u64; 2]>), Fault> {
    let mut sums = Sums::default();
    let mut classes: BTreeMap<u8, [u64; 2]> = BTreeMap::new();
    let mut visitors = Distinct::default();
    for meta in scope.chunks(connection)? {
        let Some(mut part) = Part::of(connection, &meta, scope)? else { continue };
        for (index, [events, views]) in part.counts()?.into_iter().enumerate() {
            let class = part.cells[index].class;
            if part.taken[index] && events > 0 {
                let of_class = classes.entry(class).or_default();
                of_class[0] += events;
                of_class[1] += views;
            }
            if part.asked[index] {
                add(&mut sums, class, events, views);
            }
        }
        part.add_visitors(&mut visitors)?;
    }
    sums.visitors = Some(visitors.count());
    Ok((sums, classes))
}

/// Adds events of a class.
pub(super) fn add(sums: &mut Sums, class: u8, events: u64, views: u64) {
    sums.events += events;
    sums.views += views;
    if class != HUMAN {
        sums.machine_events += events;
    }
}

fn now(connection: &Connection, scope: &Scope) -> Result<u64, Fault> {
    let mut scope = scope.over(scope.now_ms.saturating_sub(NOW_MS), scope.now_ms.saturating_add(1));
    scope.classes = ClassSet::from_iter([Class::Human]);
    let mut visitors = Distinct::default();
    for meta in scope.chunks(connection)? {
        if let Some(mut part) = Part::of(connection, &meta, &scope)? {
            part.add_visitors(&mut visitors)?;
        }
    }
    Ok(visitors.count())
}

fn previous(connection: &Connection, scope: &Scope) -> Result<Option<Sums>, Fault> {
    // Without an end, the range is up to now.
    let end = if scope.to_ms == i64::MAX { scope.now_ms } else { scope.to_ms };
    let from_ms = scope.from_ms.saturating_sub(end.saturating_sub(scope.from_ms).max(0));
    if from_ms < scope.horizon_ms {
        return Ok(None);
    }
    Ok(Some(sums(connection, &scope.over(from_ms, scope.from_ms))?.0))
}

/// The sites that had events, the busiest first.
pub(crate) fn sites(connection: &Connection, scope: &Scope) -> Result<Vec<SiteCount>, Fault> {
    let mut sites: HashMap<String, SiteCount> = HashMap::default();
    for meta in scope.chunks(connection)? {
        let Some(mut part) = Part::of(connection, &meta, scope)? else { continue };
        let counts = part.counts()?;
        for (cell, [events, views]) in
            part.cells.into_iter().zip(counts).filter(|(_, [events, _])| *events > 0)
        {
            let site = sites.entry(cell.site).or_insert_with_key(|site| SiteCount {
                site: site.clone(),
                events: 0,
                views: 0,
                last_ms: i64::MIN,
            });
            site.events += events;
            site.views += views;
            // What a range leaves out of a cell is older: the range of all sites ends with the newest event.
            site.last_ms = site.last_ms.max(cell.max_ms);
        }
    }
    let mut sites: Vec<SiteCount> = sites.into_values().collect();
    sites.sort_unstable_by(|a, b| b.events.cmp(&a.events).then_with(|| a.site.cmp(&b.site)));
    sites.truncate(SITES_MAX);
    Ok(sites)
}
