//! Every answer equals a naive count over the same events: any filters, classes and zones, whatever was merged,
//! forgotten, written twice or opened again in between.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use onepixel_event::{Class, Device, Event, Props, ReferrerGroup};
use onepixel_live::{LiveStore, limits};
use onepixel_view::{Dimension, Filter, Page, Query, Ranking, Series, Sums, TopOrder, Unit};
use proptest::prelude::*;
use proptest::sample::select;

use crate::view::{DAY, MINUTE, TTL, View, batch, event, record, text};

const WORDS: &[&str] = &["a", "b", "c", "", "it's", "\0", "Aa", "É"];
const PROPS: &[&str] = &[
    "{}",
    r#"{"plan":"pro"}"#,
    r#"{"plan":"pro","n":1}"#,
    r#"{"n":"1","deep":{"x":[1, 2]}}"#,
    r#"{"q":"\"\n"}"#,
];
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Santiago",
];

/// Moments within whose last seven days clocks are changed somewhere, and one without.
fn moments() -> impl Strategy<Value = i64> {
    let texts =
        ["2026-02-10T21:04:05.123Z", "2026-03-11T03:00:00Z", "2026-03-30T10:17:00Z", "2026-04-06T01:30:00Z"];
    let later =
        ["2026-09-07T12:00:00Z", "2026-10-04T09:00:00.999Z", "2026-10-26T00:00:00Z", "2026-11-02T05:59:00Z"];
    let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
    select(texts.iter().chain(&later).map(|text| ms(text)).collect::<Vec<_>>())
}

fn word() -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(select(WORDS))
}

/// An event whose age is at first in the place of its moment.
fn events() -> impl Strategy<Value = (i64, Event<'static>)> {
    let ages = prop_oneof![
        4 => 0..8 * DAY,
        2 => 0..10 * MINUTE,
        1 => Just(0),
        1 => 7 * DAY - 2..7 * DAY + 3,
        1 => -MINUTE..MINUTE,
    ];
    let words = (proptest::array::uniform12(word()), proptest::option::of(0..40_u8));
    (ages, select(WORDS), words, select(Class::ALL), select(PROPS)).prop_map(
        |(age, site, (words, visitor), class, props)| {
            let mut event = event(0);
            event.site = text(site).unwrap();
            event.class = class;
            event.visitor = visitor.map(|visitor| Cow::Owned(format!("v{visitor}")));
            event.props = Props::from_object(props.as_bytes().to_vec());
            let [name, host, path, title, referrer, browser, os, country, language, campaign, term, source] =
                words.map(|word| word.and_then(text));
            event.event = name.filter(|name| !name.is_empty()).unwrap_or("pageview".into());
            event.device = browser.as_ref().map(|b| if b == "a" { Device::Mobile } else { Device::Tv });
            let group = |host: &Cow<'_, str>| {
                if host.len().is_multiple_of(2) { ReferrerGroup::Ai } else { ReferrerGroup::Direct }
            };
            event.referrer_group = referrer.as_ref().map(group);
            (event.page_host, event.page_path, event.referrer_host) = (host, path, referrer);
            (event.browser, event.os, event.country, event.title) = (browser, os, country, title);
            (event.language, event.utm_campaign, event.utm_term) = (language, campaign, term);
            (event.utm_medium, event.utm_content) = (source.clone(), event.utm_term.clone());
            event.utm_source = source;
            (age, event)
        },
    )
}

fn filters() -> impl Strategy<Value = Vec<Filter>> {
    let dimensions: Vec<Dimension> = Dimension::ALL.iter().copied().filter(|d| d.is_filter()).collect();
    let values = [WORDS, &["pageview", "mobile", "human", "bot", "ai", "nowhere"]].concat();
    let filter = (select(dimensions), select(values))
        .prop_map(|(dimension, value)| Filter { dimension, value: value.to_owned() });
    prop_oneof![2 => Just(Vec::new()), 3 => proptest::collection::vec(filter, 1..4)]
}

