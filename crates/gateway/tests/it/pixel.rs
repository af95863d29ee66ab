//! The pixel's door, answer by answer.

use onepixel_gateway::Settings;

use crate::client::get;
use crate::edge::Edge;

const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x21\xf9\x04\x01\0\0\0\0\
    \x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";

const PIXEL_HEADERS: &str = "\
access-control-allow-origin: *
cache-control: no-store, no-cache, must-revalidate, private, max-age=0
content-length: 43
content-type: image/gif
cross-origin-resource-policy: cross-origin
expires: Thu, 01 Jan 1970 00:00:00 GMT
pragma: no-cache";

fn with(lines: &[&str]) -> String {
    let mut all: Vec<&str> = PIXEL_HEADERS.lines().chain(lines.iter().copied()).collect();
    all.sort_unstable();
    all.join("\n")
}

#[tokio::test]
async fn a_hit_is_stored_and_answered_with_a_pixel_no_cache_keeps() {
    let edge = Edge::start(|_| ()).await;
    let answer = edge.ask(get("/p.gif?site=blog&page=/a", &[])).await;
    let id = answer.header("x-event-id").expect("an id").to_owned();
    assert_eq!((answer.status, answer.body.as_slice()), (200, GIF));
    assert_eq!(answer.golden(), with(&[&format!("x-event-id: {id}")]));
    let events = edge.stored(1).await;
    assert_eq!((events[0]["id"].as_str(), events[0]["site"].as_str()), (Some(&*id), Some("blog")));
    assert_eq!(edge.metric("onepixel_requests_total{door=\"pixel\",status=\"200\"}"), 1);
    assert_eq!(edge.metric("onepixel_events_accepted_total"), 1);
    assert_eq!(edge.metric("onepixel_append_seconds_count"), 1);
}

#[tokio::test]
async fn head_has_the_same_headers_and_stores_nothing() {
    let edge = Edge::start(|_| ()).await;
    let mut client = edge.connect().await;
    client.send("HEAD /p.gif?site=blog HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = client.answer_to_head().await;
    assert_eq!((answer.status, answer.golden()), (200, with(&[])));
    client.send(get("/p.gif", &[])).await;
    assert_eq!(client.answer().await.status, 200, "the connection goes on, and no body was sent");
    edge.stored(1).await;
}

#[tokio::test]
async fn options_and_other_methods() {
    let edge = Edge::start(|_| ()).await;
    let preflight = edge.ask("OPTIONS /p.gif HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n\r\n").await;
    assert_eq!((preflight.status, preflight.body.len()), (204, 0));
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(preflight.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(preflight.header("content-length"), None);
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get"] {
        let answer = edge.ask(format!("{method} /p.gif HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert_eq!((answer.status, answer.body.as_slice()), (405, GIF), "{method}");
        assert_eq!(answer.golden(), with(&["allow: GET, HEAD, OPTIONS"]), "{method}");
    }
    edge.stored(0).await;
    assert_eq!(edge.metric("onepixel_rejected_total{reason=\"method\"}"), 7);
}

#[tokio::test]
async fn what_the_operator_does_not_want_is_dropped_and_says_so() {
    let edge = Edge::with_gpc_drop(|_| ()).await;
    for header in ["sec-gpc: 1", "dnt: 1"] {
        let answer = edge.ask(get("/p.gif", &[header])).await;
        assert_eq!((answer.status, answer.body.as_slice()), (202, GIF), "{header}");
        assert_eq!(answer.golden(), with(&["x-onepixel-dropped: gpc"]), "{header}");
    }
    for header in ["sec-gpc: 0", "dnt: 0", "x: 1"] {
        assert_eq!(edge.ask(get("/p.gif", &[header])).await.status, 200, "{header}");
    }
    edge.stored(3).await;
    assert_eq!(edge.metric("onepixel_rejected_total{reason=\"gpc\"}"), 2);
}

#[tokio::test]
async fn what_cannot_be_stored_is_an_image_too() {
    let edge = Edge::without_space().await;
    let answer = edge.ask(get("/p.gif", &[])).await;
    assert_eq!((answer.status, answer.body.as_slice()), (503, GIF));
    assert_eq!(answer.golden(), with(&["retry-after: 30"]));
    assert_eq!(edge.metric("onepixel_rejected_total{reason=\"disk_full\"}"), 1);
    assert_eq!(edge.metric("onepixel_requests_total{door=\"pixel\",status=\"503\"}"), 1);
}

#[tokio::test]
async fn only_its_exact_path_is_the_pixel() {
    let edge = Edge::start(|settings: &mut Settings| settings.pixel_path = "/a/b.png".into()).await;
    for target in ["/a/b.png", "/a/b.png?", "/a/b.png?x=/p.gif", "http://other.example/a/b.png?y"] {
        let answer = edge.ask(get(target, &[])).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, GIF), "{target}");
    }
    for target in ["/p.gif", "/a/b.png/", "/a/b.pn%67", "/A/B.png", "//a/b.png", "/a/./b.png", "/", "*"] {
        assert_eq!(edge.ask(get(target, &[])).await.status, 404, "{target}");
    }
    edge.stored(4).await;
    assert_eq!(edge.metric("onepixel_requests_total{door=\"other\",status=\"404\"}"), 8);
}

#[tokio::test]
async fn old_clients_and_odd_queries_are_served() {
    let edge = Edge::start(|_| ()).await;
    let answer = edge.ask("GET /p.gif HTTP/1.0\r\n\r\n").await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, GIF));
    let long = format!("/p.gif?x={}", "y".repeat(60_000));
    let odd = [
        "/p.gif?%ff%fe=%00%zz%",
        "/p.gif?title=h\u{e9}llo",
        "/p.gif?a=1&a=2&&=&=x&a",
        "/p.gif?x={a:[1]}|`^\\'$,;@!*()",
        &long,
    ];
    for target in odd {
        assert_eq!(edge.ask(get(target, &[])).await.status, 200, "{:.60}", target);
    }
    let latin = b"GET /p.gif HTTP/1.1\r\nuser-agent: caf\xe9\r\nreferer: \xff\xfe\r\n\r\n".to_vec();
    assert_eq!(edge.ask(&latin).await.status, 200);
    for query in [b"?title=\xe9", b"?title=\"", b"?title=<", b"?title=>"] {
        let mut request = latin.clone();
        request.splice(10..10, query.iter().copied());
        assert_eq!(edge.ask(&request).await.status, 400, "no URI: {query:?}");
    }
    edge.stored(7).await;
}
