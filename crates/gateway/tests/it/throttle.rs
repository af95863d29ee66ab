//! The throttle, seen from outside. A token comes back each second, so that how many requests pass depends on the
//! machine's speed; that they are refused in the end, and honestly, does not.

use crate::client::{get, post_json};
use crate::edge::Edge;

const EVENT: &str = r#"{"event":"a"}"#;

#[tokio::test]
async fn both_doors_share_the_bucket_and_nothing_else_takes_from_it() {
    let edge = Edge::start(|settings| (settings.rate, settings.burst) = (1, 2)).await;
    for _ in 0..10 {
        assert_eq!(edge.ask(get("/other", &[])).await.status, 404);
        assert_eq!(edge.ask("OPTIONS /e HTTP/1.1\r\n\r\n").await.status, 204);
        assert_eq!(edge.ask("OPTIONS /p.gif HTTP/1.1\r\n\r\n").await.status, 204);
    }
    assert_eq!(
        edge.ask(post_json(r#"[{"event":"a"},{"event":"b"}]"#)).await.status,
        202,
        "one token for a batch"
    );
    assert_eq!(edge.ask(get("/p.gif", &[])).await.status, 200);
    let (refused, hits) = edge.ask_until_throttled(get("/p.gif", &[])).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!((refused.body.len(), refused.header("content-type")), (43, Some("image/gif")));
    assert_eq!((refused.header("x-event-id"), refused.header("pragma")), (None, Some("no-cache")));
    let (refused, events) = edge.ask_until_throttled(post_json(EVENT)).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.error().contains("Retry-After"));
    edge.stored(3 + hits as u64 + events as u64).await;
    assert_eq!(edge.metric("onepixel_rejected_total{reason=\"throttled\"}"), 2);
}

#[tokio::test]
async fn clients_are_told_apart_behind_a_proxy() {
    let edge = Edge::start(|settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        (settings.client_rate, settings.client_burst) = (1, 0);
    })
    .await;
    let from = |address: &str| get("/p.gif", &[&format!("x-forwarded-for: {address}")]);
    let (_, admitted) = edge.ask_until_throttled(from("192.0.2.1")).await;
    assert!(admitted >= 1, "a burst of 0 is what comes in a second");
    assert_eq!(edge.ask(from("192.0.2.2")).await.status, 200);
    assert_eq!(edge.ask(from("2001:db8::1")).await.status, 200);
    edge.stored(2 + admitted as u64).await;
    assert_eq!(edge.metric("onepixel_rejected_total{reason=\"throttled_client\"}"), 1);
}
