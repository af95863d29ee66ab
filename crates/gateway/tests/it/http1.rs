//! What is no HTTP, or HTTP meant to deceive.

use std::time::Duration;

use onepixel_gateway::http::HEADERS_MAX;

use crate::client::{get, post_json};
use crate::edge::Edge;

/// Sends the bytes, expects the status and the end of the connection, and that a neighbour notices nothing.
async fn check(request: impl AsRef<[u8]>, status: u16, reason: &str) {
    let edge = Edge::start(|_| ()).await;
    let mut neighbour = edge.connect().await;
    neighbour.send(get("/p.gif", &[])).await;
    assert_eq!(neighbour.answer().await.status, 200);
    let mut client = edge.connect().await;
    client.send(&request).await;
    let shown = String::from_utf8_lossy(&request.as_ref()[..request.as_ref().len().min(80)]).into_owned();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{shown:?}");
    assert!(client.is_closed().await, "{shown:?}");
    edge.metric_becomes(&format!("onepixel_rejected_total{{reason=\"{reason}\"}}"), 1).await;
    neighbour.send(get("/p.gif", &[])).await;
    assert_eq!(neighbour.answer().await.status, 200, "{shown:?}");
    edge.stored(2).await;
}

#[tokio::test]
async fn what_is_no_http_is_answered_with_400_and_counted() {
    let no_http: [&[u8]; 13] = [
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 hello\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /p.gif?a=\0 HTTP/1.1\r\n\r\n",
        b"GET /p.gif?a=b c HTTP/1.1\r\n\r\n",
        b"GET /p.gif?a=\xff HTTP/1.1\r\n\r\n",
        b"GET /p.gif HTTP/3.0\r\n\r\n",
        b"GET /p.gif HTTP/1.1\r\nx: a\0b\r\n\r\n",
        b"GET /p.gif HTTP/1.1\r\nx y: z\r\n\r\n",
        b"GET /p.gif HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /p.gif HTTP/1.1\r\nx: a\r\n folded\r\n\r\n",
        b"GET /p.gif HTTP/1.1\r\nhost : x\r\n\r\n",
    ];
    for request in no_http {
        check(request, 400, "http_malformed").await;
    }
}

#[tokio::test]
async fn heads_that_are_too_large() {
    let long_uri = format!("GET /p.gif?{} HTTP/1.1\r\n\r\n", "x".repeat(64 * 1024));
    check(long_uri, 414, "http_head_too_large").await;
    let large_header = format!("GET /p.gif HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(80 * 1024));
    check(large_header, 431, "http_head_too_large").await;
    let endless = format!("GET /p.gif HTTP/1.1\r\n{}", "x: y\r\n".repeat(20_000));
    check(endless, 431, "http_head_too_large").await;
    let many = format!("GET /p.gif HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(HEADERS_MAX + 1));
    check(many, 431, "http_head_too_large").await;
    let edge = Edge::start(|_| ()).await;
    let most = format!("GET /p.gif HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(HEADERS_MAX));
    assert_eq!(edge.ask(most).await.status, 200);
    let longest = format!("GET /p.gif?{} HTTP/1.1\r\n\r\n", "x".repeat(65_534 - 7));
    assert_eq!(edge.ask(longest).await.status, 200);
}

#[tokio::test]
async fn lengths_that_disagree_smuggle_nothing() {
    let event = r#"{"event":"a"}"#;
    let head = "POST /e HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let smuggled = "GET /p.gif?smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for lengths in [
        "content-length: 13\r\ncontent-length: 14\r\n",
        "content-length: 13, 14\r\n",
        "content-length: +13\r\n",
        "content-length: \r\n",
        "content-length: -1\r\n",
        "content-length: 99999999999999999999999\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
    ] {
        check(format!("{head}{lengths}\r\n{event}{smuggled}"), 400, "http_malformed").await;
    }
    let old = head.replace("HTTP/1.1", "HTTP/1.0");
    check(format!("{old}transfer-encoding: chunked\r\n\r\nd\r\n{event}\r\n0\r\n\r\n"), 400, "http_malformed")
        .await;

    // Both: chunked counts, and nothing after it is looked at.
    let edge = Edge::start(|_| ()).await;
    for lengths in [
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
    ] {
        let mut client = edge.connect().await;
        client.send(format!("{head}{lengths}\r\nd\r\n{event}\r\n0\r\n\r\n{smuggled}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (202, Some("close")), "{lengths:?}");
        assert!(client.is_closed().await);
    }
    // Twice the same length is one length.
    let mut client = edge.connect().await;
    client.send(format!("{head}content-length: 13\r\ncontent-length: 13\r\n\r\n{event}")).await;
    assert_eq!(client.answer().await.status, 202);
    edge.stored(3).await;
}

#[tokio::test]
async fn broken_chunks_are_refused() {
    let head =
        "POST /e HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in ["x\r\n", "5\r\nabcdefg\r\n0\r\n\r\n", "-1\r\n", "ffffffffffffffffff\r\nx"] {
        check(format!("{head}{chunks}"), 400, "body_broken").await;
    }
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    let mut requests = Vec::new();
    for n in 0..50 {
        requests.extend(get(&format!("/p.gif?n={n}"), &[]).into_bytes());
        requests.extend(post_json(format!("{{\"event\":\"e{n}\"}}")));
        requests.extend(get("/other", &[]).into_bytes());
    }
    client.send(requests).await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        let pixel = client.answer().await;
        ids.push(pixel.header("x-event-id").unwrap().to_owned());
        let events = client.answer().await;
        ids.push(events.json()["ids"][0].as_str().unwrap().to_owned());
        assert_eq!((pixel.status, events.status, client.answer().await.status), (200, 202, 404));
    }
    let stored = edge.stored(100).await;
    let stored: Vec<_> = stored.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(stored, ids);
}

#[tokio::test]
async fn who_closes_only_their_side_still_gets_every_answer() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    client.send([get("/p.gif", &[]), get("/p.gif", &[])].concat()).await;
    client.finish_sending().await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 200);
    assert!(client.is_closed().await);
    edge.stored(2).await;
}

#[tokio::test]
async fn http_2_and_half_a_head_are_closed_and_counted() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(client.answer_or_end().await, None);
    edge.metric_becomes("onepixel_rejected_total{reason=\"http_malformed\"}", 1).await;
    let mut client = edge.connect().await;
    client.send("GET /p.gif HTT").await;
    client.finish_sending().await;
    assert_eq!(client.answer_or_end().await, None);
    edge.metric_becomes("onepixel_rejected_total{reason=\"http_cut\"}", 1).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word_and_a_slow_head_with_408() {
    let edge = Edge::start(|settings| settings.limits.head_read_max = Duration::from_millis(50)).await;
    let mut idle = edge.connect().await;
    assert_eq!(idle.answer_or_end().await, None);
    let mut slow = edge.connect().await;
    slow.send("GET /p.gif HTTP/1.1\r\nx: ").await;
    let answer = slow.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(slow.is_closed().await);
    let mut kept = edge.connect().await;
    kept.send(get("/p.gif", &[])).await;
    assert_eq!(kept.answer().await.status, 200);
    assert_eq!(kept.answer_or_end().await, None);
    edge.metric_becomes("onepixel_rejected_total{reason=\"http_head_timeout\"}", 1).await;
    edge.metric_becomes("onepixel_connections", 0).await;
}

#[tokio::test]
async fn odd_targets_do_no_harm() {
    let edge = Edge::start(|_| ()).await;
    for request in [
        "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        "CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET p.gif HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET http://x HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ] {
        assert_eq!(edge.ask(request).await.status, 404, "{request:?}");
    }
}
