//! The ingest function beside the pixel: the tracker as the binary serves it, and an answer to whatever is sent.

use std::process::Command;
use std::time::Duration;

use onepixel_aws_tests::freeze::{Function, HttpAnswer, HttpRequest, Launch};
use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::servers::Kinesalite;
use serde_json::{Value, json};

use crate::server::Server;

/// The function; its stream, table and bucket are out of reach, and nothing here needs them.
fn ingest(endpoints: Vec<(String, String)>) -> Function {
    let launch = Launch::new(bootstrap("onepixel-ingest").unwrap())
        .envs(endpoints)
        .env("ONEPIXEL_STREAM", "none")
        .env("ONEPIXEL_TABLE", "none")
        .env("ONEPIXEL_BUCKET", "s3://none")
        .timeout(Duration::from_secs(20));
    Function::new(Launch { init_timeout: Duration::from_secs(60), ..launch }.environments(1)).unwrap()
}

async fn send(function: &Function, payload: impl Into<bytes::Bytes>) -> HttpAnswer {
    HttpAnswer::of(&function.invoke(payload).await.answer).unwrap()
}

/// Method, headers and the expected status.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);
/// Status, the headers that stand for the tracker, and the body.
type Seen = (u16, Vec<(String, String)>, Vec<u8>);

const HEADERS: [&str; 9] = [
    "access-control-allow-origin",
    "allow",
    "cache-control",
    "content-encoding",
    "content-type",
    "cross-origin-resource-policy",
    "etag",
    "vary",
    "x-content-type-options",
];

fn by_function(answer: &HttpAnswer) -> Seen {
    let value = |name: &&str| Some(((*name).to_owned(), answer.header(name)?.to_owned()));
    (answer.status, HEADERS.iter().filter_map(value).collect(), answer.body.to_vec())
}

fn by_server(url: &str, method: &str, headers: &[(&str, &str)]) -> Seen {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{url}/p.js"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = agent.run(request.body(()).unwrap()).unwrap();
    let value = |name: &&str| {
        let value = answer.headers().get(*name)?;
        Some(((*name).to_owned(), value.to_str().unwrap().to_owned()))
    };
    let headers = HEADERS.iter().filter_map(value).collect();
    (answer.status().as_u16(), headers, answer.body_mut().read_to_vec().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tracker_is_the_same_from_the_function_and_from_the_server() {
    let kinesis = Kinesalite::start().await.unwrap();
    let function = ingest(kinesis.endpoints().environment());
    let folder = tempfile::tempdir().unwrap();
    let mut onepixel = Command::new(bootstrap("onepixel").unwrap());
    onepixel.env_clear().arg("--data-dir").arg(folder.path().join("data"));
    let log = folder.path().join("log");
    let server = tokio::task::spawn_blocking(move || Server::start(onepixel, log)).await.unwrap();
    let plain = send(&function, HttpRequest::get("/p.js").payload()).await;
    let etag = plain.header("etag").unwrap().to_owned();
    assert!(plain.status == 200 && plain.body.len() > 1000, "{plain:?}");
    let cases: [Case<'_>; 7] = [
        ("GET", &[], 200),
        ("GET", &[("accept-encoding", "gzip")], 200),
        ("GET", &[("accept-encoding", "gzip, br")], 200),
        ("GET", &[("if-none-match", &etag)], 304),
        ("GET", &[("if-none-match", "\"other\"")], 200),
        ("HEAD", &[], 200),
        ("DELETE", &[], 405),
    ];
    for (method, headers, status) in cases {
        let mut request = HttpRequest { method: method.to_owned(), ..HttpRequest::get("/p.js") };
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let found = by_function(&send(&function, request.payload()).await);
        assert_eq!(found.0, status, "{method} {headers:?}");
        assert_eq!(found, by_server(&server.url, method, headers), "{method} {headers:?}");
    }
    tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    function.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_is_no_request_is_told_so_and_the_function_lives_on() {
    let kinesis = Kinesalite::start().await.unwrap();
    let function = ingest(kinesis.endpoints().environment());
    let payload: Value = serde_json::from_slice(&HttpRequest::get("/other").payload()).unwrap();
    let with = |name: &str, value: Value| {
        let mut payload = payload.clone();
        payload[name] = value;
        payload
    };
    for (payload, status) in [
        (json!(null), 400),
        (json!([]), 400),
        (json!({}), 400),
        (with("headers", json!(7)), 400),
        (with("headers", (0..40_000).map(|n| (format!("x-{n}"), json!("y"))).collect()), 404),
        (with("requestContext", json!({ "http": {} })), 400),
        (with("rawPath", json!("/\"\0 \u{e9}#?")), 404),
        (with("rawPath", json!("/p.js/")), 404),
        (with("rawPath", json!("/x".repeat(1 << 20))), 404),
        (with("rawQueryString", json!("\" <\0>%%zz\u{1f600}")), 404),
    ] {
        let answer = send(&function, payload.to_string()).await;
        assert_eq!(answer.status, status, "{:?}", String::from_utf8_lossy(&answer.body));
    }
    let counts = function.shutdown().await;
    assert_eq!((counts.cold_starts, counts.died), (1, 0), "{counts:?}");
}
