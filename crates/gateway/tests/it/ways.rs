//! Two ways in: a plain hit is read and answered without the HTTP library, any other by it. Nobody can tell them apart.

use onepixel_gateway::Settings;
use serde_json::Value;

use crate::client::get;
use crate::edge::Edge;

const BROWSER: &str = "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// What comes of the requests sent one after the other on one connection: answers without their id, and events.
async fn outcome(edge: &Edge, by_hyper: bool, requests: &[String]) -> (Vec<String>, Vec<Value>) {
    let mut client = edge.connect().await;
    if by_hyper {
        // From here on hyper has the connection.
        client.send("HEAD /p.gif HTTP/1.1\r\n\r\n").await;
        client.answer_to_head().await;
    }
    let mut answers = Vec::new();
    for request in requests {
        client.send(request).await;
        let answer = client.answer().await;
        let kept = answer.golden();
        let lines = kept.lines().filter(|line| !line.starts_with("x-event-id"));
        answers.push(format!(
            "{} {:?}\n{}",
            answer.status,
            answer.body,
            lines.collect::<Vec<_>>().join("\n")
        ));
    }
    let mut events = edge.stored(requests.len() as u64).await;
    for event in &mut events {
        event.as_object_mut().unwrap().remove("id").unwrap();
    }
    (answers, events)
}

#[tokio::test]
async fn the_same_requests_come_to_the_same() {
    let requests = [
        get("/p.gif", &[]),
        get("/p.gif?site=blog&page=%2Fa%3Fb&utm_source=x&x=1&y", &[BROWSER]),
        get("/p.gif?title=a+b%00&x=%ff&site=a&site=b", &["referer: https://example.org/p?q=1", "dnt: 1"]),
        get("/p.gif", &["User-Agent: one", "USER-AGENT: two", "Accept-Language: de-CH,de;q=0.9"]),
        get("/p.gif", &["sec-gpc: 0", "sec-gpc: 1", "via: 1.1 camo", "x-moz: prefetch", "purpose: preview"]),
        get("/p.gif", &["x-forwarded-for: 198.51.100.7, 127.0.0.2", "user-agent:", "referer:  \t"]),
        get("/p.gif", &["forwarded: for=198.51.100.8", "connection: Keep-Alive"]),
        get(&format!("/p.gif?x={}", "y".repeat(3000)), &["cookie: a=b"]),
    ];
    let trusting = |settings: &mut Settings| settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let (plain, hyper) = (Edge::start(trusting).await, Edge::start(trusting).await);
    let found = outcome(&plain, false, &requests).await;
    let expected = outcome(&hyper, true, &requests).await;
    for (at, request) in requests.iter().enumerate() {
        assert_eq!(found.0[at], expected.0[at], "{request}");
        // Each gateway has a salt of its own.
        let without_visitor = |event: &Value| {
            let mut event = event.clone();
            event.as_object_mut().unwrap().remove("visitor");
            event
        };
        assert_eq!(without_visitor(&found.1[at]), without_visitor(&expected.1[at]), "{request}");
    }
}

#[tokio::test]
async fn a_connection_goes_from_one_way_to_the_other() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    for request in [get("/p.gif", &[]), get("/client", &[]), get("/p.gif", &[]), get("/p.gif", &[])] {
        client.send(request).await;
        assert_eq!(client.answer().await.status, 200);
    }
    edge.stored(3).await;
}

#[tokio::test]
async fn requests_that_come_before_the_answer_are_answered_in_order() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    for _ in 0..50 {
        client.send(get("/p.gif?n=1", &[])).await;
        client.send([get("/p.gif?n=2", &[]), get("/client", &[])].concat()).await;
        for body in [43, 43, "127.0.0.1".len()] {
            assert_eq!(client.answer().await.body.len(), body);
        }
        client = edge.connect().await;
    }
    edge.stored(100).await;
}

#[tokio::test]
async fn whoever_asks_for_the_end_gets_it() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    client.send(get("/p.gif", &["connection: close"])).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(client.is_closed().await);
    let mut client = edge.connect().await;
    client.send(get("/p.gif", &[])).await;
    client.finish_sending().await;
    assert_eq!(client.answer().await.status, 200, "who closes only their own side still gets the answer");
    assert!(client.is_closed().await);
    edge.metric_becomes("onepixel_connections", 0).await;
    edge.stored(2).await;
}
