//! Every answer equals a naive count over the same events.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use onepixel_event::{Class, Device, Event, ReferrerGroup};
use onepixel_live::{Dimension, LiveStore, Page, Query, TopOrder};
use proptest::prelude::*;
use proptest::sample::select;

use crate::view::{DAY, MINUTE, NOW_MS, TTL, View, batch, event, record, text};

const WORDS: &[&str] = &["a", "b", "c", "", "it's", "\0"];

fn word() -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(select(WORDS))
}

fn events() -> impl Strategy<Value = Event<'static>> {
    let ages =
        prop_oneof![0..3 * DAY, 0..2 * MINUTE, Just(0), 8 * DAY - MINUTE..8 * DAY + MINUTE, 6 * DAY..8 * DAY];
    (ages, word(), select(WORDS), proptest::array::uniform8(word()), select(Class::ALL), word()).prop_map(
        |(age, name, site, words, class, visitor)| {
            let mut event = event(NOW_MS + 30 * MINUTE - age);
            event.event = text(name.filter(|n| !n.is_empty()).unwrap_or("pageview")).unwrap();
            event.site = text(site).unwrap();
            event.class = class;
            event.visitor = visitor.and_then(text);
            let [host, path, referrer, browser, os, country, language, campaign] =
                words.map(|word| word.and_then(text));
            event.device = browser.as_ref().map(|b| if b == "a" { Device::Mobile } else { Device::Tv });
            let group = |host: &Cow<'_, str>| match host.len() % 2 {
                0 => ReferrerGroup::Ai,
                _ => ReferrerGroup::Direct,
            };
            event.referrer_group = referrer.as_ref().map(group);
            event.utm_source = campaign.clone();
            event.utm_medium = os.clone();
            (event.page_host, event.page_path, event.referrer_host) = (host, path, referrer);
            (event.browser, event.os, event.country) = (browser, os, country);
            (event.language, event.utm_campaign) = (language, campaign);
            event
        },
    )
}

fn queries() -> impl Strategy<Value = Query> {
    let moment = || -9 * DAY..2 * DAY;
    let classes = proptest::option::of(proptest::sample::subsequence(Class::ALL, 0..=Class::ALL.len()));
    let site = proptest::option::of(select(&["a", "b", "", "nowhere"][..]));
    (moment(), moment(), classes, site).prop_map(|(one, other, classes, site)| Query {
        site: site.map(str::to_owned),
        from_ms: NOW_MS + one.min(other),
        to_ms: NOW_MS + one.max(other),
        classes: classes.map(|classes| classes.into_iter().collect()).unwrap_or_default(),
    })
}

fn ceil(ms: i64) -> i64 {
    ms.div_euclid(MINUTE) + i64::from(ms.rem_euclid(MINUTE) != 0)
}

fn minute(event: &Event<'_>) -> i64 {
    event.received_at.ms().div_euclid(MINUTE)
}

fn horizon() -> i64 {
    NOW_MS - TTL.as_millis() as i64
}

/// The events that a query is about, of all classes.
fn matching<'e>(events: &'e [Event<'static>], query: &Query) -> Vec<&'e Event<'static>> {
    let from = query.from_ms.div_euclid(MINUTE).max(ceil(horizon()));
    let to = ceil(query.to_ms);
    events
        .iter()
        .filter(|e| (from..to).contains(&minute(e)))
        .filter(|e| query.site.as_ref().is_none_or(|site| *site == e.site))
        .collect()
}

fn of_classes<'e>(events: &[&'e Event<'static>], query: &Query) -> Vec<&'e Event<'static>> {
    events.iter().copied().filter(|e| query.classes.contains(e.class)).collect()
}

