//! Somebody holds the live view's database: the archive goes on, and the live view catches up.

use rusqlite::Connection;
use serde_json::json;

use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, Server, archive, folder, s, shared, until};

/// Keeps everybody else from writing until it is dropped.
fn lock(launch: &Launch) -> Connection {
    let lock = Connection::open(launch.data_dir().join("live.sqlite")).unwrap();
    lock.busy_timeout(s(5)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    lock
}

#[test]
fn the_archive_goes_on_while_the_live_view_is_locked() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"))
        .set("archive.batch_window", "100ms")
        .set("live.batch_window", "50ms");
    let server = launch.start();
    server.hits("before", 20);
    server.caught_up("live", CATCH_UP);

    let lock = lock(&launch);
    let ids = server.hits("during", 300);
    server.caught_up("archive", CATCH_UP);
    until("the failure in /metrics", s(20), || {
        (server.metric("onepixel_consumer_failing{consumer=\"live\"}") == 1.0).then_some(())
    });
    assert_eq!(server.lag("live"), 300);
    assert_eq!(server.counted("during"), 0, "what is counted can still be read");
    assert_eq!(server.counted("before"), 20);
    assert_eq!(server.get("/readyz").status, 200);
    let (archived, _) = archive::tally(&launch.archive());
    assert!(ids.iter().all(|id| archived.get(id) == Some(&1)), "the archive waited for the live view");

    drop(lock);
    server.caught_up("live", s(40));
    assert_eq!(server.counted("during"), 300);
    assert_eq!(server.counted(""), 320);
    server.stop();
    launch.balanced();
}

fn dead_lettered(server: &Server) -> u64 {
    server.metric("onepixel_consumer_dead_lettered{consumer=\"live\"}") as u64
}

#[test]
fn with_limited_retries_events_become_dead_letters_that_can_be_replayed() {
    let _turn = shared();
    let home = folder();
    let launch =
        Launch::new(home.path().join("data")).set("live.batch_window", "50ms").set("live.max_retries", "1");
    let server = launch.start();
    server.hits("before", 20);
    server.caught_up("live", CATCH_UP);

    let lock = lock(&launch);
    server.hits("during", 3);
    until("a dead letter", s(40), || (dead_lettered(&server) > 0).then_some(()));
    drop(lock);
    server.caught_up("live", s(40));
    server.hits("after", 10);
    server.caught_up("live", CATCH_UP);
    let given_up = dead_lettered(&server);
    assert_eq!((server.counted("during"), server.counted("after")), (3 - given_up, 10));
    assert_eq!(launch.balanced()["live"]["dead_lettered"], given_up);

    let replayed = launch.run(["dead-letter", "replay", "live", "--all"]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    assert_eq!(server.counted("during"), 3, "replayed beside the running server");
    let again = launch.run(["dead-letter", "replay", "live", "--all"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!((server.counted("during"), server.counted("")), (3, 33));
    server.stop();
    let report = launch.balanced();
    assert_eq!((&report["live"]["dead_lettered"], &report["live"]["counted"]), (&json!(0), &json!(33)));
}
