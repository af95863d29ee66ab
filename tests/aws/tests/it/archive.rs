//! The archive function, and what every consumer does with what is no event.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onepixel_archive::{Archive, ObjectName};
use onepixel_aws::archive::ArchiveObjects;
use onepixel_aws::consumer::{Consumer, DeadLetters, InvalidBatch, RawBodies};
use onepixel_event::{Class, Event, EventId, Source, Time};
use onepixel_gateway::ingest::{GpcPolicy, IngestSettings};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::batches::{self, OwnSalts, Record, invocation, line, within};

fn function(bucket: &Path, gpc: GpcPolicy) -> Consumer<ArchiveObjects, OwnSalts> {
    let bucket = Archive::open(bucket.to_str().unwrap(), bucket).unwrap();
    Consumer::new(
        ArchiveObjects::new(bucket.clone()),
        RawBodies::new(IngestSettings { gpc, ..IngestSettings::default() }, OwnSalts),
        DeadLetters::new(bucket, "archive"),
    )
}

/// Every file of a bucket in a folder, by its name.
pub(crate) fn files(top: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

pub(crate) fn lines(gzip: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(gzip).read_to_end(&mut text).unwrap();
    text
}

/// What the template makes of a request.
pub(crate) fn raw(at: Time, fields: &Value, body: &[u8]) -> Vec<u8> {
    let mut raw = json!({
        "at": at.ms(), "ip": "203.0.113.7", "ua64": STANDARD.encode("curl/8.0"),
        "type64": STANDARD.encode("application/json"), "body64": STANDARD.encode(body),
    });
    raw.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    // The version stands first.
    raw.to_string().replacen('{', "{\"raw\":1,", 1).into_bytes()
}

#[tokio::test]
async fn a_batch_makes_one_object_an_hour_and_the_same_again_when_it_comes_again() {
    let bucket = tempfile::tempdir().unwrap();
    let function = function(bucket.path(), GpcPolicy::Count);
    let mut rng = StdRng::seed_from_u64(3);
    let hour = batches::now().hour_start().ms();
    let mut at = |ms: i64| batches::event(&mut rng, Time::from_ms(hour + ms));
    let (a, b, c, d) = (at(-2), at(-1), at(1), at(-3));
    let records: Vec<Record> =
        vec![(11, [line(&a), line(&b)].concat()), (12, line(&c)), (13, [line(&d), line(&c)].concat())];
    for _ in 0..2 {
        let response = function.handle(&invocation(6, &records), within(10)).await.unwrap();
        assert!(response.batch_item_failures.is_empty());
        let expected = BTreeMap::from([
            (ObjectName::elsewhere(a.received_at, "6", "11", "13"), [line(&a), line(&b), line(&d)].concat()),
            (ObjectName::elsewhere(c.received_at, "6", "12", "13"), [line(&c), line(&c)].concat()),
        ]);
        let found: BTreeMap<_, _> =
            files(bucket.path()).into_iter().map(|(name, bytes)| (name, lines(&bytes))).collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_bucket_that_fails_sends_the_whole_batch_again() {
    let bucket = tempfile::tempdir().unwrap();
    let function = function(bucket.path(), GpcPolicy::Count);
    // A file where the folder belongs.
    std::fs::write(bucket.path().join("events"), b"").unwrap();
    let mut rng = StdRng::seed_from_u64(4);
    let mut record = |at| (at, line(&batches::event(&mut rng, batches::now())));
    let records = [record(21), record(22)];
    let failures = |response: aws_lambda_events::event::streams::KinesisEventResponse| {
        response
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier.unwrap())
            .collect::<Vec<_>>()
    };
    let response = function.handle(&invocation(0, &records), within(10)).await.unwrap();
    assert_eq!(failures(response), ["21"]);
    // Only the dead letter fails: from its record on.
    std::fs::remove_file(bucket.path().join("events")).unwrap();
    std::fs::write(bucket.path().join("dead-letter"), b"").unwrap();
    let records = [record(21), (22, b"junk".to_vec()), record(23)];
    let response = function.handle(&invocation(0, &records), within(10)).await.unwrap();
    assert_eq!(failures(response), ["22"]);
    std::fs::remove_file(bucket.path().join("dead-letter")).unwrap();
    let response = function.handle(&invocation(0, &records), within(10)).await.unwrap();
    assert_eq!(failures(response), Vec::<String>::new());
}

#[tokio::test]
async fn poison_goes_to_the_dead_letter_with_its_reason_and_its_neighbours_go_on() {
    let bucket = tempfile::tempdir().unwrap();
    let function = function(bucket.path(), GpcPolicy::Count);
    let now = batches::now();
    let good = batches::event(&mut StdRng::seed_from_u64(5), now);
    let mut long = good.clone();
    (long.id, long.site) = (EventId::fresh(now), "s".repeat(256).into());
    let body = br#"[{"event":"a"},7,{"event":"b","id":"nobody"}]"#;
    let records: Vec<Record> = vec![
        (31, [b"hello\n".to_vec(), line(&good), line(&long)].concat()),
        (32, raw(now, &json!({}), body)),
        (33, raw(now, &json!({}), b"{")),
        (34, raw(now, &json!({ "type64": STANDARD.encode("text/html") }), body)),
        (35, b"{\"raw\":2}".to_vec()),
        (36, raw(Time::from_ms(now.ms() + 100_000_000), &json!({}), body)),
    ];
    let response = function.handle(&invocation(7, &records), within(10)).await.unwrap();
    assert!(response.batch_item_failures.is_empty());
    let (mut found, mut events) = (Vec::new(), Vec::new());
    for (name, bytes) in files(bucket.path()) {
        match name.strip_prefix("dead-letter/archive/shardId-000000000007-") {
            None => events.extend(lines(&bytes)),
            Some(name) => {
                let letter: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(letter["shard"], "shardId-000000000007");
                assert_eq!(
                    name,
                    format!("{}-{}.json", letter["sequence"].as_str().unwrap(), letter["index"])
                );
                let data = STANDARD.decode(letter["data"].as_str().unwrap()).unwrap();
                // Nobody's address, whatever was wrong with what they sent.
                assert!(!data.windows(11).any(|window| window == b"203.0.113.7"));
                let reason = letter["reason"].as_str().unwrap().to_owned();
                found.push((name.to_owned(), String::from_utf8_lossy(&data).into_owned(), reason));
            }
        }
    }
    let long = String::from_utf8(line(&long)).unwrap();
    let expected = [
        ("31-0.json", "hello", "expected one JSON object"),
        ("31-2.json", &long, "site: 256 bytes"),
        ("32-1.json", "7", "expected an event object, got a number"),
        ("32-2.json", r#"{"event":"b","id":"nobody"}"#, "id: expected a UUID"),
        ("33-0.json", "{", "the body is not JSON"),
        ("34-0.json", std::str::from_utf8(body).unwrap(), "Content-Type"),
        ("35-0.json", "{\"raw\":2}", "not a raw body"),
        ("36-0.json", std::str::from_utf8(body).unwrap(), "more than a day after"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((name, data, reason), expected) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), data.as_str()), (expected.0, expected.1.trim_end()));
        assert!(reason.contains(expected.2), "{reason}");
    }
    let events: Vec<_> = events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(events.len(), 2);
    assert_eq!([events[0], b"\n"].concat(), line(&good));
    let posted = Event::decode(events[1]).unwrap();
    assert_eq!((&*posted.event, posted.source, posted.class), ("a", Source::Api, Class::Server));
    assert_eq!((posted.received_at, posted.ip.as_deref()), (now, Some("203.0.113.0")));
}

#[tokio::test]
async fn an_event_without_an_id_gets_the_same_whoever_reads_it_and_however_often() {
    let now = batches::now();
    let body = br#"[{"event":"a"},{"event":"a"},{"event":"c","id":"019c4955-3923-7abc-8def-000000000001"}]"#;
    let record = raw(now, &json!({}), body);
    let mut seen = Vec::new();
    for shard in [0, 0, 1] {
        let bucket = tempfile::tempdir().unwrap();
        let function = function(bucket.path(), GpcPolicy::Count);
        drop(function.handle(&invocation(shard, &[(41, record.clone())]), within(10)).await.unwrap());
        let object = files(bucket.path()).into_values().next().unwrap();
        let text = lines(&object);
        let ids = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        seen.push(ids.map(|line| Event::decode(line).unwrap().id.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0][0], seen[0][1]);
    assert_ne!(seen[0][0], seen[2][0]);
    assert_eq!(seen[0][2], "019c4955-3923-7abc-8def-000000000001");
    let ms = u64::from_str_radix(&seen[0][0].replace('-', "")[..12], 16).unwrap();
    assert_eq!(i64::try_from(ms).unwrap(), now.ms());
    assert_eq!(seen[0][0].as_bytes()[14], b'7');
}

#[tokio::test]
async fn who_does_not_want_to_be_followed_is_dropped_and_not_kept_as_a_dead_letter() {
    let bucket = tempfile::tempdir().unwrap();
    let function = function(bucket.path(), GpcPolicy::Drop);
    let record = raw(batches::now(), &json!({ "gpc": "1" }), br#"[{"event":"a"},{"event":"b"}]"#);
    let response = function.handle(&invocation(0, &[(51, record)]), within(10)).await.unwrap();
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(files(bucket.path()).len(), 0);
}

#[tokio::test]
async fn what_is_no_invocation_of_one_shard_is_an_error() {
    let bucket = tempfile::tempdir().unwrap();
    let function = function(bucket.path(), GpcPolicy::Count);
    let empty = function.handle(&invocation(0, &[]), within(10)).await;
    assert!(matches!(empty, Err(InvalidBatch::Empty)));
    let mut mixed = invocation(0, &[(61, Vec::new())]);
    mixed.records.extend(invocation(1, &[(62, Vec::new())]).records);
    let mixed = function.handle(&mixed, within(10)).await;
    assert!(matches!(mixed, Err(InvalidBatch::TwoShards { .. })));
    for id in [None, Some("shardId-1"), Some("shardId-1:../../x"), Some("x:1"), Some("shardId-:1")] {
        let mut strange = invocation(0, &[(63, Vec::new())]);
        strange.records[0].event_id = id.map(str::to_owned);
        let strange = function.handle(&strange, within(10)).await;
        assert!(matches!(strange, Err(InvalidBatch::EventId { .. })), "{id:?}");
    }
}
