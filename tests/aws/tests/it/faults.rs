//! The fault proxy fails as AWS does, and only as it is told.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, Put, PutRequest, TransactWriteItem, WriteRequest};
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use object_store::ObjectStoreExt as _;
use onepixel_aws_tests::faults::{FaultProxy, Plan, ShardRate};
use onepixel_aws_tests::servers::{Bucket, Endpoints, Kinesalite, Servers, Stream, Table};

const MS: Duration = Duration::from_millis(1);

fn without_retries(endpoints: &Endpoints) -> aws_sdk_kinesis::Client {
    let config = endpoints.kinesis().config().to_builder();
    let never = aws_sdk_kinesis::config::retry::RetryConfig::disabled();
    aws_sdk_kinesis::Client::from_conf(config.retry_config(never).build())
}

struct Faulty {
    _server: Kinesalite,
    stream: Stream,
    proxy: FaultProxy,
    client: aws_sdk_kinesis::Client,
}

async fn faulty(shards: u32, plan: Plan) -> Faulty {
    let server = Kinesalite::start().await.unwrap();
    let mut endpoints = server.endpoints();
    let stream = Stream::create(&endpoints, "events", shards).await.unwrap();
    let proxy = FaultProxy::start(&endpoints.kinesis, plan).await.unwrap();
    endpoints.kinesis = proxy.url();
    Faulty { _server: server, stream, proxy, client: without_retries(&endpoints) }
}

impl Faulty {
    /// Puts one record; whether it was acknowledged.
    async fn put(&self, key: &str) -> bool {
        let put =
            self.client.put_record().stream_name("events").partition_key(key).data(b"x".as_slice().into());
        put.send().await.is_ok()
    }

    /// Puts the records in one request and gives each one's error code.
    async fn put_all(&self, keys: &[String]) -> Vec<Option<String>> {
        let entry = |key: &String| {
            let data = key.clone().into_bytes().into();
            PutRecordsRequestEntry::builder().partition_key(key).data(data).build().unwrap()
        };
        let put = self
            .client
            .put_records()
            .stream_name("events")
            .set_records(Some(keys.iter().map(entry).collect()));
        let answer = put.send().await.unwrap();
        let codes: Vec<_> =
            answer.records().iter().map(|entry| entry.error_code().map(str::to_owned)).collect();
        let failed = i32::try_from(codes.iter().flatten().count()).unwrap();
        assert_eq!(answer.failed_record_count(), Some(failed));
        codes
    }

    async fn stored(&self) -> Vec<String> {
        let mut keys: Vec<String> =
            self.stream.read_all().await.unwrap().into_iter().map(|stored| stored.key).collect();
        keys.sort();
        keys
    }
}

#[tokio::test]
async fn without_a_plan_everything_passes() {
    let faulty = faulty(1, Plan::default()).await;
    for n in 0..20 {
        assert!(faulty.put(&n.to_string()).await);
    }
    let counts = faulty.proxy.counts();
    assert_eq!((counts.requests, counts.forwarded), (20, 20));
    assert_eq!(faulty.stored().await.len(), 20);
}

#[tokio::test]
async fn what_was_not_forwarded_is_not_stored_and_a_lost_answer_is() {
    let faulty = faulty(1, Plan::default()).await;
    let always = |plan: fn(&mut Plan)| {
        let mut made = Plan { hang: 200 * MS, ..Plan::default() };
        plan(&mut made);
        made
    };
    // Each plan, and whether the record is there afterwards.
    let cases: [(&str, Plan, bool); 5] = [
        ("error", always(|plan| plan.server_error_one_in = 1), false),
        ("before", always(|plan| plan.reset_before_one_in = 1), false),
        ("after", always(|plan| plan.reset_after_one_in = 1), true),
        ("hang", always(|plan| plan.hang_one_in = 1), false),
        ("hang after", always(|plan| plan.hang_after_one_in = 1), true),
    ];
    let mut expected = Vec::new();
    for (name, plan, stored) in cases {
        faulty.proxy.set_plan(plan);
        let start = Instant::now();
        assert!(!faulty.put(name).await, "{name}");
        assert!(start.elapsed() >= 200 * MS || !name.starts_with("hang"), "{name}");
        expected.extend(stored.then(|| name.to_owned()));
        assert_eq!(faulty.stored().await, expected, "{name}");
    }
    let counts = faulty.proxy.counts();
    assert_eq!((counts.server_errors, counts.resets_before, counts.resets_after), (1, 1, 1));
    assert_eq!((counts.hangs, counts.hangs_after, counts.forwarded), (1, 1, 2));
}

