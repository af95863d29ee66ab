//! Chunks at their limits: more events, sites and texts than one of them may have.

use std::collections::{HashMap, HashSet};

use onepixel_event::{Class, Event};
use onepixel_live::limits;
use onepixel_view::{Dimension, Filter, Query, Ranking, TopOrder, Unit};

use crate::view::{NOW_MS, View, batch, event, record, text};

/// The n-th of them: its own site up to the 40,000th, one of 700 pages, one of 9,000 visitors.
fn nth(n: u64) -> Event<'static> {
    let mut event = event(NOW_MS - 5_400_000 + n as i64 * 40);
    event.site = text(&format!("site {}", n.min(40_000))).unwrap();
    event.page_path = text(&format!("/{}", n * 7919 % 700));
    event.title = text(&format!("title {} {}", n % 60_000, "t".repeat(60)));
    event.visitor = text(&format!("visitor {}", n * 104_729 % 9_000));
    event.class = Class::ALL[(n % 3) as usize];
    event
}

#[test]
fn what_does_not_fit_one_chunk_is_counted_in_several() {
    let mut view = View::new();
    let events: Vec<_> = (0..110_000).map(nth).collect();
    let records =
        |range: std::ops::Range<usize>| range.map(|n| record(n as u64, &events[n])).collect::<Vec<_>>();
    // One batch is larger than a chunk may be.
    let first = limits::CHUNK_EVENTS_MAX + 5_000;
    view.write(&batch(0..first as u64, records(0..first)));
    for start in (first..events.len()).step_by(1_000) {
        let end = (start + 1_000).min(events.len());
        view.write(&batch(start as u64..end as u64, records(start..end)));
    }
    let store = view.store();
    let asked = |page: &str| Query {
        filters: vec![Filter { dimension: Dimension::Page, value: page.to_owned() }],
        ..Query::default()
    };
    for (query, page) in
        [(Query::default(), None), (asked("/7"), Some("/7")), (asked("/none"), Some("/none"))]
    {
        let expected: Vec<_> = events
            .iter()
            .filter(|event| page.is_none_or(|page| event.page_path.as_deref() == Some(page)))
            .collect();
        let visitors = expected.iter().map(|event| &event.visitor).collect::<HashSet<_>>().len() as u64;
        let sites = expected.iter().map(|event| &event.site).collect::<HashSet<_>>().len() as u64;
        let sums = store.overview(&query, false).unwrap().sums;
        assert_eq!((sums.events, sums.visitors), (expected.len() as u64, Some(visitors)), "{page:?}");
        let by_hour = store.series(&query, Unit::Hour, "UTC").unwrap();
        assert_eq!(by_hour.points.iter().map(|point| point.sums.events).sum::<u64>(), sums.events);
        assert_eq!(store.top(&query, Dimension::Site, &Ranking::default()).unwrap().values, sites);
    }
    let mut visitors_of: HashMap<&str, HashSet<&str>> = HashMap::new();
    for event in &events {
        let page = event.page_path.as_deref().unwrap();
        visitors_of.entry(page).or_default().insert(event.visitor.as_deref().unwrap());
    }
    let mut expected: Vec<u64> = visitors_of.values().map(|visitors| visitors.len() as u64).collect();
    expected.sort_unstable_by_key(|visitors| std::cmp::Reverse(*visitors));
    let ranking = Ranking { order: TopOrder::Visitors, limit: 1_000, ..Ranking::default() };
    let found = store.top(&Query::default(), Dimension::Page, &ranking).unwrap();
    assert_eq!(found.rows.iter().map(|row| row.visitors.unwrap()).collect::<Vec<_>>(), expected);
    // So many values of the same number of visitors that they have to be counted all.
    let ranking = Ranking { order: TopOrder::Visitors, limit: 3, ..Ranking::default() };
    let found = store.top(&Query::default(), Dimension::Title, &ranking).unwrap();
    assert_eq!(found.rows.iter().map(|row| row.visitors.unwrap()).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(found.values, 60_000);
    assert!(store.size().unwrap().chunks < 160);
}