/// A query with its range before and after now.
fn queries() -> impl Strategy<Value = Query> {
    let moment = || prop_oneof![-8 * DAY..2 * MINUTE, -20 * MINUTE..MINUTE];
    let classes = proptest::option::of(proptest::sample::subsequence(Class::ALL, 1..=Class::ALL.len()));
    let site = proptest::option::weighted(0.3, select(&["a", "b", "", "nowhere"][..]));
    let range = prop_oneof![Just(None), (moment(), moment()).prop_map(Some)];
    (range, classes, site, filters()).prop_map(|(range, classes, site, filters)| {
        let (from_ms, to_ms) = range.map_or((i64::MIN, i64::MAX), |(a, b)| (a.min(b), a.max(b)));
        let classes = classes.map(|classes| classes.into_iter().collect()).unwrap_or_default();
        Query { site: site.map(str::to_owned), from_ms, to_ms, classes, filters }
    })
}

fn value(event: &Event<'_>, dimension: Dimension) -> String {
    let text = match dimension {
        Dimension::Page | Dimension::Entry | Dimension::Exit => event.page_path.as_deref(),
        Dimension::Host => event.page_host.as_deref(),
        Dimension::Referrer => event.referrer_host.as_deref(),
        Dimension::Group => event.referrer_group.map(|group| group.as_str()),
        Dimension::Source => event.utm_source.as_deref(),
        Dimension::Medium => event.utm_medium.as_deref(),
        Dimension::Campaign => event.utm_campaign.as_deref(),
        Dimension::Term => event.utm_term.as_deref(),
        Dimension::Content => event.utm_content.as_deref(),
        Dimension::Browser => event.browser.as_deref(),
        Dimension::Os => event.os.as_deref(),
        Dimension::Device => event.device.map(|device| device.as_str()),
        Dimension::Country => event.country.as_deref(),
        Dimension::Language => event.language.as_deref(),
        Dimension::Event => Some(&*event.event),
        Dimension::Site => Some(&*event.site),
        Dimension::Class => Some(event.class.as_str()),
        Dimension::Title => event.title.as_deref(),
    };
    text.unwrap_or_default().to_owned()
}

/// All there is to know: what was written, and when it is.
struct World {
    events: Vec<Event<'static>>,
    now_ms: i64,
}

type Events<'w> = Vec<(usize, &'w Event<'static>)>;

impl World {
    fn horizon(&self) -> i64 {
        self.now_ms - TTL.as_millis() as i64
    }

    /// The events a query is about, of all classes, with their offsets.
    fn matching(&self, query: &Query) -> Events<'_> {
        let range = query.from_ms.max(self.horizon())..query.to_ms;
        let holds = |event: &Event<'_>| {
            let mut named: Vec<Dimension> = query.filters.iter().map(|filter| filter.dimension).collect();
            named.dedup();
            named.into_iter().all(|dimension| {
                let of_it = query.filters.iter().filter(|filter| filter.dimension == dimension);
                of_it.map(|filter| &filter.value).any(|wanted| *wanted == value(event, dimension))
            })
        };
        let events = self.events.iter().enumerate();
        events
            .filter(|(_, event)| range.contains(&event.received_at.ms()))
            .filter(|(_, event)| query.site.as_ref().is_none_or(|site| *site == event.site))
            .filter(|(_, event)| holds(event))
            .collect()
    }

    fn asked(&self, query: &Query) -> Events<'_> {
        let mut events = self.matching(query);
        events.retain(|(_, event)| query.classes.contains(event.class));
        events
    }

    fn sums(&self, query: &Query) -> Sums {
        sums(&self.asked(query))
    }
}

fn visitors(events: &Events<'_>) -> u64 {
    events.iter().filter_map(|(_, event)| event.visitor.as_ref()).collect::<HashSet<_>>().len() as u64
}

fn views(events: &Events<'_>) -> u64 {
    events.iter().filter(|(_, event)| event.event == "pageview").count() as u64
}

fn sums(events: &Events<'_>) -> Sums {
    Sums {
        events: events.len() as u64,
        views: views(events),
        visitors: Some(visitors(events)),
        machine_events: events.iter().filter(|(_, event)| event.class != Class::Human).count() as u64,
    }
}

