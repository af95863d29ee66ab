//! What DynamoDB refuses though the request is right: throttling, conflicts of transactions, unprocessed items.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_LENGTH;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::kinesis::whole;
use super::{Faults, Plan, State, lock};
use crate::loopback;

type Answer = Response<Full<Bytes>>;

impl Faults {
    /// Forwards a request to DynamoDB, or a part of it, or refuses it.
    pub(super) async fn dynamo(&self, operation: &str, request: Request<Bytes>, plan: &Plan) -> Answer {
        let refusal = refusal(&mut lock(&self.state), operation, request.body(), plan);
        if let Some(refusal) = refusal {
            return refusal;
        }
        if operation == "BatchWriteItem" && plan.unprocessed_one_in > 0 {
            return self.batch_write(request, plan).await;
        }
        self.forward(request).await
    }

    async fn batch_write(&self, request: Request<Bytes>, plan: &Plan) -> Answer {
        let (mut head, body) = request.into_parts();
        let Ok(mut asked) = serde_json::from_slice::<Value>(&body) else {
            return self.forward(Request::from_parts(head, body)).await;
        };
        let held = hold_back(&mut lock(&self.state), &mut asked, plan);
        if held.is_empty() {
            return self.forward(Request::from_parts(head, body)).await;
        }
        head.headers.remove(CONTENT_LENGTH);
        let answer = self.forward(Request::from_parts(head, asked.to_string().into())).await;
        let mut answer = match whole(answer).await {
            Ok(answer) => answer,
            Err(refused) => return refused,
        };
        for (table, items) in held {
            let mut unprocessed = answer["UnprocessedItems"][&table].as_array().cloned().unwrap_or_default();
            unprocessed.extend(items);
            answer["UnprocessedItems"][table] = Value::Array(unprocessed);
        }
        loopback::json(StatusCode::OK, &answer)
    }
}

fn refusal(state: &mut State, operation: &str, body: &[u8], plan: &Plan) -> Option<Answer> {
    if state.one_in(plan.throttle_one_in) {
        state.counts.throttled += 1;
        let message = "The level of configured provisioned throughput for the table was exceeded.";
        return Some(refused("ProvisionedThroughputExceededException", message, None));
    }
    if operation != "TransactWriteItems" || !state.one_in(plan.conflict_one_in) {
        return None;
    }
    state.counts.conflicts += 1;
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = asked["TransactItems"].as_array().map_or(1, Vec::len).max(1);
    let struck = (0..items).find(|_| state.one_in(2)).unwrap_or(0);
    let reasons: Vec<Value> = (0..items)
        .map(|item| match item == struck {
            true => json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}),
            false => json!({"Code": "None"}),
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    Some(refused("TransactionCanceledException", &message, Some(reasons)))
}

/// Takes items out of the request, by table, but never all of them.
fn hold_back(state: &mut State, asked: &mut Value, plan: &Plan) -> Vec<(String, Vec<Value>)> {
    let mut held = Vec::new();
    let mut kept = 0;
    for (table, items) in asked["RequestItems"].as_object_mut().into_iter().flatten() {
        let all = items.as_array().cloned().unwrap_or_default();
        let (back, on): (Vec<Value>, Vec<Value>) =
            all.into_iter().partition(|_| state.one_in(plan.unprocessed_one_in));
        kept += on.len();
        *items = Value::Array(on);
        held.push((table.clone(), back));
    }
    if let (0, Some((table, items))) = (kept, held.iter_mut().find(|(_, items)| !items.is_empty()))
        && let Some(item) = items.pop()
    {
        asked["RequestItems"][table.as_str()] = json!([item]);
    }
    held.retain(|(_, items)| !items.is_empty());
    if let Some(tables) = asked["RequestItems"].as_object_mut() {
        tables.retain(|_, items| items.as_array().is_some_and(|items| !items.is_empty()));
    }
    state.counts.unprocessed_items += held.iter().map(|(_, items)| items.len() as u64).sum::<u64>();
    held
}

fn refused(kind: &str, message: &str, reasons: Option<Vec<Value>>) -> Answer {
    let mut body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": message});
    if let Some(reasons) = reasons {
        body["Message"] = json!(message);
        body["CancellationReasons"] = Value::Array(reasons);
    }
    loopback::json(StatusCode::BAD_REQUEST, &body)
}
