//! The event source mapping keeps each documented rule.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use onepixel_aws_tests::freeze::{Answer, Function, Launch};
use onepixel_aws_tests::mapping::{Accidents, Mapping, Report, Settings, Start, Target};
use onepixel_aws_tests::servers::{Kinesalite, Stream};
use serde_json::{Value, json};

const MS: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(60);

/// One record as a function saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    shard: String,
    sequence: String,
    key: String,
    data: String,
}

/// The batches that a function saw, in the order of their ends.
type Batches = Arc<Mutex<Vec<Vec<Seen>>>>;

/// A function that remembers its batches and answers by their data.
fn remembering(answer: impl Fn(&[Seen]) -> Answer + Send + Sync + 'static) -> (Target, Batches) {
    let batches = Batches::default();
    let seen = Arc::clone(&batches);
    let target = Target::of(move |payload| {
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let batch: Vec<Seen> = payload["Records"].as_array().unwrap().iter().map(record).collect();
        let answer = answer(&batch);
        let seen = Arc::clone(&seen);
        async move {
            tokio::time::sleep(MS).await;
            seen.lock().unwrap().push(batch);
            answer
        }
    });
    (target, batches)
}

fn record(record: &Value) -> Seen {
    let kinesis = &record["kinesis"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let data = base64::engine::general_purpose::STANDARD.decode(text(&kinesis["data"])).unwrap();
    let (shard, sequence) = record["eventID"].as_str().unwrap().split_once(':').unwrap();
    assert_eq!(sequence, kinesis["sequenceNumber"]);
    assert!(kinesis["approximateArrivalTimestamp"].as_f64().unwrap() > 1.7e9);
    let data = String::from_utf8(data).unwrap();
    Seen { shard: shard.into(), sequence: sequence.into(), key: text(&kinesis["partitionKey"]), data }
}

fn ok() -> Answer {
    Answer::Response("null".into())
}

fn error() -> Answer {
    Answer::Error("{}".into())
}

/// Fails, as a whole, every batch that holds one of these.
fn failing(poison: &'static [&'static str]) -> impl Fn(&[Seen]) -> Answer + Send + Sync + 'static {
    move |batch| if batch.iter().any(|seen| poison.contains(&seen.data.as_str())) { error() } else { ok() }
}

/// Names every record of these in its answer.
fn naming(poison: &'static [&'static str]) -> impl Fn(&[Seen]) -> Answer + Send + Sync + 'static {
    move |batch| {
        let failed = batch.iter().filter(|seen| poison.contains(&seen.data.as_str()));
        let failed: Vec<Value> = failed.map(|seen| json!({"itemIdentifier": seen.sequence})).collect();
        Answer::Response(json!({"batchItemFailures": failed}).to_string().into())
    }
}

/// Puts `0`, `1`, ... into one shard, maps it, and gives each batch's data and the report.
async fn run(
    count: usize,
    settings: Settings,
    answer: impl Fn(&[Seen]) -> Answer + Send + Sync + 'static,
) -> (Vec<String>, Report) {
    let server = Kinesalite::start().await.unwrap();
    let stream = Stream::create(&server.endpoints(), "events", 1).await.unwrap();
    for n in 0..count {
        stream.put("key", n.to_string().as_bytes()).await.unwrap();
    }
    let (target, batches) = remembering(answer);
    let mapping = Mapping::start(&stream, target, settings).await.unwrap();
    mapping.caught_up(LIMIT).await.unwrap();
    let batches = batches.lock().unwrap();
    let data = |batch: &Vec<Seen>| batch.iter().map(|seen| seen.data.as_str()).collect::<Vec<_>>().join(" ");
    (batches.iter().map(data).collect(), mapping.stop())
}

fn settings(change: impl Fn(&mut Settings)) -> Settings {
    let mut settings = Settings { poll_every: 10 * MS, back_off: MS, ..Settings::default() };
    change(&mut settings);
    settings
}

