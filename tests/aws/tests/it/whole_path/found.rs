//! What is in the archive, by our own reading and by DuckDB's.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::installed;
use onepixel_event::Event;
use serde_json::{Value, json};

use crate::archive::{files, lines};
use crate::duckdb;

/// The events of an archive.
pub(super) struct Stored {
    /// Each once, by its id.
    pub(super) events: BTreeMap<String, Value>,
    texts: Vec<Vec<u8>>,
    /// With those that stand there more than once.
    pub(super) lines: usize,
}

/// Reads every object. An event that stands there twice has to be the same both times, and in the folder of its hour.
pub(super) fn events(bucket: &Path) -> Stored {
    let mut texts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut events = BTreeMap::new();
    let mut count = 0;
    for (name, bytes) in files(&bucket.join("events")) {
        for line in lines(&bytes).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).unwrap();
            let id = event["id"].as_str().unwrap().to_owned();
            let at = event["received_at"].as_str().unwrap();
            let hour =
                format!("year={}/month={}/day={}/hour={}/", &at[..4], &at[5..7], &at[8..10], &at[11..13]);
            assert!(name.starts_with(&hour), "{at} in {name}");
            let first = texts.entry(id.clone()).or_insert_with(|| line.to_vec());
            assert_eq!(first, line, "two events with one id");
            events.insert(id, event);
            count += 1;
        }
    }
    Stored { events, texts: texts.into_values().collect(), lines: count }
}

impl Stored {
    /// The events as the product reads them.
    pub(super) fn decoded(&self) -> Vec<Event<'_>> {
        self.texts.iter().map(|text| Event::decode(text).unwrap()).collect()
    }
}

/// DuckDB, by the statements that `onepixel ddl` prints, finds the same events.
pub(super) fn duckdb_agrees(bucket: &Path, stored: &Stored) {
    let ddl = Command::new(bootstrap("onepixel").unwrap())
        .env_clear()
        .args(["ddl", "duckdb", "--archive", bucket.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(ddl.status.success(), "{ddl:?}");
    let answers = duckdb::ask(
        Command::new(installed::python().unwrap()),
        std::str::from_utf8(&ddl.stdout).unwrap(),
        &[
            "SELECT count(*) FROM events_stored",
            "SELECT id, site, event, class, page_path, props->>'n' FROM events ORDER BY id",
            "SELECT count(*), count(DISTINCT id) FROM events_by_day",
        ],
    );
    assert_eq!(answers[0], json!([[stored.lines]]));
    let row = |event: &Value| {
        json!([
            event["id"],
            event["site"],
            event["event"],
            event["class"],
            event["page_path"],
            event["props"]["n"]
        ])
    };
    let expected: Vec<Value> = stored.events.values().map(row).collect();
    assert_eq!(answers[1].as_array().unwrap(), &expected);
    assert_eq!(answers[2], json!([[expected.len(), expected.len()]]));
}