fn views(events: &[&Event<'_>]) -> u64 {
    events.iter().filter(|e| e.event == "pageview").count() as u64
}

fn visitors(events: &[&Event<'_>]) -> u64 {
    events.iter().filter_map(|e| e.visitor.as_deref()).collect::<HashSet<_>>().len() as u64
}

fn value(event: &Event<'_>, dimension: Dimension) -> Option<String> {
    let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let value = match dimension {
        Dimension::Page => match (&event.page_host, &event.page_path) {
            (None, None) => None,
            (host, path) => Some(format!(
                "{}{}",
                host.as_deref().unwrap_or_default(),
                path.as_deref().unwrap_or_default()
            )),
        },
        Dimension::ReferrerHost if event.referrer_group == Some(ReferrerGroup::Direct) => None,
        Dimension::ReferrerHost => owned(&event.referrer_host),
        Dimension::ReferrerGroup => event.referrer_group.map(|g| g.as_str().to_owned()),
        Dimension::Browser => owned(&event.browser),
        Dimension::Os => owned(&event.os),
        Dimension::Device => event.device.map(|d| d.as_str().to_owned()),
        Dimension::Country => owned(&event.country),
        Dimension::Language => owned(&event.language),
        Dimension::Event => Some(event.event.to_string()),
        Dimension::Source => owned(&event.utm_source),
        Dimension::Medium => owned(&event.utm_medium),
        Dimension::Campaign => owned(&event.utm_campaign),
        Dimension::Class => Some(event.class.as_str().to_owned()),
    };
    value.filter(|value| !value.is_empty())
}

fn check_overview(store: &LiveStore, events: &[Event<'static>], query: &Query) {
    let found = store.overview(query).unwrap();
    let all = matching(events, query);
    let asked = of_classes(&all, query);
    assert_eq!(found.events, asked.len() as u64);
    assert_eq!(found.views, views(&asked));
    assert_eq!(found.visitors, visitors(&asked));
    let now = NOW_MS.div_euclid(MINUTE);
    let current = Query { from_ms: (now - 4) * MINUTE, to_ms: (now + 1) * MINUTE, ..query.clone() };
    assert_eq!(found.now, visitors(&of_classes(&matching(events, &current), query)));
    let mut classes = BTreeMap::new();
    for event in &all {
        *classes.entry(event.class.as_str()).or_insert(0) += 1;
    }
    assert_eq!(found.classes.iter().map(|c| (c.class, c.events)).collect::<BTreeMap<_, _>>(), classes);
}

fn check_series(store: &LiveStore, events: &[Event<'static>], query: &Query, bucket: i64, zone: i64) {
    let Ok(found) = store.series(query, bucket, zone) else {
        assert!(query.to_ms.saturating_sub(query.from_ms) / 1_000 / bucket > 10_000, "{bucket} {zone}");
        return;
    };
    let asked = of_classes(&matching(events, query), query);
    for pair in found.points.windows(2) {
        assert_eq!(pair[1].start_ms - pair[0].start_ms, bucket * 1_000);
    }
    let mut within: BTreeMap<i64, Vec<&Event<'_>>> = BTreeMap::new();
    for event in &asked {
        let local = event.received_at.ms().div_euclid(1_000) + zone;
        within.entry((local - local.rem_euclid(bucket) - zone) * 1_000).or_default().push(event);
    }
    for point in &found.points {
        let expected = within.remove(&point.start_ms).unwrap_or_default();
        assert_eq!(
            (point.events, point.views, point.visitors),
            (expected.len() as u64, views(&expected), visitors(&expected)),
            "{} {bucket} {zone}",
            point.start_ms
        );
    }
    assert!(within.is_empty(), "events outside of all points");
}

fn check_top(store: &LiveStore, events: &[Event<'static>], query: &Query) {
    let asked = of_classes(&matching(events, query), query);
    for &dimension in Dimension::ALL {
        let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for event in &asked {
            if let Some(value) = value(event, dimension) {
                let count = expected.entry(value).or_default();
                count.0 += 1;
                count.1 += u64::from(event.event == "pageview");
            }
        }
        let top = store.top(query, dimension, TopOrder::Events, 1_000).unwrap();
        let found: BTreeMap<_, _> = top.rows.iter().map(|r| (r.value.clone(), (r.events, r.views))).collect();
        assert_eq!(found, expected, "{dimension:?}");
        assert_eq!(top.values, expected.len() as u64);
        assert_eq!(top.events, expected.values().map(|c| c.0).sum::<u64>());
        assert!(top.rows.is_sorted_by_key(|r| std::cmp::Reverse((r.events, r.views))));
        let first = store.top(query, dimension, TopOrder::Views, 2).unwrap();
        assert_eq!((first.values, first.views), (top.values, top.views));
        let mut by_views: Vec<_> = expected.values().map(|(events, views)| (*views, *events)).collect();
        by_views.sort_by_key(|count| std::cmp::Reverse(*count));
        let found: Vec<_> = first.rows.iter().map(|r| (r.views, r.events)).collect();
        assert_eq!(found, by_views[..by_views.len().min(2)], "{dimension:?}");
    }
}

fn check_recent(store: &LiveStore, events: &[Event<'static>], query: &Query) {
    let range = query.from_ms.max(horizon())..query.to_ms;
    let expected: Vec<String> = events
        .iter()
        .rev()
        .filter(|e| range.contains(&e.received_at.ms()) && query.classes.contains(e.class))
        .filter(|e| query.site.as_ref().is_none_or(|site| *site == e.site))
        .map(|e| e.id.to_string())
        .collect();
    let found = store.recent(query, &Page { limit: 500, ..Page::default() }).unwrap();
    let found: Vec<_> =
        found.iter().map(|e| Event::decode(e.event.get().as_bytes()).unwrap().id.to_string()).collect();
    assert_eq!(found, expected);
}

fn check_sites(store: &LiveStore, events: &[Event<'static>]) {
    let mut expected = BTreeMap::new();
    for event in matching(events, &Query::default()) {
        *expected.entry(event.site.to_string()).or_insert(0) += 1;
    }
    let found = store.sites().unwrap();
    assert_eq!(found.iter().map(|s| (s.value.clone(), s.events)).collect::<BTreeMap<_, _>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_the_naive_one(
        mut events in proptest::collection::vec(events(), 0..120),
        in_order: bool,
        cuts in proptest::collection::vec(0_usize..120, 0..6),
        queries in proptest::collection::vec(queries(), 1..6),
        bucket in select(&[60, 300, 1_800, 3_600, 7_200, 10_800, 86_400, 90_000, 604_800][..]),
        zone in select(&[0, 3_600, -18_000, 19_800, 20_700, -12_600, 50_400, 86_400][..]),
    ) {
        if in_order {
            events.sort_by_key(|event| event.received_at);
        }
        let mut view = View::new();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(events.len())).collect();
        cuts.push(events.len());
        cuts.sort_unstable();
        let mut start = 0;
        for end in cuts {
            let records = (start..end).map(|i| record(i as u64, &events[i])).collect();
            let batch = batch(start as u64..end as u64, records);
            view.write(&batch);
            view.write(&batch);
            start = end;
        }
        let store = view.store();
        for query in queries.iter().chain([&Query::default()]) {
            check_overview(&store, &events, query);
            check_series(&store, &events, query, bucket, zone);
            check_top(&store, &events, query);
            check_recent(&store, &events, query);
        }
        check_sites(&store, &events);
        // Deleting what is not shown changes no answer.
        let mut retention = view.retention();
        while retention.forget().unwrap().more {}
        check_overview(&store, &events, &queries[0]);
        check_series(&store, &events, &queries[0], bucket, zone);
        check_top(&store, &events, &queries[0]);
        check_recent(&store, &events, &queries[0]);
        prop_assert_eq!(store.totals().unwrap().partitions.iter().map(|p| p.counted).sum::<u64>(), events.len() as u64);
    }
}