#[tokio::test]
async fn only_the_named_operations_fail_and_delay_is_for_all() {
    let plan = Plan {
        operations: vec!["PutRecords".into()],
        server_error_one_in: 1,
        delay: 50 * MS,
        ..Plan::default()
    };
    let faulty = faulty(1, plan).await;
    let start = Instant::now();
    assert!(faulty.put("a").await);
    assert!(start.elapsed() >= 50 * MS);
    let entry = PutRecordsRequestEntry::builder().partition_key("b").data(b"x".as_slice().into());
    let put = faulty.client.put_records().stream_name("events").records(entry.build().unwrap());
    assert!(put.send().await.is_err());
}

#[tokio::test]
async fn entries_fail_one_by_one_and_the_others_are_stored_in_their_order() {
    let faulty = faulty(2, Plan { seed: 3, entry_failure_one_in: 3, ..Plan::default() }).await;
    let keys: Vec<String> = (0..60).map(|n| format!("{n:02}")).collect();
    let codes = faulty.put_all(&keys).await;
    let passed: Vec<String> =
        keys.iter().zip(&codes).filter(|(_, code)| code.is_none()).map(|(key, _)| key.clone()).collect();
    assert!(codes.iter().flatten().all(|code| code == "InternalFailure"));
    assert!(passed.len() > 20 && passed.len() < 60, "{}", passed.len());
    assert_eq!(faulty.stored().await, passed);
    assert_eq!(faulty.proxy.counts().failed_entries, 60 - passed.len() as u64);
}

#[tokio::test]
async fn each_shard_takes_its_rate_and_throttles_the_rest() {
    let rate = ShardRate { records_per_second: 10.0, bytes_per_second: 1e6 };
    let faulty = faulty(2, Plan { shard_rate: Some(rate), ..Plan::default() }).await;
    let mut left: Vec<String> = (0..60).map(|n| format!("{n:02}")).collect();
    let all = left.clone();
    let mut rounds = 0;
    while !left.is_empty() && rounds < 600 {
        let start = Instant::now();
        let codes = faulty.put_all(&left).await;
        // What a second brings, and what came while the proxy was at it.
        let most = 12 + usize::try_from(start.elapsed().as_millis() / 100).unwrap();
        assert!(codes.iter().flatten().all(|code| code == "ProvisionedThroughputExceededException"));
        let failed = left.iter().zip(&codes).filter(|(_, code)| code.is_some());
        left = failed.map(|(key, _)| key.clone()).collect();
        if rounds == 0 {
            let stored = faulty.stream.read_all().await.unwrap();
            for shard in ["shardId-000000000000", "shardId-000000000001"] {
                let count = stored.iter().filter(|stored| stored.shard == shard).count();
                assert!((10..=most).contains(&count), "{shard} has room for ten and took {count}");
            }
        }
        rounds += 1;
        tokio::time::sleep(100 * MS).await;
    }
    assert_eq!(faulty.stored().await, all, "each exactly once");
    assert!(rounds > 5 && faulty.proxy.counts().throttled_records > 40, "{rounds}");
    // The proxy knows the same shards as the server, also after a split.
    faulty.stream.split("shardId-000000000000").await.unwrap();
    tokio::time::sleep(300 * MS).await;
    let rate = ShardRate { records_per_second: 0.01, bytes_per_second: 1e6 };
    faulty.proxy.set_plan(Plan { shard_rate: Some(rate), ..Plan::default() });
    assert!(faulty.put_all(&all).await.iter().all(Option::is_some));
    assert!(!faulty.put("00").await);
}

#[tokio::test]
async fn bytes_count_as_well_as_records() {
    let rate = ShardRate { records_per_second: 1e6, bytes_per_second: 100.0 };
    let faulty = faulty(1, Plan { shard_rate: Some(rate), ..Plan::default() }).await;
    let keys: Vec<String> = (0..10).map(|n| format!("{n}-{}", "k".repeat(18))).collect();
    // Key and data are 20 bytes each.
    let passed = faulty.put_all(&keys).await.iter().filter(|code| code.is_none()).count();
    assert!((2..=3).contains(&passed), "{passed}");
}

