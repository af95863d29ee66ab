//! `audit`: holds while all is well, and names the exact offsets where it does not.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{check, out};
use crate::harness::archive::{Object, objects};
use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, folder, shared};

/// An archive of `events` hits in objects of ten at the most, and the server stopped.
fn archived(home: &Path, events: usize) -> (Launch, Vec<Object>) {
    let launch = Launch::new(home.join("data")).set("archive.batch_size", "10");
    let server = launch.start();
    server.hits("blog", events);
    server.stop();
    launch.balanced();
    let objects = objects(&launch.archive());
    (launch, objects)
}

/// What is wrong, as JSON; exit 1.
#[track_caller]
fn findings(launch: &Launch) -> Value {
    let done = check(launch, &["audit", "--json"], 1, &[]);
    let report: Value = serde_json::from_str(&out(&done)).unwrap();
    assert_eq!((&report["balanced"], &report["archive"]["balanced"]), (&json!(false), &json!(false)));
    report["archive"].clone()
}

fn write(object: &Object, lines: &[String]) {
    let mut encoder = GzEncoder::new(File::create(&object.path).unwrap(), Compression::fast());
    for line in lines {
        writeln!(encoder, "{line}").unwrap();
    }
    encoder.finish().unwrap();
}

#[test]
fn holds_beside_a_running_server_and_counts_what_is_pending() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("archive.batch_window", "1h");
    let server = launch.start();
    let empty = launch.balanced();
    assert_eq!(empty["acknowledged"], 0);
    server.hits("blog", 30);
    server.caught_up("live", CATCH_UP);
    let report = launch.balanced();
    assert_eq!((&report["acknowledged"], &report["archive"]["pending"]), (&json!(30), &json!(30)));
    assert_eq!((&report["archive"]["archived"], &report["live"]["counted"]), (&json!(0), &json!(30)));
    check(&launch, &["audit"], 0, &["Balanced", "30 pending"]);
    server.stop();
    let report = launch.balanced();
    assert_eq!((&report["archive"]["archived"], &report["archive"]["pending"]), (&json!(30), &json!(0)));
}

#[test]
fn names_the_offsets_of_a_deleted_object() {
    let _turn = shared();
    let home = folder();
    let (launch, objects) = archived(home.path(), 45);
    let lost = &objects[2];
    std::fs::remove_file(&lost.path).unwrap();
    let archive = findings(&launch);
    assert_eq!(archive["missing"], json!([[lost.first, lost.last]]));
    assert_eq!(archive["archived"], 45 - (lost.last - lost.first + 1));
    let said = format!("offsets {} to {}", lost.first, lost.last);
    check(&launch, &["audit"], 1, &["MISSING", &said, "NOT BALANCED"]);
}

#[test]
fn names_an_object_that_was_changed() {
    let _turn = shared();
    let home = folder();
    let (launch, objects) = archived(home.path(), 45);
    let damage = |object: &Object, reason: &str| {
        let archive = findings(&launch);
        let damaged = &archive["damaged"][0];
        assert_eq!(
            (&damaged["first"], &damaged["last"]),
            (&json!(object.first), &json!(object.last)),
            "{archive:#}"
        );
        assert!(damaged["reason"].as_str().unwrap().contains(reason), "{archive:#}");
        assert!(
            damaged["object"].as_str().unwrap().ends_with(object.path.file_name().unwrap().to_str().unwrap())
        );
        assert_eq!(archive["damaged"].as_array().unwrap().len(), 1);
    };
    let object = &objects[1];

    let bytes = std::fs::read(&object.path).unwrap();
    std::fs::write(&object.path, &bytes[..bytes.len() / 2]).unwrap();
    damage(object, "");
    std::fs::write(&object.path, b"not gzip at all").unwrap();
    damage(object, "");
    write(object, &object.lines[1..]);
    damage(object, "");
    let mut lines = object.lines.clone();
    lines[3] = lines[3].replace("pageview", "pageveiw");
    write(object, &lines);
    damage(object, &format!("offset {}", object.first + 3));
    write(object, &object.lines);
    launch.balanced();
}

