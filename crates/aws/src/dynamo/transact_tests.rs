//! Tests of how events are cut into transactions.

use onepixel_event::{Class, Device, Event, ReferrerGroup, Source, Time};
use proptest::prelude::*;
use proptest::sample::select;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::dynamo::recent::{EVENTS_MAX, KEPT_MAX};

fn event(ms: i64, random: u8, site: String, page: String, agent: &'static str, class: Class) -> Countable {
    let at = Time::from_ms(1_770_757_445_123 + ms);
    let mut event = Event::new(EventId::at(at, [random; 10]), at, Source::Pixel, "pageview", site);
    event.page_path = Some(page.into());
    event.browser = Some(agent.into());
    event.os = Some(agent.into());
    event.class = class;
    Countable::of(&event, usize::from(random))
}

fn events() -> impl Strategy<Value = Vec<Countable>> {
    let one = (
        prop_oneof![3 => 0_i64..60_000, 1 => 0_i64..10_000_000],
        any::<u8>(),
        prop_oneof![4 => Just("blog".to_owned()), 1 => "[a-z#]{1,255}"],
        prop_oneof![3 => select(&["/", "/a", "/b"][..]).prop_map(str::to_owned), 1 => "/[a-z0-9]{0,2000}"],
        select(&["Chrome", "Firefox", "Safari"][..]),
        select(Class::ALL),
    );
    let one =
        one.prop_map(|(ms, random, site, page, agent, class)| event(ms, random, site, page, agent, class));
    prop::collection::vec(one, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn transactions_are_within_the_limits_greedy_and_hold_each_event_once(events in events()) {
        let whole: BTreeMap<Cell, Sum> = sum(&events).into_iter().map(|(cell, sum)| (cell.clone(), sum)).collect();
        let mut ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let chunks = chunks(events);
        let mut chunked: Vec<EventId> = chunks.iter().flatten().map(|event| event.id).collect();
        ids.sort_unstable();
        chunked.sort_unstable();
        prop_assert_eq!(ids, chunked);

        let mut sums: BTreeMap<Cell, Sum> = BTreeMap::new();
        let mut before: Option<&Vec<Countable>> = None;
        for chunk in &chunks {
            let of_chunk = sum(chunk);
            let bytes: usize = of_chunk.keys().map(|cell| item_bytes(cell)).sum();
            prop_assert!(chunk.len() + of_chunk.len() <= ITEMS_MAX && bytes <= BYTES_MAX);
            if let Some(before) = before {
                let with_next: Vec<_> = before.iter().chain(&chunk[..1]).collect();
                let items = with_next.len() + sum(with_next).len();
                prop_assert!(items > ITEMS_MAX, "the first event of a chunk had room in the one before");
            }
            before = Some(chunk);
            for (cell, of_cell) in of_chunk {
                let all = sums.entry(cell.clone()).or_default();
                for (attribute, count) in of_cell.counts {
                    *all.counts.entry(attribute).or_default() += count;
                }
                all.last_ms = all.last_ms.max(of_cell.last_ms);
            }
        }
        prop_assert_eq!(sums, whole);
    }

    #[test]
    fn an_id_stays_once_as_it_came_first(events in events()) {
        let before = events.len();
        let first: BTreeMap<EventId, usize> =
            events.iter().rev().map(|event| (event.id, event.record)).collect();
        let (events, doubles) = once(events);
        prop_assert_eq!(events.len() + doubles, before);
        let kept: BTreeMap<EventId, usize> = events.iter().map(|event| (event.id, event.record)).collect();
        prop_assert_eq!(kept.len(), events.len());
        prop_assert_eq!(kept, first);
    }
}

/// A site's usual visit: pages, referrers and agents as a few that are frequent and many that are not.
fn visit(rng: &mut StdRng, sites: u32, at: i64) -> Countable {
    let mut often = |of: u32| {
        let share: f64 = rng.random();
        // Half of all fall on an eighth of the values.
        (share.powi(3) * f64::from(of)) as u32
    };
    let at = Time::from_ms(1_770_757_445_123 + at);
    let mut event =
        Event::new(EventId::fresh(at), at, Source::Pixel, "pageview", format!("site-{}", often(sites)));
    event.page_path = Some(format!("/page/{}", often(200)).into());
    event.page_host = Some(event.site.clone());
    event.browser = Some(format!("browser {}", often(8)).into());
    event.os = Some(format!("os {}", often(6)).into());
    event.device = Some(if often(10) < 6 { Device::Mobile } else { Device::Desktop });
    event.language = Some(format!("l{}", often(20)).into());
    event.referrer_group = Some(ReferrerGroup::ALL[often(7) as usize]);
    if often(10) < 4 {
        event.referrer_host = Some(format!("from-{}.example", often(50)).into());
    }
    if often(10) == 9 {
        event.utm_source = Some("news".into());
        event.utm_medium = Some("email".into());
        event.utm_campaign = Some("may".into());
    }
    Countable::of(&event, 0)
}

/// Write units an event: two for each item of a transaction, and one for each recent item of the batch.
fn units(sites: u32, batch: usize) -> f64 {
    let mut rng = StdRng::seed_from_u64(7);
    let batches = 4_000 / batch;
    let mut units = 0;
    for at in 0..batches {
        // A thousand hits a minute.
        let time = |event: usize| i64::try_from((at * batch + event) * 60).unwrap();
        let events: Vec<_> = (0..batch).map(|event| visit(&mut rng, sites, time(event))).collect();
        let items: usize = chunks(events).iter().map(|chunk| chunk.len() + sum(chunk).len()).sum();
        let of_sites = batch.min(EVENTS_MAX * usize::try_from(sites).unwrap());
        units += 2 * items + (batch.min(EVENTS_MAX) + of_sites).min(KEPT_MAX);
    }
    units as f64 / (batches * batch) as f64
}

/// The figures in the header of `keys`, and that they do not grow unseen.
#[test]
fn what_an_event_costs() {
    for (sites, batch, at_most) in
        [(1, 1, 52.0), (1, 100, 18.0), (1, 1_000, 15.0), (20, 100, 24.0), (20, 1_000, 19.0)]
    {
        let units = units(sites, batch);
        println!("{sites} sites, batches of {batch}: {units:.1} write units an event");
        assert!(units <= at_most, "{units}");
    }
}
