//! `ddl`: DuckDB, given the printed statements, finds in the archive what the server took, each event once.

use std::process::Command;

use serde_json::{Value, json};

use super::{check, out};
use crate::duckdb;
use crate::harness::archive::{paths, values};
use crate::harness::{Launch, folder, s, shared, tools};

#[test]
fn duckdb_agrees_with_the_archive_to_the_event_and_shows_each_id_once() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("o'hara")).set("archive.batch_window", "1s");
    let server = launch.start();
    server.hits("blog", 120);
    let body = br#"[{"event":"signed_up","site":"shop","sent_at":"2026-02-10T21:04:05.5+02:00",
                     "props":{"plan":"pro","Deep":{"n":1.50,"list":[1,null,{"a":"\u00e9'"}]}}},
                    {"event":"plain","site":"shop"}]"#;
    assert_eq!(server.http().post("/e", body).unwrap().status, 202);
    server.caught_up("archive", s(60));
    drop(server);
    let events = values(&launch.archive());
    assert_eq!(events.len(), 122);
    // The same events in a second object, as after a batch that was cut anew.
    let object = &paths(&launch.archive())[0];
    let name = object.file_name().unwrap().to_str().unwrap();
    std::fs::copy(object, object.with_file_name(format!("9{name}"))).unwrap();

    let ddl = out(&check(&launch, &["ddl", "duckdb"], 0, &["events_by_day"]));
    let by_id = "id, CAST(received_at AS VARCHAR), source, event, site, page_path, class, CAST(props AS VARCHAR), flags";
    let answers = duckdb::ask(
        Command::new(tools::python()),
        &ddl,
        &[
            "SELECT count(*) FROM events_stored",
            "SELECT count(*), count(DISTINCT id) FROM events",
            "SELECT count(*), count(DISTINCT id) FROM events_by_day",
            &format!("SELECT {by_id} FROM events ORDER BY id"),
            "SELECT count(*) FROM events_by_day WHERE hour = extract(hour FROM received_at) AND day = extract(day FROM received_at) \
             AND month = extract(month FROM received_at) AND year = extract(year FROM received_at)",
            "SELECT props->>'$.Deep.list[2].a', CAST(sent_at AS VARCHAR) FROM events WHERE props->>'plan' = 'pro'",
            "SELECT count(*) FROM events WHERE props IS NULL AND event = 'plain'",
        ],
    );
    assert!(answers[0][0][0].as_u64().unwrap() > 122);
    assert_eq!((&answers[1], &answers[2]), (&json!([[122, 122]]), &json!([[122, 122]])));
    let mut expected: Vec<Value> = events.iter().map(row).collect();
    expected.sort_by_key(|row| row[0].as_str().unwrap().to_owned());
    for (found, expected) in answers[3].as_array().unwrap().iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(answers[4], json!([[122]]));
    assert_eq!(answers[5], json!([["é'", "2026-02-10 19:04:05.5"]]));
    assert_eq!(answers[6], json!([[1]]));
}

/// What the query selects of an event.
fn row(event: &Value) -> Value {
    let time = event["received_at"].as_str().unwrap().replace('T', " ");
    // DuckDB leaves the zeros at the end of a fraction out.
    let time = time.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    let text = |name: &str| event[name].clone();
    let props = match &event["props"] {
        Value::Null => Value::Null,
        // A number is the same, its text need not be.
        _ => json!(r#"{"plan":"pro","Deep":{"n":1.5,"list":[1,null,{"a":"é'"}]}}"#),
    };
    json!([
        text("id"),
        time,
        text("source"),
        text("event"),
        text("site"),
        text("page_path"),
        text("class"),
        props,
        text("flags"),
    ])
}

#[test]
fn athena_gets_statements_for_a_bucket_only() {
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let text = out(&check(&launch, &["ddl", "athena", "--archive", "s3://bucket/hits"], 0, &[]));
    assert!(text.contains("LOCATION 's3://bucket/hits/events/'"), "{text}");
    check(&launch, &["ddl", "athena"], 1, &["--archive s3://bucket"]);
    check(&launch, &["ddl", "oracle"], 2, &["duckdb"]);
    check(&launch, &["ddl", "duckdb", "--archive", "ftp://x"], 2, &["archive.url"]);
    assert!(!launch.data_dir().exists(), "asking leaves nothing behind");
}
