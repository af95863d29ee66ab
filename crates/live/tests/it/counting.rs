//! Each offset counts once.

use onepixel_consumer::SinkError;
use onepixel_event::Source;
use onepixel_live::Gap;
use onepixel_view::{Dimension, Filter, Query, Ranking, TopOrder, Unit};

use crate::view::{NOW_MS, View, batch, event, plain, raw, record, text};

#[test]
fn a_batch_moves_the_position_and_a_reopened_sink_knows_it() {
    let mut view = View::new();
    assert_eq!(view.position(), Some(0));
    view.write(&plain(5..8));
    assert_eq!(view.position(), Some(8));
    view.close();
    assert_eq!(view.position(), Some(8));
    let totals = view.totals();
    assert_eq!((totals.first, totals.counted, totals.missing), (Some(5), 3, 0));
}

#[test]
fn what_was_taken_before_is_not_counted_again() {
    let mut view = View::new();
    let mut check = |range: std::ops::Range<u64>, position, counted| {
        view.write(&plain(range.clone()));
        assert_eq!(view.position(), Some(position), "{range:?}");
        assert_eq!(view.totals().counted, counted, "{range:?}");
        assert_eq!(
            view.store().overview(&Query::default(), false).unwrap().sums.events,
            counted,
            "{range:?}"
        );
    };
    check(10..20, 20, 10);
    check(10..20, 20, 10);
    check(12..15, 20, 10);
    check(5..10, 20, 10);
    check(15..25, 25, 15);
    check(5..30, 30, 20);
    check(30..30, 30, 20);
    check(30..31, 31, 21);
}

#[test]
fn offsets_without_a_record_are_passed_and_can_be_replayed_once() {
    let mut view = View::new();
    view.write(&batch(0..5, vec![record(1, &event(NOW_MS)), record(3, &event(NOW_MS))]));
    view.write(&batch(5..7, vec![]));
    assert_eq!(view.position(), Some(7));
    assert_eq!(view.totals().missing, 5);
    let gap = |first, end| Gap { first, end };
    assert_eq!(view.store().gaps(0, 0).unwrap(), [gap(0, 1), gap(2, 3), gap(4, 5), gap(5, 7)]);
    assert_eq!(view.store().gaps(0, 6).unwrap(), [gap(6, 7)]);

    for (offset, counted) in [(4, 3), (4, 3), (1, 3), (6, 4), (5, 5), (0, 6), (2, 7), (2, 7)] {
        view.replay(&record(offset, &event(NOW_MS))).unwrap();
        assert_eq!(view.totals().counted, counted, "after {offset}");
    }
    assert_eq!(view.position(), Some(7));
    assert_eq!(view.totals().missing, 0);
    assert_eq!(view.store().gaps(0, 0).unwrap(), []);
}

#[test]
fn a_replay_ahead_of_the_position_is_not_counted_again_when_the_position_passes() {
    let mut view = View::new();
    view.replay(&record(3, &event(NOW_MS))).unwrap();
    view.replay(&record(3, &event(NOW_MS))).unwrap();
    assert_eq!(view.position(), Some(0));
    view.write(&plain(2..3));
    assert_eq!((view.totals().counted, view.totals().strays), (2, 1));
    view.write(&plain(3..6));
    let totals = view.totals();
    assert_eq!((totals.counted, totals.strays, totals.missing), (4, 0, 0));
    // Before the first offset ever taken: counted once, and remembered for good.
    view.replay(&record(0, &event(NOW_MS))).unwrap();
    view.replay(&record(0, &event(NOW_MS))).unwrap();
    assert_eq!((view.totals().counted, view.totals().strays), (5, 1));
}

#[test]
fn a_jump_ahead_is_seen_as_a_gap() {
    let mut view = View::new();
    view.write(&plain(0..2));
    view.write(&plain(10..12));
    let totals = view.totals();
    assert_eq!((totals.position, totals.counted, totals.missing), (Some(12), 4, 8));
    assert_eq!(view.store().gaps(0, 0).unwrap(), [Gap { first: 2, end: 10 }]);
}

#[test]
fn partitions_have_positions_of_their_own() {
    let mut view = View::new();
    view.write(&plain(0..2));
    let mut other = plain(0..3);
    other.partition = 7;
    view.write(&other);
    view.write(&other);
    assert_eq!(view.position(), Some(2));
    let totals = view.store().totals().unwrap();
    let found: Vec<_> = totals.partitions.iter().map(|p| (p.partition, p.position, p.counted)).collect();
    assert_eq!(found, [(0, Some(2), 2), (7, Some(3), 3)]);
}

#[test]
fn totals_tell_the_sources_apart() {
    let mut view = View::new();
    let mut api = event(NOW_MS);
    api.source = Source::Api;
    view.write(&batch(0..3, vec![record(0, &api), record(1, &event(NOW_MS)), record(2, &api)]));
    assert_eq!((view.totals().pixel, view.totals().api), (1, 2));
}

