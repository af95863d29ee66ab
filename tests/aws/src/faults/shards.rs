//! Which shard a partition key belongs to, and how much each shard still takes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::forward::Forward;
use super::{ShardRate, lock};

/// After a split or a merge the old map is used so long at most.
const KNOWN_FOR: Duration = Duration::from_millis(200);

/// The maps and buckets of every stream that was asked for.
#[derive(Debug, Default)]
pub(super) struct Shards {
    maps: Mutex<HashMap<String, (Instant, Map)>>,
    buckets: Mutex<HashMap<(String, String), Bucket>>,
}

/// The open shards of a stream: first and last hash key, and id.
type Map = Vec<(u128, u128, String)>;

#[derive(Debug)]
struct Bucket {
    records: f64,
    bytes: f64,
    filled: Instant,
}

impl Shards {
    /// The open shards of a stream.
    pub(super) async fn map(&self, forward: &Forward, stream: &str) -> anyhow::Result<Map> {
        if let Some((asked, map)) = lock(&self.maps).get(stream)
            && asked.elapsed() < KNOWN_FOR
        {
            return Ok(map.clone());
        }
        let asked = Instant::now();
        let listed = forward.ask("Kinesis_20131202.ListShards", &json!({"StreamName": stream})).await?;
        let shards = listed["Shards"].as_array().with_context(|| format!("no shards in {listed}"))?;
        let map: Map = shards.iter().filter_map(open_shard).collect();
        lock(&self.maps).insert(stream.to_owned(), (asked, map.clone()));
        Ok(map)
    }

    /// Takes a record out of its shard's bucket; false if the shard is throttled.
    pub(super) fn take(&self, stream: &str, shard: &str, bytes: usize, rate: ShardRate) -> bool {
        let mut buckets = lock(&self.buckets);
        let bucket = buckets.entry((stream.to_owned(), shard.to_owned())).or_insert_with(|| Bucket {
            records: rate.records_per_second,
            bytes: rate.bytes_per_second,
            filled: Instant::now(),
        });
        let passed = bucket.filled.elapsed().as_secs_f64();
        bucket.filled = Instant::now();
        let fill = |held: f64, rate: f64| rate.mul_add(passed, held).min(rate);
        bucket.records = fill(bucket.records, rate.records_per_second);
        bucket.bytes = fill(bucket.bytes, rate.bytes_per_second);
        #[expect(clippy::cast_precision_loss, reason = "a record is at most 10 MiB")]
        let bytes = bytes as f64;
        // A record larger than the whole bucket would never pass.
        let enough = bucket.records >= 1.0 && bucket.bytes >= bytes.min(rate.bytes_per_second);
        if enough {
            bucket.records -= 1.0;
            bucket.bytes -= bytes;
        }
        enough
    }
}

/// The shard of an entry of a PutRecords, or of a PutRecord.
pub(super) fn shard_of<'a>(map: &'a Map, entry: &Value) -> Option<&'a str> {
    let explicit = entry["ExplicitHashKey"].as_str().and_then(|key| key.parse().ok());
    let key = explicit.unwrap_or_else(|| hash_key(entry["PartitionKey"].as_str().unwrap_or_default()));
    map.iter().find(|(first, last, _)| (*first..=*last).contains(&key)).map(|(_, _, id)| id.as_str())
}

/// Kinesis hashes partition keys with MD5.
fn hash_key(partition_key: &str) -> u128 {
    let digest: [u8; 16] = Md5::digest(partition_key.as_bytes()).into();
    u128::from_be_bytes(digest)
}

fn open_shard(shard: &Value) -> Option<(u128, u128, String)> {
    let number = |key: &str| shard["HashKeyRange"][key].as_str()?.parse().ok();
    let closed = shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string();
    let id = shard["ShardId"].as_str().filter(|_| !closed)?;
    Some((number("StartingHashKey")?, number("EndingHashKey")?, id.to_owned()))
}
