//! The archive's endpoint is a closed port, then comes back, then goes and comes again.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::server::CATCH_UP;
use crate::harness::tools::{S3, free_port};
use crate::harness::{Launch, Server, archive, folder, s, shared, until};

/// The consumer pauses longer after each failure; the outages here are short, so that its pauses are.
const BACK_WITHIN: Duration = s(40);

fn launch(home: &Path, port: u16) -> Launch {
    let launch = Launch::new(home.join("data"))
        .set("archive.url", "s3://hits/prefix")
        .set("archive.batch_window", "100ms")
        .set("live.batch_window", "50ms");
    S3::environment(port).iter().fold(launch, |launch, (name, value)| launch.env(name, value))
}

/// While the archive cannot be written everything else goes on, and the lag can be seen.
#[track_caller]
fn check_outage(server: &Server, counted: u64, lag: u64) {
    until("the live view", CATCH_UP, || (server.counted("") == counted).then_some(()));
    assert_eq!(server.get("/readyz").status, 200, "events can be stored, so it is ready");
    assert!(server.lag("archive") >= lag, "a lag of {} instead of {lag}", server.lag("archive"));
    until("the failure in /metrics", s(20), || {
        let failing = server.metric("onepixel_consumer_failing{consumer=\"archive\"}");
        let retries = server.metric("onepixel_consumer_retries{consumer=\"archive\"}");
        (failing == 1.0 && retries >= 1.0).then_some(())
    });
    assert_eq!(server.metric("onepixel_consumer_failing{consumer=\"live\"}"), 0.0);
}

#[test]
fn ingest_and_live_go_on_and_everything_arrives_once() {
    let _turn = shared();
    let home = folder();
    let buckets = home.path().join("buckets");
    std::fs::create_dir_all(buckets.join("hits")).unwrap();
    let port = free_port();
    let launch = launch(home.path(), port);
    let server = launch.start();

    let mut ids = server.hits("first", 300);
    check_outage(&server, 300, 300);
    let store = S3::start(port, &buckets);
    server.caught_up("archive", BACK_WITHIN);
    assert_eq!(server.metric("onepixel_consumer_failing{consumer=\"archive\"}"), 0.0);

    ids.extend(server.hits("second", 100));
    drop(store);
    ids.extend(server.hits("third", 200));
    check_outage(&server, 600, 1);
    let _store = S3::start(port, &buckets);
    server.caught_up("archive", BACK_WITHIN);
    server.stop();

    let (archived, _) = archive::tally(&buckets.join("hits/prefix"));
    assert!(archived.values().all(|times| *times == 1), "archived more than once: {archived:?}");
    assert!(ids.iter().all(|id| archived.contains_key(id)), "not everything arrived");
    assert_eq!(archived.len(), ids.len());
    let report = launch.balanced();
    assert_eq!(report["archive"]["archived"], 600, "{report:#}");
    assert_eq!(report["live"]["counted"], 600, "{report:#}");
}

#[test]
fn a_stop_during_the_outage_leaves_the_rest_to_the_next_start() {
    let _turn = shared();
    let home = folder();
    let buckets = home.path().join("buckets");
    std::fs::create_dir_all(buckets.join("hits")).unwrap();
    let port = free_port();
    let launch = launch(home.path(), port);
    let server = launch.start();
    let ids = server.hits("blog", 50);
    server.caught_up("live", CATCH_UP);
    server.stop();

    let _store = S3::start(port, &buckets);
    let server = launch.start();
    server.caught_up("archive", BACK_WITHIN);
    assert_eq!(server.counted("blog"), 50);
    server.stop();
    let (archived, _) = archive::tally(&buckets);
    assert_eq!(archived.len(), ids.len());
    launch.balanced();
}

#[test]
fn with_limited_retries_everything_is_archived_or_a_dead_letter_that_can_be_replayed() {
    let _turn = shared();
    let home = folder();
    let buckets = home.path().join("buckets");
    std::fs::create_dir_all(buckets.join("hits")).unwrap();
    let port = free_port();
    let launch = launch(home.path(), port).set("archive.max_retries", "1");
    let server = launch.start();
    let ids = server.hits("blog", 3);
    check_outage(&server, 3, 0);
    let _store = S3::start(port, &buckets);
    server.caught_up("archive", BACK_WITHIN);
    server.stop();

    launch.balanced();
    let replayed = launch.run(["dead-letter", "replay", "archive", "--all"]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let report = launch.balanced();
    assert_eq!((&report["archive"]["dead_lettered"], &report["archive"]["archived"]), (&json!(0), &json!(3)));
    let (archived, _) = archive::tally(&buckets);
    assert!(ids.iter().all(|id| archived.get(id) == Some(&1)), "{archived:?}");
}
