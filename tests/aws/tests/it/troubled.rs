//! A DynamoDB that throttles, fails, loses answers, and processes batches in part: a proxy before a good one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The proxy; gone with this value.
pub(crate) struct Troubled {
    url: String,
    told: Arc<Told>,
    _tasks: JoinSet<()>,
}

/// How often each trouble happened.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) throttled: AtomicUsize,
    pub(crate) conflicts: AtomicUsize,
    pub(crate) lost: AtomicUsize,
    pub(crate) partial: AtomicUsize,
    pub(crate) failed: AtomicUsize,
}

impl Troubled {
    /// A proxy before `upstream` at which `share` of the requests have trouble.
    pub(crate) async fn before(upstream: &str, share: f64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Told::default());
        let there = Arc::new((upstream.to_owned(), share, Arc::clone(&told)));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let there = Arc::clone(&there);
                let service = service_fn(move |request| answer(request, Arc::clone(&there)));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { drop(connection.await) });
            }
        });
        Self { url, told, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told
    }
}

type There = Arc<(String, f64, Arc<Told>)>;

async fn answer(request: Request<Incoming>, there: There) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = parts.headers["x-amz-target"].to_str().unwrap().to_owned();
    let (upstream, share, told) = (&there.0, there.1, &there.2);
    let forward = |body: Bytes| forward(upstream.clone(), target.clone(), body);
    if !rand::rng().random_bool(share) {
        return Ok(forward(body).await);
    }
    let count = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::Relaxed);
    let kind = rand::rng().random_range(0..4);
    Ok(match kind {
        0 => {
            count(&told.throttled);
            error(400, "ProvisionedThroughputExceededException", Value::Null)
        }
        1 => {
            count(&told.failed);
            error(500, "InternalServerError", Value::Null)
        }
        2 => {
            count(&told.lost);
            drop(forward(body).await);
            error(500, "InternalServerError", Value::Null)
        }
        _ if target.ends_with("TransactWriteItems") => {
            count(&told.conflicts);
            cancelled(&body)
        }
        _ if target.ends_with("BatchWriteItem") => {
            count(&told.partial);
            in_part(&body, forward).await
        }
        _ => forward(body).await,
    })
}

/// Cancelled for one item, as by another transaction or for want of capacity.
fn cancelled(body: &[u8]) -> Response<Full<Bytes>> {
    let request: Value = serde_json::from_slice(body).unwrap();
    let items = request["TransactItems"].as_array().unwrap().len();
    let at = rand::rng().random_range(0..items);
    let code = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"][at % 3];
    let reasons: Vec<_> =
        (0..items).map(|i| json!({ "Code": if i == at { code } else { "None" } })).collect();
    error(400, "TransactionCanceledException", json!(reasons))
}

/// The first half of the items only.
async fn in_part<F: Future<Output = Response<Full<Bytes>>>>(
    body: &[u8],
    forward: impl FnOnce(Bytes) -> F,
) -> Response<Full<Bytes>> {
    let mut request: Value = serde_json::from_slice(body).unwrap();
    let tables = request["RequestItems"].as_object_mut().unwrap();
    let mut left = json!({});
    for (table, items) in tables.iter_mut() {
        let items = items.as_array_mut().unwrap();
        let rest = items.split_off(items.len().div_ceil(2));
        if !rest.is_empty() {
            left[table] = json!(rest);
        }
    }
    let done = forward(request.to_string().into()).await;
    let done = done.into_body().collect().await.unwrap().to_bytes();
    let mut done: Value = serde_json::from_slice(&done).unwrap();
    done["UnprocessedItems"] = left;
    json_response(200, &done)
}

fn error(status: u16, name: &str, reasons: Value) -> Response<Full<Bytes>> {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{name}");
    json_response(status, &json!({ "__type": kind, "message": "injected", "CancellationReasons": reasons }))
}

fn json_response(status: u16, json: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    response.body(Full::from(json.to_string())).unwrap()
}

/// Blocking, on a thread of its own: a client needs no more here.
async fn forward(upstream: String, target: String, body: Bytes) -> Response<Full<Bytes>> {
    let sent = tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let request = agent
            .post(&upstream)
            .header("x-amz-target", &target)
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=test-key/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0");
        let mut response = request.send(&body[..]).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_vec().unwrap())
    });
    let (status, body) = sent.await.unwrap();
    let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    response.body(Full::from(body)).unwrap()
}
