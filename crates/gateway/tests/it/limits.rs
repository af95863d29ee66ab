//! Clients that send too much, too slowly, or do not read.

use std::time::Duration;

use bytes::Bytes;

use crate::client::{get, post_json};
use crate::edge::Edge;

const CHUNKED: &str =
    "POST /e HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

fn announced(bytes: u64) -> String {
    format!(
        "POST /e HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_gigabyte_is_refused_by_its_length_before_it_is_sent() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    client.send(announced(1 << 30)).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(answer.error().contains("1048576"));
}

#[tokio::test]
async fn a_gigabyte_in_chunks_is_refused_at_the_limit() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    client.send(CHUNKED).await;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    let sent = client.send_up_to(1 << 14, &chunk).await;
    assert!(sent < 400, "{sent} chunks of 64 KiB went through: limit, what is thrown away, and buffers");
    edge.metric_becomes("onepixel_rejected_total{reason=\"body_too_large\"}", 1).await;
    edge.metric_becomes("onepixel_connections", 0).await;
    edge.stored(0).await;

    // Who stops in time can read why.
    let mut client = edge.connect().await;
    client.send(CHUNKED).await;
    assert_eq!(client.send_up_to(20, &chunk).await, 20);
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes() {
    let edge = Edge::start(|settings| settings.body_limit = 100).await;
    let event = |bytes: usize| format!("{:<bytes$}", r#"{"event":"a"}"#);
    assert_eq!(edge.ask(post_json(event(100))).await.status, 202);
    assert_eq!(edge.ask(post_json(event(101))).await.status, 413);
    assert_eq!(edge.ask(format!("{CHUNKED}64\r\n{}\r\n0\r\n\r\n", event(100))).await.status, 202);
    assert_eq!(edge.ask(format!("{CHUNKED}65\r\n{}\r\n0\r\n\r\n", event(101))).await.status, 413);
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408() {
    let idle = Edge::start(|settings| settings.limits.body_idle_max = Duration::from_millis(50)).await;
    let whole = Edge::start(|settings| settings.limits.body_read_max = Duration::from_millis(50)).await;
    for edge in [idle, whole] {
        let mut client = edge.connect().await;
        client.send(announced(100)).await;
        client.send("{").await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
        assert!(client.is_closed().await);
        edge.metric_becomes("onepixel_rejected_total{reason=\"body_timeout\"}", 1).await;
    }
}

#[tokio::test]
async fn a_body_that_trickles_is_408_in_the_end() {
    let edge = Edge::start(|settings| {
        settings.limits.body_idle_max = Duration::from_secs(20);
        settings.limits.body_read_max = Duration::from_millis(200);
    })
    .await;
    let mut client = edge.connect().await;
    client.send(CHUNKED).await;
    let mut sent = 0;
    while sent < 10_000 && client.send_up_to(1, b"1\r\n \r\n").await == 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        sent += 1;
    }
    edge.metric_becomes("onepixel_rejected_total{reason=\"body_timeout\"}", 1).await;
}

#[tokio::test]
async fn large_bodies_together_have_a_limit_too() {
    let edge = Edge::start(|settings| settings.limits.bodies_bytes_max = 200_000).await;
    let mut first = edge.connect().await;
    first.send(announced(300_000)).await;
    first.send(" ".repeat(180_000)).await;
    // The first one's bytes are on their way; the second is refused as soon as they have been counted.
    let large = post_json([br#"{"event":"a"}"#.as_slice(), &[b' '; 100_000]].concat());
    let mut refused = None;
    for _ in 0..1000 {
        let answer = edge.ask(&large).await;
        if answer.status == 503 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 202);
    }
    let refused = refused.expect("no refusal");
    assert_eq!((refused.header("retry-after"), refused.header("connection")), (Some("1"), Some("close")));
    assert_eq!(edge.ask(post_json(r#"{"event":"small"}"#)).await.status, 202);
    drop(first);
    edge.metric_becomes("onepixel_rejected_total{reason=\"body_broken\"}", 1).await;
    assert_eq!(edge.ask(&large).await.status, 202, "what was held is given back");
}

#[tokio::test]
async fn who_does_not_read_is_given_up() {
    let edge = Edge::start(|settings| settings.limits.write_idle_max = Duration::from_millis(50)).await;
    let mut client = edge.connect().await;
    client.send(get("/stream", &[])).await;
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let mut sent = 0;
    while sent < 1000 && edge.pieces.send(piece.clone()).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 1000, "a client that reads nothing took {sent} MiB");
    edge.metric_becomes("onepixel_connections", 0).await;
}

#[tokio::test]
async fn more_clients_than_connections_wait_and_are_served() {
    let edge = Edge::start(|settings| settings.limits.connections_max = 2).await;
    let mut first = edge.connect().await;
    let mut second = edge.connect().await;
    first.send(get("/p.gif", &[])).await;
    second.send("GET").await;
    edge.metric_becomes("onepixel_connections", 2).await;
    let answer = first.answer().await;
    assert_eq!(answer.status, 200);
    let mut third = edge.connect().await;
    third.send(get("/p.gif", &[])).await;
    // The third waits until the first's place is free.
    drop(first);
    assert_eq!(third.answer().await.status, 200);
    edge.stored(2).await;
}

#[tokio::test]
async fn answers_close_their_connections_when_few_are_free() {
    let edge = Edge::start(|settings| settings.limits.connections_max = 8).await;
    let mut open = Vec::new();
    for n in 1..=8 {
        let mut client = edge.connect().await;
        client.send("GET").await;
        edge.metric_becomes("onepixel_connections", n).await;
        open.push(client);
    }
    let mut last = open.pop().unwrap();
    last.send(" /p.gif HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(last.answer().await.header("connection"), Some("close"));
    assert!(last.is_closed().await);
    open.truncate(2);
    edge.metric_becomes("onepixel_connections", 2).await;
    let mut kept = edge.connect().await;
    kept.send(get("/p.gif", &[])).await;
    assert_eq!(kept.answer().await.header("connection"), None);
}
