//! Records as a function gets them, and batches as the on-failure destination does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::clock::epoch_ms;

const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/";
/// Around the records: `{"Records":[` and `]}`.
pub(super) const FRAME_BYTES: usize = 14;

/// One record on its way to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its shard.
    pub shard: String,
    /// A decimal number that grows within the shard.
    pub sequence: String,
    /// As the producer gave it.
    pub key: String,
    /// When Kinesis got it, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// In the payload of an invocation, as JSON.
    pub(super) json: Bytes,
}

impl Record {
    /// With its place in the payload made ready, for its size counts.
    pub(super) fn new(stream: &str, shard: &str, record: &aws_sdk_kinesis::types::Record) -> Self {
        let arrived = record.approximate_arrival_timestamp();
        let arrived_ms = arrived.and_then(|at| at.to_millis().ok()).and_then(|ms| u64::try_from(ms).ok());
        let arrived_ms = arrived_ms.unwrap_or_default();
        let (key, sequence) = (record.partition_key().unwrap_or_default(), record.sequence_number());
        let json = json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": key,
                "sequenceNumber": sequence,
                "data": STANDARD.encode(record.data()),
                "approximateArrivalTimestamp": seconds(arrived_ms),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("{shard}:{sequence}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::000000000000:role/tested",
            "awsRegion": "us-east-1",
            "eventSourceARN": format!("{STREAM_ARN}{stream}"),
        });
        Self {
            shard: shard.to_owned(),
            sequence: sequence.to_owned(),
            key: key.to_owned(),
            arrived_ms,
            json: json.to_string().into(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.json.len() + 1
    }
}

/// The payload of an invocation.
pub(super) fn payload(records: &[Record]) -> Bytes {
    let mut payload = Vec::with_capacity(records.iter().map(Record::bytes).sum::<usize>() + FRAME_BYTES);
    payload.extend_from_slice(b"{\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        payload.extend_from_slice(if index > 0 { b"," } else { b"" });
        payload.extend_from_slice(&record.json);
    }
    payload.extend_from_slice(b"]}");
    payload.into()
}

/// What the destination is told of a batch that was given up.
pub(super) fn metadata(stream: &str, condition: &str, invocations: u32, records: &[Record]) -> Value {
    let (first, last) = (records.first(), records.last());
    json!({
        "requestContext": {
            "requestId": uuid::Uuid::from_u128(rand::random()).to_string(),
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:tested",
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": epoch_ms(),
        "KinesisBatchInfo": {
            "shardId": first.map(|record| &record.shard),
            "startSequenceNumber": first.map(|record| &record.sequence),
            "endSequenceNumber": last.map(|record| &record.sequence),
            "approximateArrivalOfFirstRecord": first.map(|record| record.arrived_ms),
            "approximateArrivalOfLastRecord": last.map(|record| record.arrived_ms),
            "batchSize": records.len(),
            "streamArn": format!("{STREAM_ARN}{stream}"),
        },
    })
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}
