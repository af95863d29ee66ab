//! A record that no sink can take: isolated, kept with its reason, in nobody's way.

use serde_json::{Value, json};

use super::{check, out};
use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, archive, folder, s, shared, stream, until};

/// Nothing that was ever an event.
const POISON: &[u8] = b"\x00\xffthis was never an event";
const AT: u64 = 20;

/// A server that met the poison between good events.
fn poisoned(home: &std::path::Path) -> Launch {
    let launch =
        Launch::new(home.join("data")).set("archive.batch_window", "100ms").set("live.batch_window", "50ms");
    let server = launch.start();
    server.hits("before", AT as usize);
    server.stop();
    stream::append(launch.data_dir(), &[POISON.to_vec()]);
    let server = launch.start();
    server.hits("after", 30);
    for sink in ["archive", "live"] {
        server.caught_up(sink, CATCH_UP);
        until("the dead letter", s(10), || {
            (server.metric(&format!("onepixel_consumer_dead_lettered{{consumer=\"{sink}\"}}")) == 1.0)
                .then_some(())
        });
    }
    assert_eq!((server.counted("before"), server.counted("after")), (AT, 30), "its neighbours went on");
    server.stop();
    launch
}

#[test]
fn a_poison_record_is_isolated_shown_and_discarded() {
    let _turn = shared();
    let home = folder();
    let launch = poisoned(home.path());
    let report = launch.balanced();
    for part in ["archive", "live"] {
        assert_eq!(report[part]["dead_lettered"], 1, "{report:#}");
    }
    assert_eq!((&report["acknowledged"], &report["archive"]["archived"]), (&json!(51), &json!(50)));
    let objects = archive::objects(&launch.archive());
    assert!(objects.iter().all(|object| !(object.first..=object.last).contains(&AT)), "it lies in an object");

    let offset = AT.to_string();
    let list = out(&check(&launch, &["dead-letter", "list"], 0, &["archive", "live", "open"]));
    assert_eq!(list.lines().filter(|line| line.trim_start().starts_with(&offset)).count(), 2, "{list}");
    let one = out(&check(&launch, &["dead-letter", "list", "--sink", "live"], 0, &["live"]));
    assert_eq!(one.lines().count(), 1, "{one}");
    check(
        &launch,
        &["dead-letter", "show", "archive", &offset],
        0,
        &["this was never an event", "reason", "open"],
    );
    check(&launch, &["dead-letter", "show", "archive", "3"], 1, &["no dead letter at offset 3"]);
    check(&launch, &["dead-letter", "replay", "archive", &offset], 1, &[&offset]);
    check(&launch, &["dead-letter", "discard", "archive", &offset], 0, &["1"]);
    check(&launch, &["dead-letter", "discard", "archive", &offset], 1, &["discarded"]);
    check(&launch, &["dead-letter", "show", "archive", &offset], 0, &["discarded"]);
    check(&launch, &["dead-letter", "discard", "live", "--all"], 0, &["1"]);
    launch.balanced();

    let server = launch.start();
    server.hit("site=later");
    server.caught_up("archive", CATCH_UP);
    assert_eq!(server.counted("after"), 30);
    server.stop();
    let report: Value = launch.balanced();
    assert_eq!(report["archive"]["dead_lettered"], 1, "a discarded letter stays in the proof");
}

#[test]
fn without_dead_letters_there_is_nothing_to_list() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    launch.start().stop();
    check(&launch, &["dead-letter", "list"], 0, &["No dead letters"]);
    check(&launch, &["dead-letter", "show", "live", "1"], 1, &["no dead letter"]);
    check(&launch, &["dead-letter", "replay", "live"], 2, &["OFFSETS"]);
}

#[test]
fn a_mistyped_folder_is_no_good_news() {
    let home = folder();
    let nothing = Launch::new(home.path().join("nothing"));
    check(&nothing, &["dead-letter", "list"], 1, &["nothing", "--data-dir"]);
}
