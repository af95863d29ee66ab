//! What a page on another origin may read from the events door.

use crate::client::{Answer, get, post};
use crate::edge::Edge;

const JSON: &str = "content-type: application/json";
const PREFLIGHT: &str = "OPTIONS /e HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n\
    access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\r\n";

fn check(answer: &Answer, status: u16, origin: Option<&str>, vary: Option<&str>) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
    assert_eq!(answer.header("vary"), vary, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:?}");
}

#[tokio::test]
async fn a_preflight_is_answered() {
    let edge = Edge::start(|_| ()).await;
    let answer = edge.ask(PREFLIGHT).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.golden(),
        "access-control-allow-headers: authorization, content-encoding, content-type\n\
         access-control-allow-methods: POST, OPTIONS\n\
         access-control-allow-origin: *\n\
         access-control-max-age: 7200\n\
         allow: POST, OPTIONS\n\
         cache-control: no-store"
    );
}

#[tokio::test]
async fn listed_origins_are_echoed_and_others_are_not() {
    let edge = Edge::start(|settings| {
        settings.cors_origins = vec!["https://a.example".into(), "https://b.example".into()];
    })
    .await;
    check(&edge.ask(PREFLIGHT).await, 204, Some("https://a.example"), Some("origin"));
    let event = r#"{"event":"x"}"#;
    let answer = edge.ask(post(&[JSON, "origin: https://b.example"], event)).await;
    check(&answer, 202, Some("https://b.example"), Some("origin"));
    check(&edge.ask(post(&[JSON, "origin: https://c.example"], event)).await, 202, None, Some("origin"));
    check(&edge.ask(post(&[JSON], event)).await, 202, None, Some("origin"));
}

#[tokio::test]
async fn refusals_can_be_read_too() {
    let edge = Edge::start(|settings| {
        settings.write_keys = vec!["key".into()];
        settings.body_limit = 100;
    })
    .await;
    let key = "authorization: Bearer key";
    let large = "x".repeat(101);
    let refused = [
        (post(&[JSON], "{}"), 401),
        (post(&[key, "content-type: text/html"], "{}"), 415),
        (post(&[key, JSON], large), 413),
        (post(&[key, JSON], "{"), 400),
        (post(&[key, JSON], "[{}]"), 400),
        (get("/e", &[]).into_bytes(), 405),
    ];
    for (request, status) in refused {
        let answer = edge.ask(request).await;
        check(&answer, status, Some("*"), None);
        assert_eq!(answer.header("access-control-expose-headers"), Some("retry-after"));
        assert!(!answer.error().is_empty());
    }
    let busy = Edge::start(|settings| (settings.rate, settings.burst) = (1, 1)).await;
    let (answer, _) = busy.ask_until_throttled(post(&[JSON], r#"{"event":"x"}"#)).await;
    check(&answer, 429, Some("*"), None);
    let full = Edge::without_space().await;
    check(&full.ask(post(&[JSON], r#"{"event":"x"}"#)).await, 503, Some("*"), None);
}
