//! What is older than the time to live is not shown, and is deleted.

use onepixel_live::{Dimension, Query, TopOrder, limits};

use crate::view::{DAY, MINUTE, NOW_MS, TTL, View, batch, event, record, text};

fn ttl_ms() -> i64 {
    TTL.as_millis() as i64
}

/// Rows in each table that time empties.
fn rows(view: &View) -> [i64; 4] {
    let connection = rusqlite::Connection::open(view.path()).unwrap();
    ["rollup", "visit", "recent", "word"].map(|table| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    })
}

fn forget_all(view: &View) -> usize {
    let mut retention = view.retention();
    let mut rows = 0;
    for _ in 0..1_000 {
        let forgotten = retention.forget().unwrap();
        assert!(forgotten.rows <= limits::FORGET_ROWS_MAX);
        rows += forgotten.rows;
        if !forgotten.more {
            return rows;
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
    let events = |store: &onepixel_live::LiveStore| store.overview(&Query::default()).unwrap().events;
    assert_eq!(events(&store), 2);
    // The minute that holds the old event ends: it is hidden when the first moment of that minute has expired.
    view.set_now((NOW_MS - 3 * DAY).div_euclid(MINUTE) * MINUTE + ttl_ms());
    assert_eq!(events(&store), 2);
    view.set_now((NOW_MS - 3 * DAY).div_euclid(MINUTE) * MINUTE + ttl_ms() + 1);
    assert_eq!(events(&store), 1);
    assert_eq!(store.sites().unwrap().len(), 1);
    assert_eq!(store.top(&Query::default(), Dimension::Page, TopOrder::Views, 9).unwrap().rows.len(), 1);
    let old = Query { site: Some("old".into()), ..Query::default() };
    assert_eq!(store.overview(&old).unwrap().visitors, 0);
    let range = Query { from_ms: NOW_MS - 4 * DAY, to_ms: NOW_MS + DAY, ..Query::default() };
    let points = store.series(&range, 86_400, 0).unwrap().points;
    assert_eq!(points.iter().map(|p| p.events).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 0]);

    view.set_now(NOW_MS - 3 * DAY + ttl_ms());
    assert_eq!(store.recent(&Query::default(), &Default::default()).unwrap().len(), 2);
    view.set_now(NOW_MS - 3 * DAY + ttl_ms() + 1);
    assert_eq!(store.recent(&Query::default(), &Default::default()).unwrap().len(), 1);
}

#[test]
fn rows_and_words_are_deleted_after_their_time_and_totals_stay() {
    let mut view = View::new();
    old_and_new(&mut view);
    let before = rows(&view);
    assert_eq!(forget_all(&view), 0);
    assert_eq!(rows(&view), before);

    view.set_now(NOW_MS + 5 * DAY);
    assert!(forget_all(&view) > 0);
    // Total, page and event of a minute that is not over; words: blog, pageview, /new.
    assert_eq!(rows(&view), [3, 1, 1, 3]);
    view.set_now(NOW_MS + 9 * DAY);
    forget_all(&view);
    assert_eq!(rows(&view), [0, 0, 0, 0]);
    assert_eq!(view.totals().counted, 2);
    assert_eq!(view.position(), Some(2));
}

#[test]
fn a_word_that_was_deleted_is_given_a_new_id_by_the_sink_that_knew_the_old_one() {
    let mut view = View::new();
    old_and_new(&mut view);
    view.set_now(NOW_MS + 20 * DAY);
    forget_all(&view);
    let mut event = event(NOW_MS + 20 * DAY);
    event.page_path = text("/old");
    view.write(&batch(2..3, vec![record(2, &event)]));
    let top = view.store().top(&Query::default(), Dimension::Page, TopOrder::Views, 9).unwrap();
    assert_eq!(top.rows.len(), 1);
    assert_eq!(top.rows[0].value, "/old");
}

#[test]
fn much_is_deleted_in_many_small_transactions() {
    let mut view = View::new();
    let records: Vec<_> = (0..4_000)
        .map(|offset| {
            let mut event = event(NOW_MS);
            event.page_path = text(&format!("/{offset}"));
            event.visitor = text(&format!("{offset}"));
            record(offset, &event)
        })
        .collect();
    view.write(&batch(0..4_000, records));
    let sum: i64 = rows(&view).iter().sum();
    view.set_now(NOW_MS + 9 * DAY);
    let mut retention = view.retention();
    let first = retention.forget().unwrap();
    assert_eq!((first.rows, first.more), (limits::FORGET_ROWS_MAX, true));
    assert_eq!(forget_all(&view) as i64, sum - first.rows as i64);
    assert_eq!(rows(&view), [0, 0, 0, 0]);
}

#[test]
fn an_event_that_arrives_after_its_time_counts_in_the_totals_only() {
    let mut view = View::new();
    view.write(&batch(0..1, vec![record(0, &event(NOW_MS - ttl_ms() - 1))]));
    assert_eq!(view.totals().counted, 1);
    assert_eq!(rows(&view), [0, 0, 0, 0]);
}