/// First and last sequence number and size of what was given up, and why.
fn given_up(report: &Report) -> Vec<(usize, String)> {
    let failures = report.failures.iter().map(|failure| {
        let (info, first) = (&failure.metadata["KinesisBatchInfo"], &failure.records[0]);
        assert_eq!(info["shardId"], "shardId-000000000000");
        assert_eq!(info["startSequenceNumber"], first.sequence);
        assert_eq!(info["endSequenceNumber"], failure.records.last().unwrap().sequence);
        assert_eq!(info["approximateArrivalOfFirstRecord"], first.arrived_ms);
        assert_eq!(info["batchSize"], failure.records.len());
        let condition = failure.metadata["requestContext"]["condition"].as_str().unwrap();
        (failure.records.len(), condition.to_owned())
    });
    failures.collect()
}

#[tokio::test]
async fn the_batch_size_cuts() {
    let (batches, report) = run(5, settings(|to| to.batch_size = 2), |_| ok()).await;
    assert_eq!(batches, ["0 1", "2 3", "4"]);
    assert_eq!((report.done, report.retries, report.failures.len()), (5, 0, 0));
}

#[tokio::test]
async fn the_window_gathers_what_comes_later() {
    let server = Kinesalite::start().await.unwrap();
    let stream = Stream::create(&server.endpoints(), "events", 1).await.unwrap();
    let (target, batches) = remembering(|_| ok());
    let window = settings(|to| to.batching_window = 1500 * MS);
    let mapping = Mapping::start(&stream, target, window).await.unwrap();
    for n in 0..5 {
        stream.put("key", n.to_string().as_bytes()).await.unwrap();
        tokio::time::sleep(50 * MS).await;
    }
    assert_eq!(mapping.report().invocations, 0);
    mapping.caught_up(LIMIT).await.unwrap();
    assert_eq!(batches.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_failing_batch_is_tried_again_and_then_given_up_while_it_blocks_its_lane() {
    let to = settings(|to| (to.batch_size, to.retry_attempts_max) = (2, Some(2)));
    let (batches, report) = run(4, to, failing(&["1"])).await;
    assert_eq!(batches, ["0 1", "0 1", "0 1", "2 3"]);
    assert_eq!(given_up(&report), [(2, "RetryAttemptsExhausted".to_owned())]);
    assert_eq!(report.failures[0].metadata["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!((report.done, report.retries), (2, 2));
}

#[tokio::test]
async fn without_a_limit_it_is_tried_until_it_succeeds() {
    let tries = Mutex::new(0);
    let answer = move |_: &[Seen]| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries > 7 { ok() } else { Answer::TimedOut }
    };
    let (batches, report) = run(2, settings(|_| ()), answer).await;
    assert_eq!((batches.len(), report.retries, report.failures.len(), report.done), (8, 7, 0, 2));
}

#[tokio::test]
async fn bisecting_finds_the_one_that_fails_and_uses_up_no_retries() {
    let to = settings(|to| (to.bisect_on_error, to.retry_attempts_max) = (true, Some(1)));
    let (batches, report) = run(5, to, failing(&["3"])).await;
    assert_eq!(batches, ["0 1 2 3 4", "0 1 2", "3 4", "3", "3", "4"]);
    assert_eq!(given_up(&report), [(1, "RetryAttemptsExhausted".to_owned())]);
    assert_eq!((report.splits, report.retries, report.done), (2, 1, 4));
}

#[tokio::test]
async fn reported_items_are_a_checkpoint_at_the_lowest() {
    let to = settings(|to| (to.report_item_failures, to.retry_attempts_max) = (true, Some(2)));
    let (batches, report) = run(5, to, naming(&["4", "2"])).await;
    assert_eq!(batches, ["0 1 2 3 4", "2 3 4", "2 3 4"]);
    assert_eq!(given_up(&report), [(3, "RetryAttemptsExhausted".to_owned())]);
    assert_eq!((report.partial, report.done), (3, 2));
}

#[tokio::test]
async fn with_bisect_reported_items_cut_and_only_the_rest_is_tried() {
    let to = settings(|to| {
        (to.report_item_failures, to.bisect_on_error, to.retry_attempts_max) = (true, true, Some(0));
    });
    let (batches, report) = run(6, to, naming(&["2", "5"])).await;
    assert_eq!(batches, ["0 1 2 3 4 5", "2 3 4 5", "2 3", "2", "3", "4 5", "5"]);
    assert_eq!(given_up(&report).len(), 2);
    assert_eq!((report.done, report.retries), (4, 0));
}

#[tokio::test]
async fn old_records_are_given_up_and_young_ones_go_on() {
    let server = Kinesalite::start().await.unwrap();
    let stream = Stream::create(&server.endpoints(), "events", 1).await.unwrap();
    for data in ["old 0", "old 1"] {
        stream.put("key", data.as_bytes()).await.unwrap();
    }
    tokio::time::sleep(3100 * MS).await;
    stream.put("key", b"young").await.unwrap();
    let (target, batches) = remembering(|_| ok());
    let to = settings(|to| to.record_age_max = Some(3000 * MS));
    let mapping = Mapping::start(&stream, target, to).await.unwrap();
    mapping.caught_up(LIMIT).await.unwrap();
    assert_eq!(given_up(&mapping.report()), [(2, "MaximumRecordAgeExceeded".to_owned())]);
    assert_eq!(batches.lock().unwrap()[0][0].data, "young");
    // A batch that fails for ever is given up when it is old enough.
    let (target, _) = remembering(|_| error());
    let to = settings(|to| to.record_age_max = Some(500 * MS));
    let mapping = Mapping::start(&stream, target, to).await.unwrap();
    mapping.caught_up(LIMIT).await.unwrap();
    let report = mapping.stop();
    assert_eq!(report.failures.iter().map(|failure| failure.records.len()).sum::<usize>(), 3);
}

#[tokio::test]
async fn a_throttled_call_is_made_again_and_uses_up_no_retries() {
    let calls = Mutex::new(0);
    let answer = move |_: &[Seen]| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        if *calls % 4 == 0 { ok() } else { Answer::Throttled }
    };
    let (_, report) = run(3, settings(|to| to.retry_attempts_max = Some(0)), answer).await;
    assert_eq!((report.done, report.throttled, report.invocations, report.failures.len()), (3, 3, 1, 0));
}

#[tokio::test]
async fn a_key_keeps_to_its_lane_and_its_order_and_another_lane_goes_on() {
    let server = Kinesalite::start().await.unwrap();
    let stream = Stream::create(&server.endpoints(), "events", 1).await.unwrap();
    for n in 0..60 {
        stream.put(&format!("key-{}", n % 6), n.to_string().as_bytes()).await.unwrap();
    }
    // One key never succeeds.
    let (target, batches) =
        remembering(|batch| if batch.iter().any(|seen| seen.key == "key-0") { error() } else { ok() });
    let to = settings(|to| (to.parallelization_factor, to.batch_size) = (10, 5));
    let mapping = Mapping::start(&stream, target, to).await.unwrap();
    let start = std::time::Instant::now();
    while mapping.report().done < 30 && start.elapsed() < LIMIT {
        tokio::time::sleep(10 * MS).await;
    }
    let report = mapping.stop();
    assert!(report.done >= 30 && report.done < 60, "{report:?}");
    let mut last: HashMap<String, usize> = HashMap::new();
    for seen in
        batches.lock().unwrap().iter().filter(|batch| batch.iter().all(|seen| seen.key != "key-0")).flatten()
    {
        let n: usize = seen.data.parse().unwrap();
        let before = last.insert(seen.key.clone(), n);
        assert!(before.is_none_or(|before| before + 6 == n), "{before:?} {n}");
    }
}

#[tokio::test]
async fn parents_are_drained_before_their_children() {
    let server = Kinesalite::start().await.unwrap();
    let stream = Stream::create(&server.endpoints(), "events", 2).await.unwrap();
    let put = async |round: usize| {
        for n in 0..40 {
            stream.put(&format!("key-{n}"), format!("{round}").as_bytes()).await.unwrap();
        }
    };
    put(0).await;
    stream.split("shardId-000000000000").await.unwrap();
    put(1).await;
    // The children of both: a merge of a child of the first with its neighbour.
    stream.merge("shardId-000000000003", "shardId-000000000001").await.unwrap();
    put(2).await;
    let (target, batches) = remembering(|_| ok());
    let mapping = Mapping::start(&stream, target, settings(|to| to.batch_size = 7)).await.unwrap();
    mapping.caught_up(LIMIT).await.unwrap();
    // A split while it runs.
    stream.split("shardId-000000000004").await.unwrap();
    put(3).await;
    mapping.caught_up(LIMIT).await.unwrap();
    assert_eq!(mapping.stop().done, 160);
    let batches = batches.lock().unwrap();
    let mut rounds: HashMap<&str, usize> = HashMap::new();
    for seen in batches.iter().flatten() {
        let round: usize = seen.data.parse().unwrap();
        let before = rounds.insert(&seen.key, round);
        assert!(before.is_none_or(|before| before + 1 == round), "{}: {round} after {before:?}", seen.key);
    }
    let shards: HashSet<&str> = batches.iter().flatten().map(|seen| seen.shard.as_str()).collect();
    assert_eq!(shards.len(), 7, "{shards:?}");
    assert!(batches.iter().all(|batch| batch.iter().all(|seen| seen.shard == batch[0].shard)));
}

#[tokio::test]
async fn the_starting_position_is_kept() {
    let server = Kinesalite::start().await.unwrap();
    let stream = Stream::create(&server.endpoints(), "events", 1).await.unwrap();
    stream.put("key", b"before").await.unwrap();
    tokio::time::sleep(1100 * MS).await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let now = u64::try_from(now).unwrap();
    // Each start, and what is seen of `before`, `after`, and `child`.
    for (start, expected) in [
        (Start::TrimHorizon, vec!["before", "after", "child"]),
        (Start::AtTimestamp(now), vec!["after", "child"]),
        (Start::Latest, vec!["after", "child"]),
    ] {
        let name = format!("{start:?}").chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        let stream = Stream::create(&server.endpoints(), &name, 1).await.unwrap();
        if start != Start::AtTimestamp(now) {
            stream.put("key", b"before").await.unwrap();
        }
        let (target, batches) = remembering(|_| ok());
        let mapping = Mapping::start(&stream, target, settings(|to| to.start = start)).await.unwrap();
        stream.put("key", b"after").await.unwrap();
        stream.split("shardId-000000000000").await.unwrap();
        stream.put("key", b"child").await.unwrap();
        mapping.caught_up(LIMIT).await.unwrap();
        let seen: Vec<String> =
            batches.lock().unwrap().iter().flatten().map(|seen| seen.data.clone()).collect();
        assert_eq!(seen, expected, "{start:?}");
    }
    let (target, batches) = remembering(|_| ok());
    let to = settings(|to| to.start = Start::AtTimestamp(now));
    let mapping = Mapping::start(&stream, target, to).await.unwrap();
    stream.put("key", b"after").await.unwrap();
    mapping.caught_up(LIMIT).await.unwrap();
    let seen: Vec<String> = batches.lock().unwrap().iter().flatten().map(|seen| seen.data.clone()).collect();
    assert_eq!(seen, ["after"]);
}

#[tokio::test]
async fn accidents_deliver_again_and_lose_answers_but_lose_no_record() {
    let accidents = Accidents { seed: 11, redeliver_one_in: 2, lose_one_in: 4 };
    let to = settings(|to| (to.batch_size, to.accidents) = (5, accidents));
    let (batches, report) = run(60, to, |_| ok()).await;
    let mut seen: Vec<usize> =
        batches.iter().flat_map(|batch| batch.split(' ')).map(|data| data.parse().unwrap()).collect();
    assert!(seen.len() > 60 && report.redelivered > 0 && report.lost > 0, "{report:?}");
    assert_eq!(report.retries, report.lost);
    assert_eq!(report.done, 60);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn it_calls_a_function_in_the_emulated_lambda() {
    let server = Kinesalite::start().await.unwrap();
    let stream = Stream::create(&server.endpoints(), "events", 1).await.unwrap();
    for n in 0..10 {
        stream.put("key", n.to_string().as_bytes()).await.unwrap();
    }
    let function = Function::new(Launch::new(env!("CARGO_BIN_EXE_probe")).timeout(LIMIT)).unwrap();
    let function = Arc::new(function);
    let target = Target::function(Arc::clone(&function));
    let mapping = Mapping::start(&stream, target, settings(|to| to.batch_size = 4)).await.unwrap();
    mapping.caught_up(LIMIT).await.unwrap();
    assert_eq!((mapping.stop().done, function.counts().invocations), (10, 3));
}