#[test]
fn a_record_that_is_no_event_is_refused_and_nothing_of_the_batch_is_written() {
    for payload in [&b""[..], b"{}", b"null", b"\0", b"\xff\xfe", b"[1]", br#"{"id":"x"}"#] {
        let mut view = View::new();
        let mut poisoned = plain(0..3);
        poisoned.records[1] = raw(1, payload.to_vec());
        let error = view.try_write(&poisoned).unwrap_err();
        assert!(
            matches!(&error, SinkError::Refused { reason } if reason.starts_with("offset 1: ")),
            "{error}"
        );
        assert_eq!(view.position(), Some(0));
        assert_eq!(view.store().overview(&Query::default(), false).unwrap().sums.events, 0);
        // Its neighbours pass without it, by the same connection.
        view.write(&batch(0..3, vec![poisoned.records[0].clone(), poisoned.records[2].clone()]));
        assert_eq!((view.totals().counted, view.totals().missing), (2, 1));
    }
}

#[test]
fn hostile_texts_are_texts() {
    let hostile = [
        "'; DROP TABLE rollup; --",
        "\" OR 1=1",
        "nul\0inside",
        "\0",
        "\u{202e}\u{1f600}é\u{feff}",
        "%_\\",
        "?1",
        "\r\n\t",
        "-9223372036854775808",
        "a\u{301}",
        "á",
    ];
    let mut view = View::new();
    let records = hostile.iter().enumerate().map(|(i, word)| {
        let mut event = event(NOW_MS);
        event.site = text(word).unwrap();
        event.event = text(word).unwrap();
        event.page_path = text(word);
        event.country = text(word);
        event.visitor = text(word);
        record(i as u64, &event)
    });
    let records: Vec<_> = records.collect();
    view.write(&batch(0..hostile.len() as u64, records));
    let store = view.store();
    for word in hostile {
        let query = Query { site: Some(word.to_owned()), ..Query::default() };
        let overview = store.overview(&query, false).unwrap();
        assert_eq!((overview.sums.events, overview.sums.visitors), (1, Some(1)), "{word:?}");
        for dimension in [Dimension::Page, Dimension::Event, Dimension::Country] {
            let top = store.top(&query, dimension, &Ranking::default()).unwrap();
            assert_eq!(top.rows.len(), 1, "{word:?}");
            assert_eq!(top.rows[0].value, word);
            let filter = Filter { dimension, value: word.to_owned() };
            let filtered = Query { filters: vec![filter], ..Query::default() };
            assert_eq!(store.overview(&filtered, false).unwrap().sums.events, 1, "{word:?}");
        }
        assert_eq!(store.recent(&query, &Default::default()).unwrap().len(), 1, "{word:?}");
    }
    let all = store.overview(&Query::default(), false).unwrap();
    assert_eq!(all.sums.visitors, Some(hostile.len() as u64));
}

#[test]
fn numbers_at_their_limits_neither_panic_nor_wrap() {
    let mut view = View::new();
    let end = i64::MAX as u64;
    view.write(&plain(end - 2..end));
    assert_eq!(view.position(), Some(end));
    let beyond = view.try_write(&plain(u64::MAX - 1..u64::MAX)).unwrap_err();
    assert!(matches!(&beyond, SinkError::Unavailable(_)), "{beyond}");
    assert!(matches!(view.replay(&record(u64::MAX, &event(NOW_MS))), Err(SinkError::Unavailable(_))));
    assert_eq!(view.totals().counted, 2);
    let store = view.store();
    assert_eq!(store.gaps(0, u64::MAX).unwrap(), []);
    for (from_ms, to_ms) in
        [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]
    {
        let query = Query { from_ms, to_ms, ..Query::default() };
        store.overview(&query, false).unwrap();
        let all = Ranking { limit: usize::MAX, offset: usize::MAX, ..Ranking::default() };
        store.top(&query, Dimension::Page, &all).unwrap();
        store.top(&query, Dimension::Exit, &Ranking { order: TopOrder::Visitors, ..all }).unwrap();
        store.properties(&query, None, usize::MAX).unwrap();
        store.recent(&query, &Default::default()).unwrap();
        for unit in [Unit::Minute, Unit::Hour, Unit::Day] {
            drop(store.series(&query, unit, "Europe/Berlin"));
        }
    }
    let mut far = event(NOW_MS);
    far.received_at = onepixel_event::Time::from_ms(253_402_207_200_000);
    let mut view = View::new();
    view.write(&batch(0..1, vec![record(0, &far)]));
    let site = Query { site: Some("blog".into()), ..Query::default() };
    assert_eq!(view.store().overview(&site, false).unwrap().sums.events, 1);
}