fn check_overview(store: &LiveStore, world: &World, query: &Query) {
    let found = store.overview(query, true).unwrap();
    assert_eq!(found.sums, world.sums(query));
    let now = Query {
        from_ms: world.now_ms - 5 * MINUTE,
        to_ms: world.now_ms + 1,
        classes: [Class::Human].into_iter().collect(),
        ..query.clone()
    };
    assert_eq!(found.now, world.sums(&now).visitors);
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, event) in world.matching(query) {
        *classes.entry(event.class.as_str()).or_default() += 1;
    }
    assert_eq!(found.classes.iter().map(|c| (c.class, c.events)).collect::<BTreeMap<_, _>>(), classes);
    let from_ms = query.from_ms.max(world.horizon());
    let to_ms = if query.to_ms == i64::MAX { world.now_ms } else { query.to_ms };
    let before = Query { from_ms: from_ms - (to_ms - from_ms).max(0), to_ms: from_ms, ..query.clone() };
    let previous = (before.from_ms >= world.horizon()).then(|| world.sums(&before));
    assert_eq!(found.previous, previous);
}

/// What tells the hour or day of a zone that a moment lies in.
fn key(unit: Unit, zone: &str, ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap().to_zoned_datetime(TimeZone::get(zone).unwrap());
    match unit {
        Unit::Minute => ms.div_euclid(MINUTE).to_string(),
        Unit::Day => at.date().to_string(),
        // There clocks are set back by half an hour, which is then part of the hour it came after.
        Unit::Hour if zone == "Australia/Lord_Howe" => format!("{} {}", at.date(), at.hour()),
        Unit::Hour => format!("{} {} {}", at.date(), at.hour(), at.offset()),
    }
}

fn check_series(store: &LiveStore, world: &World, query: &Query, unit: Unit, zone: &str) {
    let from_ms = if query.from_ms == i64::MIN { world.horizon() } else { query.from_ms };
    let to_ms = if query.to_ms == i64::MAX { world.now_ms + 1 } else { query.to_ms };
    let query = Query { from_ms, to_ms, ..query.clone() };
    let Ok(Series { points, .. }) = store.series(&query, unit, zone) else {
        assert!(unit == Unit::Minute && (to_ms - from_ms) / MINUTE >= 1_999);
        return;
    };
    for pair in points.windows(2) {
        assert_eq!(pair[0].end_ms, pair[1].start_ms, "gapless");
    }
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        assert!(first.start_ms <= from_ms && from_ms < first.end_ms);
        assert!(last.start_ms < to_ms && to_ms <= last.end_ms);
    } else {
        assert!(from_ms >= to_ms);
    }
    let asked = world.asked(&query);
    let mut counted = 0;
    let mut keys = BTreeSet::new();
    for point in points {
        let span = point.start_ms..point.end_ms;
        let within: Events<'_> =
            asked.iter().copied().filter(|(_, event)| span.contains(&event.received_at.ms())).collect();
        assert_eq!(point.sums, sums(&within), "{zone} {unit:?} {}", point.start_ms);
        counted += within.len();
        let is_cut = span.start < from_ms.max(world.horizon()) || span.end > to_ms || span.end > world.now_ms;
        assert_eq!(point.partial, is_cut);
        let (first, last) = (key(unit, zone, span.start), key(unit, zone, span.end - 1));
        assert_eq!(first, last, "{zone} {unit:?}: a point lies in one hour or day");
        assert!(keys.insert(first), "{zone} {unit:?}: no two points lie in the same hour or day");
    }
    assert_eq!(counted, asked.len());
}

/// Value, events, views, visitors; in any order.
fn rows(world: &World, query: &Query, dimension: Dimension, search: &str) -> Vec<(String, u64, u64, u64)> {
    let mut by_value: BTreeMap<String, Events<'_>> = BTreeMap::new();
    let is_path = matches!(dimension, Dimension::Entry | Dimension::Exit);
    let mut asked = world.asked(query);
    if is_path {
        asked
            .retain(|(_, e)| e.event == "pageview" && e.visitor.is_some() && !value(e, dimension).is_empty());
        asked.sort_by_key(|(offset, event)| (event.received_at, *offset));
        if dimension == Dimension::Exit {
            asked.reverse();
        }
        let mut met = HashSet::new();
        asked.retain(|(_, event)| met.insert(event.visitor.clone()));
    }
    for (offset, event) in asked {
        by_value.entry(value(event, dimension)).or_default().push((offset, event));
    }
    let counted = by_value
        .into_iter()
        .map(|(value, events)| (value, events.len() as u64, views(&events), visitors(&events)));
    counted.filter(|(value, ..)| value.to_lowercase().contains(&search.to_lowercase())).collect()
}

