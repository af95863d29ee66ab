//! The events' door, answer by answer.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::client::{get, post, post_json};
use crate::edge::Edge;

const JSON: &str = "content-type: application/json";
const GZIP: &str = "content-encoding: gzip";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_batch_is_stored_and_its_bad_events_cost_their_neighbours_nothing() {
    let edge = Edge::start(|_| ()).await;
    let answer = edge.ask(post_json(r#"[{"event":"a"},{"event":""},{"event":"b"},7]"#)).await;
    let body = answer.json();
    let length = answer.body.len();
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.golden(),
        format!(
            "access-control-allow-origin: *\n\
             access-control-expose-headers: retry-after\n\
             cache-control: no-store\n\
             content-length: {length}\n\
             content-type: application/json\n\
             x-content-type-options: nosniff"
        )
    );
    assert_eq!(body["accepted"], 2);
    assert_eq!(body["rejected"][0]["index"], 1);
    assert_eq!(body["rejected"][1]["index"], 3);
    assert!(body["rejected"][0]["reason"].is_string());
    let events = edge.stored(2).await;
    assert_eq!(body["ids"], json!([events[0]["id"], events[1]["id"]]));
    assert_eq!(edge.metric("onepixel_events_accepted_total"), 2);
    assert_eq!(edge.metric("onepixel_events_rejected_total"), 2);
    assert_eq!(edge.metric("onepixel_requests_total{door=\"events\",status=\"202\"}"), 1);
}

#[tokio::test]
async fn all_three_forms_both_types_and_gzip() {
    let edge = Edge::start(|_| ()).await;
    let object = r#"{"event":"a"}"#;
    let wrapped = r#"{"events":[{"event":"a"},{"event":"b"}]}"#;
    let beacon = "content-type: text/plain;charset=UTF-8";
    let accepted = [
        (post(&[JSON], object), 1),
        (post(&["content-type: application/json; charset=utf-8"], wrapped), 2),
        (post(&[beacon], object), 1),
        (post(&[JSON, GZIP], gzip(wrapped.as_bytes())), 2),
        (post(&[JSON, "content-encoding: identity"], object), 1),
        (post(&[JSON], "[]"), 0),
    ];
    for (request, events) in accepted {
        let answer = edge.ask(&request).await;
        assert_eq!(answer.status, 202, "{:?}", String::from_utf8_lossy(&request));
        assert_eq!(answer.json()["accepted"], events);
        assert_eq!(answer.json()["rejected"], json!([]));
    }
    edge.stored(7).await;
}

#[tokio::test]
async fn a_repeated_id_is_acknowledged_and_stored_once() {
    let edge = Edge::start(|_| ()).await;
    let event = r#"{"event":"a","id":"00112233-4455-6677-8899-aabbccddeeff"}"#;
    let first = edge.ask(post_json(event)).await;
    let second = edge.ask(post_json(event)).await;
    assert_eq!((first.status, second.status), (202, 202));
    assert_eq!(first.json(), second.json());
    edge.stored(1).await;
    assert_eq!(edge.metric("onepixel_events_duplicate_total"), 1);
}

#[tokio::test]
async fn what_is_not_events_is_refused_with_what_to_do() {
    let edge = Edge::start(|settings| settings.body_limit = 1000).await;
    let large = "x".repeat(1001);
    let bomb = gzip(large.as_bytes());
    let cut = &gzip(b"{\"event\":\"a\"}")[..20];
    let refused = [
        (post(&[JSON], "{"), 400, "malformed"),
        (post(&[JSON], ""), 400, "malformed"),
        (post(&[JSON], b"\xff\xfe"), 400, "malformed"),
        (post(&[JSON], "[".repeat(900)), 400, "malformed"),
        (post(&[JSON, GZIP], "{}"), 400, "gzip"),
        (post(&[JSON, GZIP], cut), 400, "gzip"),
        (post(&[JSON, GZIP], ""), 400, "gzip"),
        (post(&[JSON], &large), 413, "body_too_large"),
        (post(&[JSON, GZIP], bomb), 413, "inflated_too_large"),
        (post(&[], "{}"), 415, "content_type"),
        (post(&["content-type: text/html"], "{}"), 415, "content_type"),
        (post(&[JSON, "content-encoding: br"], "{}"), 415, "content_encoding"),
    ];
    for (request, status, reason) in refused {
        let before = edge.metric(&format!("onepixel_rejected_total{{reason=\"{reason}\"}}"));
        let answer = edge.ask(&request).await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        assert_eq!(answer.status, status, "{shown}\n{answer:?}");
        assert!(answer.error().len() > 10, "{shown}\n{answer:?}");
        assert_eq!(
            edge.metric(&format!("onepixel_rejected_total{{reason=\"{reason}\"}}")),
            before + 1,
            "{shown}"
        );
    }
    edge.stored(0).await;
}

#[tokio::test]
async fn a_batch_without_one_valid_event_is_refused_in_the_form_of_a_batch() {
    let edge = Edge::start(|_| ()).await;
    let answer = edge.ask(post_json(r#"[{},{"event":7}]"#)).await;
    let body = answer.json();
    assert_eq!(answer.status, 400);
    assert_eq!((&body["accepted"], &body["ids"]), (&json!(0), &json!([])));
    assert_eq!(body["rejected"].as_array().unwrap().len(), 2);
    assert!(answer.error().contains("none of the 2 events is valid"));
    edge.stored(0).await;
    assert_eq!(edge.metric("onepixel_rejected_total{reason=\"none_valid\"}"), 1);
}

#[tokio::test]
async fn events_the_operator_does_not_want_are_no_mistake() {
    let edge = Edge::with_gpc_drop(|_| ()).await;
    let answer = edge.ask(post(&[JSON, "sec-gpc: 1"], r#"[{"event":"a"},{"event":"b"}]"#)).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["accepted"]), (202, &json!(0)));
    assert_eq!(body["rejected"][1], json!({"index": 1, "reason": "gpc"}));
    edge.stored(0).await;
    assert_eq!(edge.metric("onepixel_rejected_total{reason=\"gpc\"}"), 1);
}

#[tokio::test]
async fn a_key_is_needed_when_keys_are_set() {
    let edge = Edge::start(|settings| settings.write_keys = vec!["first".into(), "second".into()]).await;
    let event = r#"{"event":"a"}"#;
    let without = edge.ask(post_json(event)).await;
    assert_eq!(without.status, 401);
    assert_eq!(without.header("www-authenticate"), Some("Bearer realm=\"onepixel\""));
    assert_eq!(edge.ask(post(&[JSON, "authorization: Bearer third"], event)).await.status, 401);
    assert_eq!(edge.ask(post(&[JSON, "authorization: Bearer second"], event)).await.status, 202);
    let in_query = String::from_utf8(post_json(event)).unwrap().replace("/e ", "/e?key=first ");
    assert_eq!(edge.ask(in_query).await.status, 202);
    assert_eq!(edge.ask(get("/p.gif", &[])).await.status, 200, "the pixel needs none");
    for event in edge.stored(3).await {
        assert!(!event.to_string().contains("first"), "keys are not stored: {event}");
    }
}

#[tokio::test]
async fn other_methods() {
    let edge = Edge::start(|_| ()).await;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = edge.ask(format!("{method} /e HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, OPTIONS")), "{method}");
        assert!(answer.error().contains("POST"));
    }
    let mut client = edge.connect().await;
    client.send("HEAD /e HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = client.answer_to_head().await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, OPTIONS")));
    edge.stored(0).await;
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal_whose_body_was_small() {
    let edge = Edge::start(|settings| settings.write_keys = vec!["key".into()]).await;
    let mut client = edge.connect().await;
    for _ in 0..3 {
        client.send(post_json(r#"{"event":"a"}"#)).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (401, None));
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on_or_not() {
    let edge = Edge::start(|settings| settings.write_keys = vec!["key".into()]).await;
    let event = r#"{"event":"a"}"#;
    let head = |key: &str| {
        let length = event.len();
        format!(
            "POST /e?key={key} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        )
    };
    let mut client = edge.connect().await;
    client.send(head("key")).await;
    assert_eq!(client.answer().await.status, 100);
    client.send(event).await;
    assert_eq!(client.answer().await.status, 202);
    client.send(head("wrong")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")));
    assert!(client.is_closed().await);
    edge.stored(1).await;
}

#[tokio::test]
async fn what_cannot_be_stored_now_may_be_sent_again() {
    let edge = Edge::without_space().await;
    let answer = edge.ask(post_json(r#"{"event":"a"}"#)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")));
    assert!(answer.error().contains("disk"));
    assert_eq!(edge.metric("onepixel_events_accepted_total"), 0);
}
