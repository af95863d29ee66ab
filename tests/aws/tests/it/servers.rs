//! The servers do what the tests rely on.

use aws_sdk_dynamodb::types::AttributeValue;
use object_store::ObjectStoreExt as _;
use onepixel_aws_tests::servers::{Bucket, Servers, Stream, Table};

#[tokio::test]
async fn a_stream_gives_everything_back_through_a_split_and_a_merge() {
    let servers = Servers::start().await.unwrap();
    let stream = Stream::create(&servers.endpoints(), "events", 2).await.unwrap();
    let mut expected = Vec::new();
    for round in 0..3 {
        for n in 0..20 {
            let (key, data) = (format!("key-{n}"), format!("{round}-{n}").into_bytes());
            let (shard, sequence) = stream.put(&key, &data).await.unwrap();
            expected.push((shard, sequence, data));
        }
        match round {
            0 => stream.split("shardId-000000000000").await.unwrap(),
            1 => stream.merge("shardId-000000000002", "shardId-000000000003").await.unwrap(),
            _ => (),
        }
    }
    let read = stream.read_all().await.unwrap();
    let mut read: Vec<_> =
        read.into_iter().map(|record| (record.shard, record.sequence, record.data)).collect();
    read.sort();
    expected.sort();
    assert_eq!(read, expected);
    assert_eq!(stream.shards().await.unwrap().len(), 5);
    assert_eq!(stream.open_shards().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_table_and_a_bucket_give_back_what_they_took() {
    let servers = Servers::start().await.unwrap();
    let endpoints = servers.endpoints();
    let table = Table::create(&endpoints, "live").await.unwrap();
    for n in 0..30 {
        let put = table.client().put_item().table_name("live");
        let put =
            put.item("pk", AttributeValue::S(format!("P#{n}"))).item("sk", AttributeValue::S("x".into()));
        put.item("expires", AttributeValue::N("1".into())).send().await.unwrap();
    }
    assert_eq!(table.read_all().await.unwrap().len(), 30);

    let bucket = Bucket::create(&endpoints, "archive").await.unwrap();
    for key in ["events/year=2026/a.gz", "events/year=2026/month=1/b.gz", "dead-letter/c.json"] {
        bucket.store().put(&key.into(), key.to_owned().into()).await.unwrap();
    }
    let keys = bucket.keys("events").await.unwrap();
    assert_eq!(keys, ["events/year=2026/a.gz", "events/year=2026/month=1/b.gz"]);
    assert_eq!(bucket.get("dead-letter/c.json").await.unwrap(), "dead-letter/c.json");
}

#[tokio::test]
async fn servers_are_gone_with_their_owner() {
    let servers = Servers::start().await.unwrap();
    let endpoints = servers.endpoints();
    let reach = |url: &str| std::net::TcpStream::connect(url.trim_start_matches("http://"));
    assert!(reach(&endpoints.kinesis).is_ok() && reach(&endpoints.s3).is_ok());
    drop(servers);
    assert!(reach(&endpoints.kinesis).is_err() && reach(&endpoints.s3).is_err());
}
