//! The pixel's door behind somebody else's gateway answers and takes what the gateway's own does.

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Response};
use onepixel_event::{Event, Time};
use onepixel_gateway::ingest::{GpcPolicy, Ingest, IngestSettings, IpPolicy, VisitorSalt};
use onepixel_gateway::{PixelHit, PixelRequest, pixel_hit, pixel_not_stored, pixel_overloaded, pixel_stored};

use crate::edge::Edge;

const NOW_MS: i64 = 1_770_757_445_123;

fn ingest(gpc: GpcPolicy) -> Ingest {
    let salt = VisitorSalt::in_memory(Time::from_ms(NOW_MS));
    Ingest::new(IngestSettings { ip: IpPolicy::Truncate, gpc }, salt, None)
}

/// The headers but for the event's own id and those of the connection, sorted.
fn golden(response: &Response<Bytes>) -> String {
    let own = ["x-event-id", "content-length", "date"];
    let lines = response.headers().iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut lines: Vec<_> =
        lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort_unstable();
    lines.join("\n")
}

async fn check(gpc: GpcPolicy, method: &str, query: &str, headers: &[(&'static str, &'static str)]) {
    let edge = match gpc {
        GpcPolicy::Drop => Edge::with_gpc_drop(|_| ()).await,
        _ => Edge::start(|_| ()).await,
    };
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut client = edge.connect().await;
    client.send(format!("{method} /p.gif?{query} HTTP/1.1\r\nhost: x\r\n{lines}\r\n")).await;
    let there = match method {
        "HEAD" => client.answer_to_head().await,
        _ => client.answer().await,
    };

    let pairs =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let (method, headers): (Method, HeaderMap) = (method.parse().unwrap(), pairs.collect());
    let address = Some("127.0.0.1".parse().unwrap());
    let request = PixelRequest { method: &method, query: query.as_bytes(), headers: &headers, address };
    let mut line = Vec::new();
    let here = match pixel_hit(&ingest(gpc), request, Time::from_ms(NOW_MS), &mut line) {
        PixelHit::Answer(response, reason) => {
            assert_eq!(reason.is_some(), there.status == 405 || there.header("x-onepixel-dropped").is_some());
            *response
        }
        PixelHit::Store(id) => pixel_stored(id),
    };
    assert_eq!(here.status().as_u16(), there.status, "{method} {query}");
    let own = |line: &&str| !["x-event-id", "content-length"].iter().any(|name| line.starts_with(name));
    let there_golden: Vec<_> = there.golden().lines().filter(own).map(str::to_owned).collect();
    assert_eq!(golden(&here), there_golden.join("\n"), "{method} {query}");
    if method != Method::HEAD {
        assert_eq!(here.body().as_ref(), there.body.as_slice(), "{method} {query}");
    }
    assert_eq!(here.headers().contains_key("x-event-id"), there.header("x-event-id").is_some());

    let stored = edge.stored(u64::from(!line.is_empty())).await;
    if let Some(there) = stored.into_iter().next() {
        let mut here: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert!(Event::decode(&line).is_ok());
        // An id of its own, and another salt.
        for own in ["id", "visitor"] {
            if let Some(theirs) = there.get(own) {
                assert!(here[own].is_string(), "{method} {query}: {own}");
                here[own] = theirs.clone();
            }
        }
        assert_eq!(here, there, "{method} {query}");
    }
}

#[tokio::test]
async fn both_doors_take_and_answer_the_same() {
    let agent = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    let page = ("referer", "https://example.org/shop?x=1");
    let (language, via) = (("accept-language", "de-AT,de;q=0.9"), ("via", "1.1 proxy"));
    check(GpcPolicy::Count, "GET", "", &[]).await;
    check(GpcPolicy::Count, "GET", "site=blog&page=/a&utm_source=x&k=%22", &[agent, page, language, via])
        .await;
    check(GpcPolicy::Count, "GET", "site=blog", &[agent, page, ("sec-gpc", "1")]).await;
    check(GpcPolicy::Drop, "GET", "site=blog", &[agent, page, ("dnt", "1")]).await;
    check(GpcPolicy::Count, "GET", "title=%ff%00", &[agent, ("sec-purpose", "prefetch")]).await;
    check(GpcPolicy::Count, "HEAD", "site=blog", &[agent]).await;
    check(GpcPolicy::Count, "OPTIONS", "", &[("origin", "https://a.example")]).await;
    check(GpcPolicy::Count, "POST", "site=blog", &[]).await;
    check(GpcPolicy::Count, "DELETE", "", &[]).await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_an_image_with_an_honest_status() {
    for (response, retry_after) in
        [(pixel_not_stored("no Kinesis".to_owned()), "5"), (pixel_overloaded(), "1")]
    {
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], retry_after);
        assert_eq!(response.headers()["content-type"], "image/gif");
        assert!(response.body().starts_with(b"GIF89a"));
        assert!(!response.headers().contains_key("x-event-id"));
    }
}
