//! The archive's layout: folders by the hour of reception, names from stream positions, lines as stored.

use std::time::Instant;

use serde_json::Value;

use crate::harness::archive::{Object, objects, paths};
use crate::harness::{Launch, folder, s, shared, until};

/// What holds for every object, whatever the batch.
#[track_caller]
fn check(object: &Object) {
    let events: Vec<_> = object.events().collect();
    let at = |text: &str| text.replace(['-', ':', '.'], "");
    assert_eq!(object.partition, 0);
    assert_eq!(events.len() as u64, object.last - object.first + 1, "{}", object.path.display());
    assert_eq!(object.timestamp, at(&events[0].received_at), "the first event's time is in the name");
    for event in &events {
        // 2026-02-10T21:04:05.123Z lies in year=2026/month=02/day=10/hour=21.
        let t = &event.received_at;
        let hour = format!("year={}/month={}/day={}/hour={}", &t[..4], &t[5..7], &t[8..10], &t[11..13]);
        assert_eq!(object.hour, hour, "{t} in {}", object.path.display());
        assert!(t.len() == 24 && t.ends_with('Z'), "{t}");
    }
}

/// The objects tile the offsets from 0.
#[track_caller]
fn check_all(objects: &[Object], records: u64) {
    let mut next = 0;
    for object in objects {
        assert_eq!(object.first, next, "{}", object.path.display());
        next = object.last + 1;
        check(object);
    }
    assert_eq!(next, records);
}

/// Lies between two moments in the same UTC hour: only then one batch is one object.
fn one_hour(objects: &[Object]) -> bool {
    objects.iter().all(|object| object.hour == objects[0].hour)
}

#[test]
fn batches_of_a_hundred_or_five_seconds_as_in_the_reference() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"))
        .set("archive.batch_size", "100")
        .set("archive.batch_window", "5s");
    let server = launch.start();
    let start = Instant::now();
    let ids = server.hits("blog", 250);

    until("the two full batches", s(4), || (paths(&launch.archive()).len() >= 2).then_some(()));
    until("the batch that the window ends", s(10), || (paths(&launch.archive()).len() >= 3).then_some(()));
    assert!(start.elapsed() > s(5), "the third batch did not wait for its window");

    let found = objects(&launch.archive());
    check_all(&found, 250);
    assert!(found.iter().all(|object| object.lines.len() <= 100));
    if one_hour(&found) {
        let sizes: Vec<_> = found.iter().map(|object| object.lines.len()).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }
    let archived: Vec<_> = found.iter().flat_map(Object::events).map(|event| event.id).collect();
    assert_eq!(archived, ids, "one connection's events keep their order");
    server.stop();
    assert_eq!(launch.balanced()["archive"]["archived"], 250);
}

#[test]
fn with_the_defaults_a_stop_finishes_the_open_batch() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    server.hits("blog", 120);
    assert_eq!(paths(&launch.archive()).len(), 0, "120 events neither fill a batch nor end its window");
    server.stop();

    let found = objects(&launch.archive());
    check_all(&found, 120);
    if one_hour(&found) {
        assert_eq!(found.len(), 1);
    }
}

#[test]
fn the_archive_may_be_any_folder_and_the_window_any_time() {
    let _turn = shared();
    let home = folder();
    let elsewhere = home.path().join("some where/else");
    let launch = Launch::new(home.path().join("data"))
        .set("archive.url", &format!("file://{}", elsewhere.display().to_string().replace(' ', "%20")))
        .set("archive.batch_window", "100ms");
    let server = launch.start();
    let id = server.hit("site=shop&page=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&utm_source=mail&colour=red");
    until("the object", s(10), || (!paths(&elsewhere).is_empty()).then_some(()));
    let found = objects(&elsewhere);
    check_all(&found, 1);

    let line: Value = serde_json::from_str(&found[0].lines[0]).unwrap();
    let expected = [
        ("/id", id.as_str()),
        ("/source", "pixel"),
        ("/event", "pageview"),
        ("/site", "shop"),
        ("/page_url", "https://example.org/a?b=c"),
        ("/page_host", "example.org"),
        ("/page_path", "/a"),
        ("/utm_source", "mail"),
        ("/props/colour", "red"),
        ("/ip", "127.0.0.0"),
    ];
    for (field, value) in expected {
        assert_eq!(line.pointer(field), Some(&Value::from(value)), "{field} in {line:#}");
    }
    server.stop();
    launch.balanced();
}
