//! What the server stands on is broken when it starts, or taken away while it runs.

use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, archive, folder, s, shared, until};

#[test]
fn a_damaged_live_view_at_the_start_costs_the_live_view_only() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("archive.batch_window", "100ms");
    std::fs::create_dir_all(launch.data_dir()).unwrap();
    let file = launch.data_dir().join("live.sqlite");
    std::fs::write(&file, vec![7; 100_000]).unwrap();

    let server = launch.start();
    let ids = server.hits("meanwhile", 20);
    server.caught_up("archive", CATCH_UP);
    assert_eq!(archive::tally(&launch.archive()).0.len(), ids.len());
    assert_eq!(server.metric("onepixel_consumer_failing{consumer=\"live\"}"), 1.0);
    assert_eq!(server.lag("live"), 20);
    assert!(server.log().contains("move live.sqlite* away"), "{}", server.log());
    server.stop();

    // Doing what it says brings everything back.
    std::fs::remove_file(&file).unwrap();
    let server = launch.start();
    server.caught_up("live", CATCH_UP);
    assert_eq!(server.counted("meanwhile"), 20);
    server.stop();
    launch.balanced();
}

#[test]
fn a_damaged_checkpoint_at_the_start_costs_the_archive_only() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("archive.batch_window", "100ms");
    let server = launch.start();
    server.hits("before", 5);
    server.caught_up("archive", CATCH_UP);
    server.stop();
    let file = launch.data_dir().join("checkpoint").join("archive.json");
    let whole = std::fs::read(&file).unwrap();

    // Whether this process runs the archive or leaves it to another.
    for enabled in ["true", "false"] {
        std::fs::write(&file, b"{\"version\":\xff").unwrap();
        let launch = launch.clone().set("archive.enabled", enabled);
        let server = launch.start();
        server.hits("meanwhile", 5);
        server.caught_up("live", CATCH_UP);
        assert_eq!(server.metric("onepixel_consumer_failing{consumer=\"archive\"}"), 1.0);
        assert!(server.log().contains("Put back a copy"), "{}", server.log());
        server.stop();
    }

    // Doing what it says brings everything back.
    std::fs::write(&file, whole).unwrap();
    let server = launch.start();
    server.caught_up("archive", CATCH_UP);
    server.stop();
    let report = launch.balanced();
    assert_eq!(report["archive"]["archived"], 15, "{report:#}");
}

#[test]
fn a_stream_that_is_deleted_underneath_takes_nothing_more() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    server.hits("before", 5);
    std::fs::remove_dir_all(launch.data_dir().join("stream")).unwrap();
    until("/readyz to say so", s(10), || {
        let ready = server.get("/readyz");
        (ready.status == 503 && ready.text().contains("deleted")).then_some(())
    });
    let refused = server.get("/p.gif?site=after");
    assert_eq!((refused.status, refused.is_gif()), (503, true));
    server.kill();
}
