//! A Kinesis stream: made, split, merged, and read back from every shard it ever had.

use anyhow::{Context, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, Shard, ShardIteratorType, StreamStatus};
use tokio::time::Instant;

use super::{DONE_WITHIN, Endpoints, LOOK_EVERY};

const GET_RECORDS_MAX: i32 = 10_000;
/// A closed shard ends by itself; one that gives nothing so often in a row never will.
const EMPTY_ANSWERS_MAX: usize = 100;

/// A stream that exists.
#[derive(Debug, Clone)]
pub struct Stream {
    client: Client,
    name: String,
}

/// One record, and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Such as `shardId-000000000003`.
    pub shard: String,
    /// A decimal number that grows within the shard.
    pub sequence: String,
    /// As the producer gave it.
    pub key: String,
    /// The bytes, not base64.
    pub data: Vec<u8>,
}

impl Stream {
    /// Makes a stream of so many open shards and waits until it is active.
    pub async fn create(endpoints: &Endpoints, name: &str, shards: u32) -> anyhow::Result<Self> {
        let stream = Self { client: endpoints.kinesis(), name: name.to_owned() };
        let create = stream.client.create_stream().stream_name(name).shard_count(i32::try_from(shards)?);
        create.send().await.with_context(|| format!("cannot create the stream {name}"))?;
        stream.active().await?;
        Ok(stream)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A client that goes straight to the server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Puts one record and gives the shard and sequence number it got.
    pub async fn put(&self, key: &str, data: &[u8]) -> anyhow::Result<(String, String)> {
        let put = self.client.put_record().stream_name(&self.name).partition_key(key).data(data.into());
        let put = put.send().await.context("PutRecord")?;
        Ok((put.shard_id().to_owned(), put.sequence_number().to_owned()))
    }

    /// Every shard there ever was, in the order of their ids.
    pub async fn shards(&self) -> anyhow::Result<Vec<Shard>> {
        let mut shards = Vec::new();
        let mut next = None;
        loop {
            let list = self.client.list_shards().set_next_token(next.clone());
            let list = if next.is_none() { list.stream_name(&self.name) } else { list };
            let answer = list.send().await.context("ListShards")?;
            shards.extend_from_slice(answer.shards());
            next = answer.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(shards);
            }
        }
    }

    /// The shards that take records now.
    pub async fn open_shards(&self) -> anyhow::Result<Vec<Shard>> {
        let mut shards = self.shards().await?;
        shards.retain(is_open);
        Ok(shards)
    }

    /// Splits an open shard in the middle of its hash keys and waits until it is done.
    pub async fn split(&self, shard: &str) -> anyhow::Result<()> {
        let shards = self.open_shards().await?;
        let found = shards.iter().find(|found| found.shard_id() == shard);
        let range = found.and_then(Shard::hash_key_range).with_context(|| format!("{shard} is not open"))?;
        let (from, to): (u128, u128) = (range.starting_hash_key().parse()?, range.ending_hash_key().parse()?);
        let middle = from + (to - from) / 2 + 1;
        let split = self.client.split_shard().stream_name(&self.name).shard_to_split(shard);
        split.new_starting_hash_key(middle.to_string()).send().await.context("SplitShard")?;
        self.active().await
    }

    /// Merges two open shards that are neighbours and waits until it is done.
    pub async fn merge(&self, shard: &str, neighbour: &str) -> anyhow::Result<()> {
        let merge = self.client.merge_shards().stream_name(&self.name);
        let merge = merge.shard_to_merge(shard).adjacent_shard_to_merge(neighbour);
        merge.send().await.context("MergeShards")?;
        self.active().await
    }

    /// Everything in it: shard by shard, closed ones included, each in the order of its sequence numbers.
    pub async fn read_all(&self) -> anyhow::Result<Vec<Stored>> {
        let mut all = Vec::new();
        for shard in self.shards().await? {
            for record in self.read_shard(&shard).await? {
                all.push(stored(shard.shard_id(), &record));
            }
        }
        Ok(all)
    }

    async fn read_shard(&self, shard: &Shard) -> anyhow::Result<Vec<Record>> {
        let iterator = self.client.get_shard_iterator().stream_name(&self.name).shard_id(shard.shard_id());
        let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
        let mut next = iterator.shard_iterator().map(str::to_owned);
        let (mut records, mut empty) = (Vec::new(), 0);
        while let Some(iterator) = next {
            let get = self.client.get_records().shard_iterator(iterator).limit(GET_RECORDS_MAX);
            let answer = get.send().await.context("GetRecords")?;
            empty = if answer.records().is_empty() { empty + 1 } else { 0 };
            records.extend_from_slice(answer.records());
            ensure!(empty <= EMPTY_ANSWERS_MAX, "{} does not end", shard.shard_id());
            if is_open(shard) && empty > 0 && answer.millis_behind_latest().unwrap_or_default() == 0 {
                break;
            }
            next = answer.next_shard_iterator().map(str::to_owned);
        }
        Ok(records)
    }

    async fn active(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let describe = self.client.describe_stream_summary().stream_name(&self.name).send().await?;
            let summary = describe.stream_description_summary().context("no description")?;
            if *summary.stream_status() == StreamStatus::Active {
                return Ok(());
            }
            ensure!(start.elapsed() < DONE_WITHIN, "{} is not active in time", self.name);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether a shard takes records; a closed one has an end.
pub(crate) fn is_open(shard: &Shard) -> bool {
    shard.sequence_number_range().is_some_and(|range| range.ending_sequence_number().is_none())
}

fn stored(shard: &str, record: &Record) -> Stored {
    Stored {
        shard: shard.to_owned(),
        sequence: record.sequence_number().to_owned(),
        key: record.partition_key().unwrap_or_default().to_owned(),
        data: record.data().as_ref().to_vec(),
    }
}
