//! The newest events.

use onepixel_event::{Class, Device, Props};
use onepixel_view::{Page, Query, RecentEvent};

use crate::view::{NOW_MS, View, batch, event, record, text};

fn offsets(events: &[RecentEvent]) -> Vec<u64> {
    events.iter().map(|event| event.offset.unwrap()).collect()
}

#[test]
fn come_newest_first_and_page_by_page() {
    let mut view = View::new();
    let mut records: Vec<_> = (0..6).map(|offset| record(offset, &event(NOW_MS))).collect();
    let mut bot = event(NOW_MS);
    bot.class = Class::Bot;
    bot.site = text("shop").unwrap();
    records.push(record(6, &bot));
    view.write(&batch(0..7, records));
    let store = view.store();
    let ask = |query: &Query, page: &Page| store.recent(query, page).unwrap();
    let all = Query::default();

    assert_eq!(offsets(&ask(&all, &Page::default())), [6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(offsets(&ask(&all, &Page { limit: 2, ..Page::default() })), [6, 5]);
    assert_eq!(offsets(&ask(&all, &Page { limit: 2, before: Some(5) })), [4, 3]);
    assert_eq!(offsets(&ask(&all, &Page { limit: 2, before: Some(0) })), [0; 0]);
    assert_eq!(offsets(&ask(&all, &Page { limit: 0, ..Page::default() })), [0; 0]);
    let shop = Query { site: Some("shop".into()), ..Query::default() };
    assert_eq!(offsets(&ask(&shop, &Page::default())), [6]);
    let humans = Query { classes: [Class::Human].into_iter().collect(), ..Query::default() };
    assert_eq!(ask(&humans, &Page::default()).len(), 6);
    let later = Query { from_ms: NOW_MS + 1, ..Query::default() };
    assert_eq!(ask(&later, &Page::default()).len(), 0);
    assert!(store.event(7).unwrap().is_none());
}

#[test]
fn say_what_is_kept_of_them_in_the_form_of_the_event() {
    let mut view = View::new();
    let mut whole = event(NOW_MS);
    whole.page_path = text("/a \"quoted\" \\ path\n");
    whole.page_url = text("https://example.com/a");
    whole.device = Some(Device::Mobile);
    whole.props = Props::from_object(br#"{"plan":"pro","deep":{"x":[1,null]}}"#.to_vec());
    view.write(&batch(0..1, vec![record(0, &whole)]));
    let found = view.store().event(0).unwrap().unwrap();
    assert_eq!(
        found.event.get(),
        r#"{"received_at":"2026-02-10T21:04:05.123Z","event":"pageview","site":"blog","page_path":"/a \"quoted\" \\ path\n","device":"mobile","class":"human","props":{"plan":"pro","deep":{"x":[1,null]}}}"#
    );
}
