//! Somebody holds the live view's database: the archive goes on, and the live view catches up.

use rusqlite::Connection;

use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, archive, folder, s, shared, until};

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

    let lock = Connection::open(launch.data_dir().join("live.sqlite")).unwrap();
    lock.busy_timeout(s(5)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
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

    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    server.caught_up("live", s(40));
    assert_eq!(server.counted("during"), 300);
    assert_eq!(server.counted(""), 320);
    server.stop();
    launch.balanced();
}