#[test]
fn names_offsets_that_are_archived_twice() {
    let _turn = shared();
    let home = folder();
    let (launch, objects) = archived(home.path(), 25);
    let object = &objects[0];
    let name = object.path.file_name().unwrap().to_str().unwrap();
    let (timestamp, rest) = name.split_once('Z').unwrap();
    let other =
        format!("{}{}Z{rest}", &timestamp[..15], if timestamp.ends_with("000") { "001" } else { "000" });
    std::fs::copy(&object.path, object.path.with_file_name(other)).unwrap();
    assert_eq!(findings(&launch)["doubled"], json!([[object.first, object.last]]));
    check(&launch, &["audit"], 1, &["DOUBLED"]);
}

#[test]
fn a_checkpoint_that_was_lost_or_set_back_is_a_finding() {
    let _turn = shared();
    let home = folder();
    let (launch, objects) = archived(home.path(), 25);
    let path = launch.data_dir().join("checkpoint/archive.json");
    let right = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(findings(&launch)["unannounced"].as_array().unwrap().len(), objects.len());
    let older = r#"{"version":1,"partition":0,"committed":10,"intent":null}"#;
    std::fs::write(&path, older).unwrap();
    findings(&launch);
    check(&launch, &["audit"], 1, &["AHEAD", "set back", "NOT BALANCED"]);
    std::fs::write(&path, right).unwrap();
    launch.balanced();
}

#[test]
fn a_stream_that_was_replaced_is_a_finding_and_not_waited_for() {
    let _turn = shared();
    let home = folder();
    let (launch, _) = archived(home.path(), 25);
    std::fs::remove_dir_all(launch.data_dir().join("stream")).unwrap();
    let server = launch.start();
    server.hits("blog", 5);
    server.stop();
    let archive = findings(&launch);
    assert_eq!((&archive["beyond"], &archive["pending"]), (&json!(20), &json!(0)));
    check(&launch, &["audit"], 1, &["AHEAD", "20 offsets beyond", "WRONG", "NOT BALANCED"]);
}

#[test]
fn a_lost_live_view_is_built_again_and_balances() {
    let _turn = shared();
    let home = folder();
    let (launch, _) = archived(home.path(), 25);
    for file in ["live.sqlite", "live.sqlite-wal", "live.sqlite-shm"] {
        drop(std::fs::remove_file(launch.data_dir().join(file)));
    }
    let server = launch.start();
    server.caught_up("live", CATCH_UP);
    assert_eq!(server.counted("blog"), 25);
    server.stop();
    launch.balanced();
}

#[test]
fn a_damaged_live_view_is_a_finding_and_the_archive_is_proved_all_the_same() {
    let _turn = shared();
    let home = folder();
    let (launch, _) = archived(home.path(), 25);
    std::fs::write(launch.data_dir().join("live.sqlite"), vec![7; 100_000]).unwrap();
    let done = check(&launch, &["audit", "--json"], 1, &[]);
    let report: Value = serde_json::from_str(&out(&done)).unwrap();
    assert_eq!((&report["archive"]["balanced"], &report["archive"]["archived"]), (&json!(true), &json!(25)));
    assert_eq!((&report["balanced"], &report["live"]["balanced"]), (&json!(false), &json!(false)));
    assert!(report["live"]["unreadable"].as_str().unwrap().contains("live.sqlite"), "{report:#}");
    check(&launch, &["audit"], 1, &["25 archived", "NOT BALANCED", "move live.sqlite* away"]);
}

#[test]
fn says_what_is_wrong_without_a_data_directory() {
    let home = folder();
    let launch = Launch::new(home.path().join("nothing-here"));
    check(&launch, &["audit"], 1, &["nothing-here", "--data-dir"]);
    assert!(!launch.data_dir().exists(), "looking leaves nothing behind");
}