fn check_top(store: &LiveStore, world: &World, query: &Query, ranking: &Ranking) {
    for &dimension in Dimension::ALL {
        let search = ranking.search.as_deref().unwrap_or_default();
        let mut expected = rows(world, query, dimension, search);
        expected.sort_by(|a, b| {
            let key = |row: &(String, u64, u64, u64)| match ranking.order {
                TopOrder::Views => [row.2, row.1, 0],
                TopOrder::Events => [row.1, row.2, 0],
                TopOrder::Visitors => [row.3, row.2, row.1],
            };
            key(b).cmp(&key(a)).then_with(|| a.0.cmp(&b.0))
        });
        let top = store.top(query, dimension, ranking).unwrap();
        assert_eq!(top.values, expected.len() as u64, "{dimension:?}");
        assert_eq!(top.events, expected.iter().map(|row| row.1).sum::<u64>());
        assert_eq!(top.views, expected.iter().map(|row| row.2).sum::<u64>());
        let of_them = world
            .asked(query)
            .into_iter()
            .filter(|(_, event)| value(event, dimension).to_lowercase().contains(&search.to_lowercase()));
        if !matches!(dimension, Dimension::Entry | Dimension::Exit) {
            assert_eq!(top.visitors.unwrap(), visitors(&of_them.collect()), "{dimension:?}");
        }
        let shown: Vec<_> = expected.into_iter().skip(ranking.offset).take(ranking.limit).collect();
        let found: Vec<_> =
            top.rows.into_iter().map(|r| (r.value, r.events, r.views, r.visitors.unwrap())).collect();
        assert_eq!(found, shown, "{dimension:?} {ranking:?} {query:?}");
    }
}

fn check_properties(store: &LiveStore, world: &World, query: &Query) {
    for name in [None, Some("pageview"), Some("a")] {
        let mut expected: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (_, event) in world.asked(query) {
            let properties: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(event.props.as_json()).unwrap();
            for (key, value) in properties.into_iter().filter(|_| name.is_none_or(|name| event.event == name))
            {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                *expected.entry(key).or_default().entry(value.replace("[1,2]", "[1, 2]")).or_default() += 1;
            }
        }
        let found = store.properties(query, name, 1_000).unwrap();
        assert!(found.is_sorted_by_key(|property| std::cmp::Reverse(property.events)));
        for property in &found {
            assert_eq!(property.events, property.values.iter().map(|value| value.events).sum::<u64>());
        }
        let found: BTreeMap<String, BTreeMap<String, u64>> = found
            .into_iter()
            .map(|p| (p.key, p.values.into_iter().map(|v| (v.value, v.events)).collect()))
            .collect();
        assert_eq!(found, expected);
    }
}

fn check_recent(store: &LiveStore, world: &World, query: &Query, page: &Page) {
    let mut expected = world.asked(query);
    expected.reverse();
    expected.retain(|(offset, _)| page.before.is_none_or(|before| (*offset as u64) < before));
    expected.truncate(page.limit);
    let found = store.recent(query, page).unwrap();
    assert_eq!(
        found.iter().map(|event| event.offset.unwrap()).collect::<Vec<_>>(),
        expected.iter().map(|(offset, _)| *offset as u64).collect::<Vec<_>>()
    );
    for (found, (offset, event)) in found.iter().zip(expected) {
        let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(found.event.get()).unwrap();
        let text =
            |name: &str| fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        assert_eq!(text("received_at"), event.received_at.to_string());
        assert_eq!(
            (text("page_path"), text("site")),
            (value(event, Dimension::Page), event.site.to_string())
        );
        assert_eq!(
            (text("class"), text("event")),
            (event.class.as_str().to_owned(), event.event.to_string())
        );
        assert_eq!(text("utm_term"), value(event, Dimension::Term));
        let props = fields.get("props").cloned().unwrap_or_else(|| serde_json::json!({}));
        assert_eq!(props, serde_json::from_str::<serde_json::Value>(event.props.as_json()).unwrap());
        let alone = store.event(offset as u64).unwrap().unwrap();
        assert_eq!(alone.event.get(), found.event.get());
    }
}

