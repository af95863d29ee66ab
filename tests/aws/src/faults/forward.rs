//! Passing a request on to the server behind the proxy.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Below the servers' own, so that no connection is used while its server closes it.
const IDLE_AT_MOST: Duration = Duration::from_secs(20);

/// A client of one server.
#[derive(Debug)]
pub(super) struct Forward {
    client: Client<HttpConnector, Full<Bytes>>,
    target: String,
}

impl Forward {
    pub(super) fn new(target: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_AT_MOST).build(connector);
        Self { client, target: target.trim_end_matches('/').to_owned() }
    }

    /// The server's answer to the same request.
    pub(super) async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Response<Full<Bytes>>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("{}{path}", self.target).parse().context("no address")?;
        for hop in [HOST, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
            head.headers.remove(hop);
        }
        let answer = self.client.request(Request::from_parts(head, Full::new(body))).await;
        let (mut head, body) =
            answer.with_context(|| format!("{} does not answer", self.target))?.into_parts();
        for hop in [CONNECTION, TRANSFER_ENCODING] {
            head.headers.remove(hop);
        }
        let body = body.collect().await.context("the answer breaks off")?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }

    /// Asks an operation of our own in the service's JSON protocol.
    pub(super) async fn ask(&self, target: &str, body: &Value) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header("x-amz-target", target)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20261126T000000Z")
            .body(Bytes::from(body.to_string()))?;
        let answer = self.send(request).await?.into_body().collect().await?.to_bytes();
        serde_json::from_slice(&answer).with_context(|| format!("{target} gave no JSON"))
    }
}

/// The servers want one, and do not check it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test-key/20261126/us-east-1/kinesis/aws4_request, \
                             SignedHeaders=host;x-amz-date, Signature=00";