#[tokio::test]
async fn connections_can_be_cut_while_nobody_uses_them() {
    let faulty = faulty(1, Plan::default()).await;
    let mut idle = std::net::TcpStream::connect(faulty.proxy.url().trim_start_matches("http://")).unwrap();
    assert!(faulty.put("a").await);
    faulty.proxy.cut_connections();
    tokio::time::sleep(50 * MS).await;
    let cut = std::io::Read::read(&mut idle, &mut [0; 8]).unwrap_err();
    assert_eq!(cut.kind(), std::io::ErrorKind::ConnectionReset);
    let endpoints = Endpoints { kinesis: faulty.proxy.url(), dynamodb: String::new(), s3: String::new() };
    // With the SDK's retries a dead connection costs nothing.
    let patient = endpoints.kinesis();
    patient.list_streams().send().await.unwrap();
    faulty.proxy.cut_connections();
    patient.list_streams().send().await.unwrap();
}

#[tokio::test]
async fn dynamodb_throttles_conflicts_and_leaves_items_unprocessed() {
    let servers = Servers::start().await.unwrap();
    let mut endpoints = servers.endpoints();
    let table = Table::create(&endpoints, "live").await.unwrap();
    let proxy = FaultProxy::start(&endpoints.dynamodb, Plan::default()).await.unwrap();
    endpoints.dynamodb = proxy.url();
    let config = endpoints.dynamodb().config().to_builder();
    let never = aws_sdk_dynamodb::config::retry::RetryConfig::disabled();
    let client = aws_sdk_dynamodb::Client::from_conf(config.retry_config(never).build());
    let item = |n: usize| {
        let value = |text: String| AttributeValue::S(text);
        [("pk".to_owned(), value(format!("P{n}"))), ("sk".to_owned(), value("x".into()))].into()
    };

    proxy.set_plan(Plan { throttle_one_in: 1, ..Plan::default() });
    let refused = client.put_item().table_name("live").set_item(Some(item(0))).send().await.unwrap_err();
    assert!(refused.into_service_error().is_provisioned_throughput_exceeded_exception());

    proxy.set_plan(Plan { conflict_one_in: 1, ..Plan::default() });
    let mut write = client.transact_write_items();
    for n in 0..3 {
        let put = Put::builder().table_name("live").set_item(Some(item(n))).build().unwrap();
        write = write.transact_items(TransactWriteItem::builder().put(put).build());
    }
    let refused = write.send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = refused
    else {
        panic!("{refused:?}")
    };
    let mut codes: Vec<_> =
        cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["None", "None", "TransactionConflict"]);
    assert_eq!(table.read_all().await.unwrap().len(), 0);

    proxy.set_plan(Plan { seed: 1, unprocessed_one_in: 3, ..Plan::default() });
    let mut left: Vec<WriteRequest> = (0..25)
        .map(|n| {
            let put = PutRequest::builder().set_item(Some(item(n))).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    let mut rounds = 0;
    while !left.is_empty() && rounds < 50 {
        let stored = table.read_all().await.unwrap().len();
        assert_eq!(stored, 25 - left.len());
        let answer = client.batch_write_item().request_items("live", left).send().await.unwrap();
        left = answer.unprocessed_items.unwrap_or_default().remove("live").unwrap_or_default();
        rounds += 1;
    }
    assert!(rounds > 1 && left.is_empty());
    let counts = proxy.counts();
    assert_eq!((counts.throttled, counts.conflicts), (1, 1));
    assert!(counts.unprocessed_items > 0);
}

#[tokio::test]
async fn an_archive_lives_through_what_s3_does() {
    let servers = Servers::start().await.unwrap();
    let mut endpoints = servers.endpoints();
    let straight = Bucket::create(&endpoints, "archive").await.unwrap();
    let proxy = FaultProxy::start(&endpoints.s3, Plan::default()).await.unwrap();
    endpoints.s3 = proxy.url();
    let faulty = Bucket::create(&endpoints, "archive-2").await.unwrap();
    let plan = Plan { seed: 5, server_error_one_in: 4, reset_before_one_in: 8, ..Plan::default() };
    proxy.set_plan(plan);
    for n in 0..20 {
        let key = format!("events/{n:02}");
        faulty.store().put(&key.as_str().into(), key.clone().into()).await.unwrap();
        assert_eq!(faulty.store().head(&key.as_str().into()).await.unwrap().size, 9);
    }
    proxy.set_plan(Plan::default());
    assert_eq!(faulty.keys("events").await.unwrap().len(), 20);
    assert_eq!(straight.keys("events").await.unwrap().len(), 0);
    let counts = proxy.counts();
    assert!(counts.server_errors > 0 && counts.resets_before > 0, "{counts:?}");
}