fn check_sites(store: &LiveStore, world: &World) {
    let mut expected: BTreeMap<String, (u64, u64, i64)> = BTreeMap::new();
    for (_, event) in world.matching(&Query::default()) {
        let site = expected.entry(event.site.to_string()).or_insert((0, 0, i64::MIN));
        site.0 += 1;
        site.1 += u64::from(event.event == "pageview");
        site.2 = site.2.max(event.received_at.ms());
    }
    let found = store.sites().unwrap();
    assert!(found.is_sorted_by_key(|site| std::cmp::Reverse(site.events)));
    let found: BTreeMap<_, _> = found.into_iter().map(|s| (s.site, (s.events, s.views, s.last_ms))).collect();
    assert_eq!(found, expected);
}

/// What a test asks for.
#[derive(Debug, Clone)]
struct Asked {
    query: Query,
    unit: Unit,
    zone: &'static str,
    ranking: Ranking,
    page: Page,
}

fn asked() -> impl Strategy<Value = Asked> {
    let ranking = (
        select(&[TopOrder::Views, TopOrder::Visitors, TopOrder::Events][..]),
        0..6_usize,
        0..4_usize,
        proptest::option::weighted(0.3, select(&["a", "", "é", "zz"][..])),
    );
    let page = (0..12_usize, proptest::option::of(0..200_u64));
    let unit = select(&[Unit::Minute, Unit::Hour, Unit::Day][..]);
    (queries(), unit, select(ZONES), ranking, page).prop_map(
        |(query, unit, zone, ranking, (limit, before))| {
            let (order, rows, offset, search) = ranking;
            let ranking = Ranking { order, limit: rows, offset, search: search.map(str::to_owned) };
            Asked { query, unit, zone, ranking, page: Page { limit, before } }
        },
    )
}

fn check_all(store: &LiveStore, world: &World, asked: &[Asked]) {
    for asked in asked {
        check_overview(store, world, &asked.query);
        check_series(store, world, &asked.query, asked.unit, asked.zone);
        check_top(store, world, &asked.query, &asked.ranking);
        check_properties(store, world, &asked.query);
        check_recent(store, world, &asked.query, &asked.page);
    }
    check_sites(store, world);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_the_naive_one(
        events in proptest::collection::vec(events(), 0..160),
        in_order: bool,
        batch_sizes in proptest::collection::vec(1_usize..40, 8),
        one_by_one: bool,
        now_ms in moments(),
        mut asked in proptest::collection::vec(asked(), 1..5),
    ) {
        let mut events: Vec<_> = events
            .into_iter()
            .map(|(age, mut event)| {
                event.received_at = onepixel_event::Time::from_ms(now_ms - age);
                event
            })
            .collect();
        if in_order {
            events.sort_by_key(|event| event.received_at);
        }
        for asked in asked.iter_mut().filter(|asked| asked.query.from_ms != i64::MIN) {
            asked.query.from_ms += now_ms;
            asked.query.to_ms += now_ms;
        }
        let mut view = View::new();
        view.set_now(now_ms);
        let mut sizes = batch_sizes.iter().cycle();
        let mut start = 0;
        while start < events.len() {
            let size = if one_by_one { 1 } else { *sizes.next().unwrap() };
            let end = (start + size).min(events.len());
            let records = (start..end).map(|i| record(i as u64, &events[i])).collect();
            let batch = batch(start as u64..end as u64, records);
            view.write(&batch);
            if start % 7 == 0 {
                view.close();
                view.write(&batch);
            }
            start = end;
        }
        let mut world = World { events, now_ms };
        let store = view.store();
        check_all(&store, &world, &asked);
        let counted = store.totals().unwrap().partitions.iter().map(|p| p.counted).sum::<u64>();
        prop_assert_eq!(counted, world.events.len() as u64);
        // Deleting what is not shown changes no answer, and neither does time that passes.
        for later_ms in [0, 3 * DAY] {
            world.now_ms += later_ms;
            view.set_now(world.now_ms);
            check_all(&store, &world, &asked[..1]);
            let mut retention = view.retention();
            while retention.forget().unwrap().more {}
            check_all(&store, &world, &asked[..1]);
        }
        prop_assert!(store.size().unwrap().chunks <= limits::FRESH_CHUNKS_MAX as u64 + 12 * 24 * 8);
    }
}
