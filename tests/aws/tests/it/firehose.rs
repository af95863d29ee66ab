//! The transformation before Firehose: the same lines in the same partitions as the archive function's.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onepixel_archive::{Archive, ObjectName};
use onepixel_aws::archive::ArchiveObjects;
use onepixel_aws::consumer::{DeadLetters, RawBodies};
use onepixel_aws::firehose::{Invocation, TransformError, Transformation};
use onepixel_event::{Event, Time};
use onepixel_gateway::ingest::IngestSettings;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::archive::{files, lines, raw};
use crate::batches::{self, OwnSalts, Record, line, within};

fn function(bucket: &Path) -> Transformation<OwnSalts> {
    let bucket = Archive::open(bucket.to_str().unwrap(), bucket).unwrap();
    Transformation::new(
        ArchiveObjects::new(bucket.clone()),
        RawBodies::new(IngestSettings::default(), OwnSalts),
        DeadLetters::new(bucket, "firehose"),
    )
}

/// An invocation as AWS's examples show it.
fn invocation(records: &[Record]) -> Invocation {
    let record = |(sequence, data): &Record| {
        json!({
            "recordId": format!("id-{sequence}"),
            "approximateArrivalTimestamp": batches::now().ms(),
            "data": STANDARD.encode(data),
            "kinesisRecordMetadata": {
                "shardId": "shardId-000000000003", "partitionKey": "key", "subsequenceNumber": "",
                "approximateArrivalTimestamp": batches::now().ms(), "sequenceNumber": sequence.to_string(),
            },
        })
    };
    let records: Vec<_> = records.iter().map(record).collect();
    let json = json!({ "invocationId": "x", "deliveryStreamArn": "y", "region": "z", "records": records });
    serde_json::from_value(json).unwrap()
}

/// Result, partition and data of each record of the answer.
async fn transform(
    function: &Transformation<OwnSalts>,
    records: &[Record],
) -> Vec<(String, String, Vec<u8>)> {
    let answer = function.handle(&invocation(records), within(10)).await.unwrap();
    let answer = serde_json::to_value(&answer).unwrap();
    let records = answer["records"].as_array().unwrap().iter().zip(records);
    records
        .map(|(answer, (sequence, _))| {
            assert_eq!(answer["recordId"], format!("id-{sequence}"));
            let keys = &answer["metadata"]["partitionKeys"];
            let key = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();
            let folder = format!("{}-{}-{}-{}", key("year"), key("month"), key("day"), key("hour"));
            let data = STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
            (answer["result"].as_str().unwrap().to_owned(), folder, data)
        })
        .collect()
}

fn folder(time: Time) -> String {
    let name = ObjectName::hour_folder(time);
    name.split('/').skip(1).map(|part| part.split_once('=').unwrap().1).collect::<Vec<_>>().join("-")
}

#[tokio::test]
async fn lines_go_through_as_they_are_and_raw_bodies_become_events() {
    let bucket = tempfile::tempdir().unwrap();
    let function = function(bucket.path());
    let mut rng = StdRng::seed_from_u64(6);
    let now = batches::now();
    let (a, b) = (batches::event(&mut rng, now), batches::event(&mut rng, now));
    let records: Vec<Record> = vec![
        (11, [line(&a), b"junk\n".to_vec(), line(&b)].concat()),
        (12, raw(now, &json!({}), br#"[{"event":"a"},{"event":"b"}]"#)),
        (13, b"junk".to_vec()),
    ];
    let answer = transform(&function, &records).await;
    assert_eq!(answer[0], ("Ok".to_owned(), folder(now), [line(&a), line(&b)].concat()));
    assert_eq!((answer[1].0.as_str(), &answer[1].1), ("Ok", &folder(now)));
    assert!(answer[1].2.ends_with(b"}\n"));
    let posted = answer[1].2.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let posted: Vec<String> = posted.map(|line| Event::decode(line).unwrap().event.into_owned()).collect();
    assert_eq!(posted, ["a", "b"]);
    assert_eq!(answer[2], ("Dropped".to_owned(), "---".to_owned(), Vec::new()));
    let letters: BTreeMap<String, Value> = files(bucket.path())
        .into_iter()
        .map(|(name, bytes)| (name, serde_json::from_slice(&bytes).unwrap()))
        .collect();
    let name = |rest: &str| format!("dead-letter/firehose/shardId-000000000003-{rest}.json");
    assert_eq!(letters.keys().cloned().collect::<Vec<_>>(), [name("11-1"), name("13-0")]);
}

#[tokio::test]
async fn what_an_answer_cannot_say_is_written_by_the_function_itself() {
    let bucket = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(7);
    let hour = batches::now().hour_start().ms();
    let mut at = |ms: i64| batches::event(&mut rng, Time::from_ms(hour + ms));
    let (a, b, c) = (at(-2), at(1), at(-1));
    let mixed: Vec<Record> = vec![(21, [line(&a), line(&b), line(&c)].concat())];
    let answer = transform(&function(bucket.path()), &mixed).await;
    assert_eq!(answer, [("Ok".to_owned(), folder(a.received_at), [line(&a), line(&c)].concat())]);
    let other = ObjectName::elsewhere(b.received_at, "3", "21", "21");
    let found = files(bucket.path());
    assert_eq!((found.len(), lines(&found[&other])), (1, line(&b)));

    let bucket = tempfile::tempdir().unwrap();
    let records: Vec<Record> = vec![(22, line(&a)), (23, line(&b)), (24, line(&c))];
    let room = 2 * (400 + line(&a).len().max(line(&b).len()).div_ceil(3) * 4);
    let answer = transform(&function(bucket.path()).with_answer_bytes_max(room), &records).await;
    assert_eq!(
        answer.iter().map(|(result, ..)| result.as_str()).collect::<Vec<_>>(),
        ["Ok", "Ok", "Dropped"]
    );
    let found = files(bucket.path());
    let name = ObjectName::elsewhere(c.received_at, "3", "24", "24");
    assert_eq!((found.len(), lines(&found[&name])), (1, line(&c)));
}

#[tokio::test]
async fn what_cannot_be_answered_for_is_an_error() {
    let bucket = tempfile::tempdir().unwrap();
    let function = function(bucket.path());
    let mut direct = invocation(&[(31, b"x".to_vec())]);
    direct.records[0].kinesis_record_metadata = None;
    let direct = function.handle(&direct, within(10)).await;
    assert!(matches!(direct, Err(TransformError::NoPlace { record: 0 })), "{direct:?}");
    std::fs::write(bucket.path().join("dead-letter"), b"").unwrap();
    let stuck = function.handle(&invocation(&[(32, b"x".to_vec())]), within(10)).await;
    assert!(matches!(stuck, Err(TransformError::Unwritten { record: 0, .. })), "{stuck:?}");
}
