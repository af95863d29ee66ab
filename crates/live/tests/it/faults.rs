//! The file is locked, gone, replaced, damaged, or not ours.

use onepixel_consumer::{Sink as _, SinkError};
use onepixel_live::{LiveSink, LiveStore, OpenLiveError};
use onepixel_view::{Dimension, Filter, Page, Query, QueryError, Ranking, TopOrder, Unit};
use rusqlite::Connection;

use crate::view::{DAY, NOW_MS, TTL, View, batch, event, plain, ready, record, text};

fn unavailable(result: Result<(), SinkError>) -> String {
    match result {
        Err(SinkError::Unavailable(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_locked_file_is_unavailable_until_the_lock_is_gone() {
    let mut view = View::new();
    view.write(&plain(0..2));
    let other = Connection::open(view.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = unavailable(view.try_write(&plain(2..4)));
    assert!(error.contains("live.sqlite") && error.contains("locked"), "{error}");
    // Readers go on, and so does a deletion later.
    assert_eq!(view.store().overview(&Query::default(), false).unwrap().sums.events, 2);
    assert!(view.retention().forget().is_err());
    other.execute_batch("ROLLBACK").unwrap();
    view.write(&plain(2..4));
    assert_eq!(view.totals().counted, 4);
}

#[test]
fn a_file_that_is_locked_when_it_is_opened_is_waited_for() {
    let mut view = View::new();
    let other = Connection::open(view.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    unavailable(view.try_write(&plain(0..2)));
    other.execute_batch("ROLLBACK").unwrap();
    view.write(&plain(0..2));
    assert_eq!(view.position(), Some(2));
}

#[test]
fn a_deleted_file_is_made_anew_and_says_where_it_began() {
    let mut view = View::new();
    view.write(&plain(0..2));
    let store = view.store();
    assert_eq!(store.overview(&Query::default(), false).unwrap().sums.events, 2);
    for name in ["live.sqlite", "live.sqlite-wal", "live.sqlite-shm"] {
        std::fs::remove_file(view.path().with_file_name(name)).unwrap();
    }
    assert!(matches!(store.overview(&Query::default(), false), Err(QueryError::Unavailable(_))));
    view.write(&plain(2..5));
    assert_eq!((view.totals().first, view.totals().counted), (Some(2), 3));
    assert_eq!(store.overview(&Query::default(), false).unwrap().sums.events, 3);
}

#[test]
fn a_file_that_nobody_writes_is_read_where_nothing_may_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live ä?#%20.sqlite");
    drop(LiveSink::open(&path, TTL, View::new().clock()).unwrap());
    // What SQLite would make to read it cannot be made.
    std::os::unix::fs::symlink("nowhere/at/all", folder.path().join("live ä?#%20.sqlite-shm")).unwrap();
    let store = LiveStore::open(&path, TTL, View::new().clock()).unwrap();
    assert_eq!(store.overview(&Query::default(), false).unwrap().sums.events, 0);
    // A log is of somebody who writes, or of a crash: there is more to the file than it says itself.
    std::fs::write(folder.path().join("live ä?#%20.sqlite-wal"), [0; 64]).unwrap();
    assert!(LiveStore::open(&path, TTL, View::new().clock()).is_err());
}

#[test]
fn a_replaced_file_is_used_as_it_is() {
    let mut view = View::new();
    view.write(&plain(0..2));
    view.close();
    let backup = view.path().with_file_name("backup");
    std::fs::copy(view.path(), &backup).unwrap();
    view.write(&plain(2..4));
    for name in ["live.sqlite-wal", "live.sqlite-shm"] {
        std::fs::remove_file(view.path().with_file_name(name)).unwrap();
    }
    std::fs::rename(backup, view.path()).unwrap();
    assert_eq!(view.position(), Some(2));
    view.write(&plain(2..6));
    assert_eq!(view.totals().counted, 6);
}

/// The database and its log as a crash would leave them, without the index that the processes share.
#[test]
fn what_a_crash_leaves_behind_can_be_read_and_written_on() {
    let mut view = View::new();
    view.write(&plain(0..2));
    view.write(&plain(2..5));
    let mut crashed = View::new();
    for name in ["live.sqlite", "live.sqlite-wal"] {
        std::fs::copy(view.path().with_file_name(name), crashed.path().with_file_name(name)).unwrap();
    }
    let store = LiveStore::open(&crashed.path(), TTL, crashed.clock()).unwrap();
    assert_eq!(store.overview(&Query::default(), false).unwrap().sums.events, 5);
    assert_eq!(store.totals().unwrap().partitions[0].position, Some(5));
    crashed.write(&plain(2..7));
    assert_eq!(store.overview(&Query::default(), false).unwrap().sums.events, 7);
}

#[test]
fn a_file_of_a_newer_program_is_refused_by_everybody() {
    let mut view = View::new();
    view.write(&plain(0..1));
    view.close();
    Connection::open(view.path()).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let newer = |error: &OpenLiveError| matches!(error, OpenLiveError::Newer { found: 999, .. });
    assert!(newer(&LiveSink::open(&view.path(), TTL, view.clock()).err().unwrap()));
    assert!(newer(&LiveStore::open(&view.path(), TTL, view.clock()).err().unwrap()));
    assert!(view.retention().forget().is_err());
}

#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    for content in [&b"this is not a database, but a text of some length"[..], &[0xff; 4096]] {
        let view = View::new();
        std::fs::write(view.path(), content).unwrap();
        let error = LiveSink::open(&view.path(), TTL, view.clock()).err().unwrap();
        assert!(matches!(error, OpenLiveError::Database { .. }), "{error}");
        assert_eq!(std::fs::read(view.path()).unwrap(), content);
    }
    let view = View::new();
    Connection::open(view.path()).unwrap().execute_batch("CREATE TABLE songs (title)").unwrap();
    let error = LiveSink::open(&view.path(), TTL, view.clock()).err().unwrap();
    assert!(matches!(error, OpenLiveError::Foreign { .. }), "{error}");
}

#[test]
fn a_damaged_file_is_unavailable_and_never_panics() {
    let mut view = View::new();
    view.write(&plain(0..500));
    view.close();
    let mut bytes = std::fs::read(view.path()).unwrap();
    // All but the first page, which says what the file is.
    for at in (16_384..bytes.len()).step_by(7) {
        bytes[at] ^= 0x5a;
    }
    std::fs::write(view.path(), bytes).unwrap();
    unavailable(view.try_write(&plain(500..510)));
    if let Ok(store) = LiveStore::open(&view.path(), TTL, view.clock()) {
        assert!(store.overview(&Query::default(), false).is_err());
    }
    assert!(view.retention().forget().is_err());
}

/// Asks everything; what comes of it does not matter.
fn ask_everything(store: &LiveStore) {
    drop((store.sites(), store.totals(), store.gaps(0, 0), store.size(), store.event(3)));
    let shop = Filter { dimension: Dimension::Page, value: "/1".to_owned() };
    for filters in [vec![], vec![shop]] {
        let query = Query { filters, from_ms: NOW_MS - DAY, ..Query::default() };
        drop((store.overview(&query, true), store.recent(&query, &Page::default())));
        drop((store.series(&query, Unit::Hour, "UTC"), store.properties(&query, None, 9)));
        for dimension in Dimension::ALL {
            drop(store.top(&query, *dimension, &Ranking { order: TopOrder::Visitors, ..Ranking::default() }));
        }
    }
}

/// One byte after the other is changed: most of them lie in columns, of which SQLite knows nothing.
#[test]
fn a_single_wrong_byte_never_panics() {
    let mut view = View::new();
    for i in 0..80_u64 {
        let mut event = event(NOW_MS - i as i64 * 60_000);
        event.page_path = text(&format!("/{}", i % 7));
        event.visitor = text(&format!("v{}", i % 11));
        view.write(&batch(i..i + 1, vec![record(i, &event)]));
    }
    view.close();
    let sound = std::fs::read(view.path()).unwrap();
    let mut at = 0;
    while at < sound.len() {
        let mut bytes = sound.clone();
        bytes[at] = bytes[at].wrapping_add(1 + (at % 255) as u8);
        std::fs::write(view.path(), bytes).unwrap();
        if let Ok(store) = LiveStore::open(&view.path(), TTL, view.clock()) {
            ask_everything(&store);
        }
        if let Ok(mut sink) = LiveSink::open(&view.path(), TTL, view.clock()) {
            // Enough to have everything merged.
            drop((80..150).map(|i| ready(sink.write(&plain(i..i + 1)))).collect::<Vec<_>>());
        }
        for name in ["live.sqlite-wal", "live.sqlite-shm"] {
            drop(std::fs::remove_file(view.path().with_file_name(name)));
        }
        // Where there is nothing, there is nothing to find.
        at += if sound[at] == 0 { 1_009 } else { 131 };
    }
}

#[test]
fn a_missing_folder_or_file_is_an_error_that_names_it() {
    let view = View::new();
    let missing = view.path().with_file_name("missing").join("live.sqlite");
    let error = LiveSink::open(&missing, TTL, view.clock()).err().unwrap();
    assert!(error.to_string().contains("missing/live.sqlite"), "{error}");
    let error = LiveStore::open(&view.path(), TTL, view.clock()).err().unwrap();
    assert!(error.to_string().contains("live.sqlite"), "{error}");
}

#[test]
fn many_threads_ask_at_once_while_the_sink_writes() {
    let mut view = View::new();
    view.write(&plain(0..10));
    let store = view.store();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|_| {
                let store = store.clone();
                scope.spawn(move || {
                    let mut last = 0;
                    for _ in 0..20 {
                        let overview = store.overview(&Query::default(), false).unwrap();
                        let sums = overview.sums;
                        assert_eq!(sums.events, sums.views);
                        assert!(sums.events >= last && sums.events.is_multiple_of(10));
                        last = sums.events;
                    }
                })
            })
            .collect();
        for i in 1..50 {
            view.write(&plain(i * 10..(i + 1) * 10));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(view.totals().counted, 500);
}
