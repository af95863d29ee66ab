//! The newest events, whole.

use onepixel_event::Class;
use onepixel_live::{Page, Query, RecentEvent, limits};

use crate::view::{NOW_MS, View, batch, event, record, text};

fn seqs(events: &[RecentEvent]) -> Vec<i64> {
    events.iter().map(|event| event.seq).collect()
}

#[test]
fn come_newest_first_page_by_page_and_as_they_were_received() {
    let mut view = View::new();
    let mut records: Vec<_> = (0..6).map(|offset| record(offset, &event(NOW_MS))).collect();
    let mut bot = event(NOW_MS);
    bot.class = Class::Bot;
    bot.site = text("shop").unwrap();
    records.push(record(6, &bot));
    let lines: Vec<_> = records.iter().map(|r| String::from_utf8(r.payload.to_vec()).unwrap()).collect();
    view.write(&batch(0..7, records));
    let store = view.store();
    let ask = |query: &Query, page: &Page| store.recent(query, page).unwrap();
    let all = Query::default();

    let found = ask(&all, &Page::default());
    assert_eq!(seqs(&found), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(found[0].event.get(), lines[6]);
    assert_eq!(seqs(&ask(&all, &Page { limit: 2, ..Page::default() })), [7, 6]);
    assert_eq!(seqs(&ask(&all, &Page { limit: 2, before: Some(6), after: None })), [5, 4]);
    assert_eq!(seqs(&ask(&all, &Page { after: Some(5), ..Page::default() })), [7, 6]);
    assert_eq!(seqs(&ask(&all, &Page { limit: 0, ..Page::default() })), [0; 0]);
    let shop = Query { site: Some("shop".into()), ..Query::default() };
    assert_eq!(seqs(&ask(&shop, &Page::default())), [7]);
    let humans = Query { classes: [Class::Human].into_iter().collect(), ..Query::default() };
    assert_eq!(ask(&humans, &Page::default()).len(), 6);
    let nobody = Query { site: Some("nobody".into()), ..Query::default() };
    assert_eq!(ask(&nobody, &Page::default()).len(), 0);
    let later = Query { from_ms: NOW_MS + 1, ..Query::default() };
    assert_eq!(ask(&later, &Page::default()).len(), 0);

    let by_id = store.event(bot.id).unwrap().unwrap();
    assert_eq!(by_id.event.get(), lines[6]);
    assert!(store.event(event(NOW_MS).id).unwrap().is_none());
}

#[test]
fn are_bounded_by_number() {
    let mut view = View::new();
    let max = limits::RECENT_EVENTS_MAX;
    let records = |range: std::ops::Range<u64>| range.map(|o| record(o, &event(NOW_MS))).collect::<Vec<_>>();
    view.write(&batch(0..max - 1, records(0..max - 1)));
    view.write(&batch(max - 1..max + 5, records(max - 1..max + 5)));
    assert_eq!(view.store().size().unwrap().recent_events, max);
    let end = 2 * max + 7;
    view.write(&batch(max + 5..end, records(max + 5..end)));
    assert_eq!(view.store().size().unwrap().recent_events, max);
    assert_eq!(view.totals().counted, end);
}

#[test]
fn are_bounded_by_bytes() {
    let mut view = View::new();
    let title = "t".repeat(250 * 1024);
    let per_batch = 40;
    for i in 0..10 {
        let records = (0..per_batch).map(|n| {
            let mut large = event(NOW_MS);
            large.title = text(&title);
            record(i * per_batch + n, &large)
        });
        let records: Vec<_> = records.collect();
        view.write(&batch(i * per_batch..(i + 1) * per_batch, records));
    }
    let kept = view.store().size().unwrap().recent_events;
    assert!((200..=limits::RECENT_BYTES_MAX / (250 * 1024)).contains(&kept), "{kept}");
}
