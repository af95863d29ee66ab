//! What Firehose sends and takes: the fields that matter, in its own spelling.
//!
//! `subsequenceNumber` is left out on purpose: it is a number in some of AWS's own examples and an empty text in others.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An invocation.
#[derive(Debug, Deserialize)]
pub struct Invocation {
    /// Its records, in any order, of any shards.
    pub records: Vec<Record>,
}

/// One record of the source stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What the answer calls it.
    pub record_id: String,
    /// When it arrived in the delivery stream, in milliseconds since the epoch.
    pub approximate_arrival_timestamp: i64,
    /// Its bytes.
    #[serde(deserialize_with = "decode")]
    pub data: Vec<u8>,
    /// Where it stood in the source stream, if that is a Kinesis stream.
    pub kinesis_record_metadata: Option<Metadata>,
}

/// A place in the source stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// `shardId-000000000000`
    pub shard_id: String,
    /// The record's number in it.
    pub sequence_number: String,
}

/// The answer: one entry for each record.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// In the order of the records.
    pub records: Vec<Transformed>,
}

/// What became of a record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Transformed {
    /// The record.
    pub record_id: String,
    /// Whether Firehose delivers it.
    pub result: Outcome,
    /// What it delivers.
    #[serde(serialize_with = "encode")]
    pub data: Vec<u8>,
    /// Where.
    pub metadata: Partition,
}

/// Whether Firehose delivers a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// Yes.
    Ok,
    /// No, and it is not missed.
    Dropped,
}

/// The keys that the delivery stream's prefix names.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
    /// `year`, `month`, `day`, `hour`
    pub partition_keys: HashMap<&'static str, String>,
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn encode<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}
