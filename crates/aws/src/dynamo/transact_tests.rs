//! Tests of how events are cut into transactions.

use onepixel_event::{Class, Event, Source, Time};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

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
