//! PutRecords and PutRecord that take a part only, as Kinesis does it: HTTP 200 and an error for each entry that failed.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::CONTENT_LENGTH;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::shards::shard_of;
use super::{Faults, Plan, lock};
use crate::loopback;

type Answer = Response<Full<Bytes>>;

impl Faults {
    /// Forwards the entries that pass and puts the others' errors in their places.
    pub(super) async fn put_records(&self, request: Request<Bytes>, plan: &Plan) -> Answer {
        let (mut head, body) = request.into_parts();
        let Ok(mut asked) = serde_json::from_slice::<Value>(&body) else {
            return self.forward(Request::from_parts(head, body)).await;
        };
        let entries = asked["Records"].as_array().cloned().unwrap_or_default();
        let errors = match self.entry_errors(&asked, &entries, plan).await {
            Ok(errors) => errors,
            Err(error) => return loopback::text(StatusCode::BAD_GATEWAY, format!("{error:#}")),
        };
        let passed: Vec<&Value> = entries
            .iter()
            .zip(&errors)
            .filter(|(_, error)| error.is_none())
            .map(|(entry, _)| entry)
            .collect();
        if passed.len() == entries.len() {
            return self.forward(Request::from_parts(head, body)).await;
        }
        let mut stored = Vec::new();
        let mut failed = errors.iter().flatten().count();
        if !passed.is_empty() {
            asked["Records"] = json!(passed);
            head.headers.remove(CONTENT_LENGTH);
            let answer = self.forward(Request::from_parts(head, asked.to_string().into())).await;
            let answer = match whole(answer).await {
                Ok(answer) => answer,
                Err(refused) => return refused,
            };
            failed +=
                usize::try_from(answer["FailedRecordCount"].as_u64().unwrap_or_default()).unwrap_or_default();
            stored = answer["Records"].as_array().cloned().unwrap_or_default();
        }
        let mut stored = stored.into_iter();
        let records: Vec<Value> =
            errors.into_iter().map(|error| error.or_else(|| stored.next()).unwrap_or_default()).collect();
        loopback::json(StatusCode::OK, &json!({"FailedRecordCount": failed, "Records": records}))
    }

    /// For each entry the error that it gets, if any.
    async fn entry_errors(
        &self,
        asked: &Value,
        entries: &[Value],
        plan: &Plan,
    ) -> anyhow::Result<Vec<Option<Value>>> {
        let stream = asked["StreamName"].as_str().unwrap_or_default();
        let map = match plan.shard_rate {
            Some(_) => self.shards.map(&self.forward, stream).await?,
            None => Vec::new(),
        };
        let mut errors = Vec::with_capacity(entries.len());
        for entry in entries {
            let shard = shard_of(&map, entry);
            let throttled = plan
                .shard_rate
                .zip(shard)
                .filter(|(rate, shard)| !self.shards.take(stream, shard, entry_bytes(entry), *rate));
            let mut state = lock(&self.state);
            errors.push(if let Some((_, shard)) = throttled {
                state.counts.throttled_records += 1;
                Some(json!({"ErrorCode": THROTTLED, "ErrorMessage": rate_exceeded(stream, shard)}))
            } else if state.one_in(plan.entry_failure_one_in) {
                state.counts.failed_entries += 1;
                Some(json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."}))
            } else {
                None
            });
        }
        Ok(errors)
    }

    /// A single record has no entry of its own: the whole request is refused.
    pub(super) async fn put_record(&self, request: Request<Bytes>, plan: &Plan) -> Answer {
        let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let stream = asked["StreamName"].as_str().unwrap_or_default();
        let map = match self.shards.map(&self.forward, stream).await {
            Ok(map) => map,
            Err(error) => return loopback::text(StatusCode::BAD_GATEWAY, format!("{error:#}")),
        };
        if let Some((rate, shard)) = plan.shard_rate.zip(shard_of(&map, &asked))
            && !self.shards.take(stream, shard, entry_bytes(&asked), rate)
        {
            lock(&self.state).counts.throttled_records += 1;
            let body = json!({"__type": THROTTLED, "message": rate_exceeded(stream, shard)});
            return loopback::json(StatusCode::BAD_REQUEST, &body);
        }
        self.forward(request).await
    }
}

const THROTTLED: &str = "ProvisionedThroughputExceededException";

fn rate_exceeded(stream: &str, shard: &str) -> String {
    format!("Rate exceeded for shard {shard} in stream {stream} under account 000000000000.")
}

/// Data and partition key.
fn entry_bytes(entry: &Value) -> usize {
    let length = |key: &str| entry[key].as_str().map_or(0, str::len);
    let padding = entry["Data"].as_str().map_or(0, |data| data.len() - data.trim_end_matches('=').len());
    (length("Data") / 4 * 3).saturating_sub(padding) + length("PartitionKey")
}

/// The JSON of a good answer; any other answer is passed on as it is.
pub(super) async fn whole(answer: Answer) -> Result<Value, Answer> {
    if answer.status() != StatusCode::OK {
        return Err(answer);
    }
    let Ok(body) = answer.into_body().collect().await;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|error| loopback::text(StatusCode::BAD_GATEWAY, error.to_string()))
}
