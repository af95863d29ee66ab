//! What is older than the time to live is not shown, and is deleted.

use onepixel_live::limits;
use onepixel_view::{Dimension, Query, Ranking, Unit};

use crate::view::{DAY, NOW_MS, TTL, View, batch, event, record, text};

fn ttl_ms() -> i64 {
    TTL.as_millis() as i64
}

/// Events in the file, shown or not.
fn kept(view: &mut View) -> u64 {
    let size = view.store().size().unwrap();
    assert_eq!(size.chunks == 0, size.events == 0);
    size.events
}

fn forget_all(view: &View) -> u64 {
    let mut retention = view.retention();
    let mut events = 0;
    for _ in 0..1_000 {
        let forgotten = retention.forget().unwrap();
        events += forgotten.events;
        if !forgotten.more {
            return events;
        }
    }
    panic!("there was always more to forget");
}

fn old_and_new(view: &mut View) {
    let mut old = event(NOW_MS - 3 * DAY);
    old.site = text("old").unwrap();
    old.page_path = text("/old");
    old.visitor = text("old");
    let mut new = event(NOW_MS);
    new.page_path = text("/new");
    new.visitor = text("new");
    view.write(&batch(0..2, vec![record(0, &old), record(1, &new)]));
}

#[test]
fn nothing_is_shown_after_its_time_even_before_it_is_deleted() {
    let mut view = View::new();
    old_and_new(&mut view);
    let store = view.store();
    let events =
        |store: &onepixel_live::LiveStore| store.overview(&Query::default(), false).unwrap().sums.events;
    // To the millisecond.
    view.set_now(NOW_MS - 3 * DAY + ttl_ms());
    assert_eq!((events(&store), store.recent(&Query::default(), &Default::default()).unwrap().len()), (2, 2));
    view.set_now(NOW_MS - 3 * DAY + ttl_ms() + 1);
    assert_eq!((events(&store), store.recent(&Query::default(), &Default::default()).unwrap().len()), (1, 1));
    assert!(store.event(0).unwrap().is_none());
    assert_eq!(store.sites().unwrap().len(), 1);
    assert_eq!(store.top(&Query::default(), Dimension::Page, &Ranking::default()).unwrap().rows.len(), 1);
    let old = Query { site: Some("old".into()), ..Query::default() };
    assert_eq!(store.overview(&old, false).unwrap().sums.visitors, Some(0));
    let range = Query { from_ms: NOW_MS - 4 * DAY, to_ms: NOW_MS + DAY, ..Query::default() };
    let points = store.series(&range, Unit::Day, "UTC").unwrap().points;
    assert_eq!(points.iter().map(|p| p.sums.events).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 0]);
    assert_eq!(kept(&mut view), 2);
}

#[test]
fn events_are_deleted_after_their_time_and_totals_stay() {
    let mut view = View::new();
    old_and_new(&mut view);
    assert_eq!((forget_all(&view), kept(&mut view)), (0, 2));
    // They were one batch: the old one goes when it is late, and does not wait for the new one.
    let late = i64::try_from(limits::FORGET_LATE_MAX.as_millis()).unwrap();
    view.set_now(NOW_MS - 3 * DAY + ttl_ms() + late + 1);
    forget_all(&view);
    assert_eq!(kept(&mut view), 1);
    view.set_now(NOW_MS + ttl_ms() + 1);
    assert_eq!((forget_all(&view), kept(&mut view)), (1, 0));
    assert_eq!(view.totals().counted, 2);
    assert_eq!(view.position(), Some(2));
}

#[test]
fn what_was_deleted_can_come_again() {
    let mut view = View::new();
    old_and_new(&mut view);
    view.set_now(NOW_MS + 20 * DAY);
    forget_all(&view);
    let mut event = event(NOW_MS + 20 * DAY);
    event.page_path = text("/old");
    view.write(&batch(2..3, vec![record(2, &event)]));
    let top = view.store().top(&Query::default(), Dimension::Page, &Ranking::default()).unwrap();
    assert_eq!(top.rows.len(), 1);
    assert_eq!(top.rows[0].value, "/old");
}

#[test]
fn much_is_deleted_in_many_small_transactions() {
    let mut view = View::new();
    // An hour each: chunks that are merged, and some that are not yet.
    let hours = 150;
    for hour in 0..hours {
        let event = event(NOW_MS - hour * DAY / 24);
        view.write(&batch(hour as u64..hour as u64 + 1, vec![record(hour as u64, &event)]));
    }
    assert_eq!(kept(&mut view), hours as u64);
    view.set_now(NOW_MS + 9 * DAY);
    let first = view.retention().forget().unwrap();
    assert_eq!((first.events, first.more), (limits::FORGET_CHUNKS_MAX as u64, true));
    assert_eq!(forget_all(&view), hours as u64 - first.events);
    assert_eq!(kept(&mut view), 0);
    // The space is there to be used again.
    let size = view.store().size().unwrap();
    assert!(size.free_bytes > 0 && size.free_bytes < size.bytes, "{size:?}");
}

#[test]
fn an_event_that_arrives_after_its_time_counts_in_the_totals_only() {
    let mut view = View::new();
    view.write(&batch(0..1, vec![record(0, &event(NOW_MS - ttl_ms() - 1))]));
    assert_eq!(view.totals().counted, 1);
    assert_eq!(kept(&mut view), 0);
}
