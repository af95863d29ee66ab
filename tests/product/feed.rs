//! The live feed: each hit within a second, and after a broken connection no gap and no double.

use std::time::Instant;

use serde_json::Value;

use crate::harness::{Http, Launch, Server, folder, s, shared};

/// One Server-Sent Event.
#[derive(Debug)]
struct Sent {
    id: Option<u64>,
    kind: String,
    data: Value,
}

/// A client of the feed.
struct Feed(Http);

impl Feed {
    fn open(server: &Server, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut http = Http::connect(server.dashboard()).unwrap();
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n", server.cookie());
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        http.send((request + "\r\n").as_bytes()).unwrap();
        let mut head = String::new();
        loop {
            let line = http.line().unwrap();
            if line.is_empty() {
                break;
            }
            head += &line.to_lowercase();
        }
        assert!(head.starts_with("http/1.1 200") && head.contains("text/event-stream"), "{head}");
        Self(http)
    }

    fn next(&mut self) -> Sent {
        let (mut id, mut kind, mut data) = (None, String::new(), None);
        loop {
            // Lines of the chunked coding are none of these.
            let line = self.0.line().unwrap();
            if let Some(value) = line.strip_prefix("id:") {
                id = Some(value.trim().parse().unwrap());
            } else if let Some(value) = line.strip_prefix("event:") {
                kind = value.trim().to_owned();
            } else if let Some(value) = line.strip_prefix("data:") {
                data = Some(serde_json::from_str(value).unwrap_or_else(|error| panic!("{error}: {value}")));
            } else if line.is_empty()
                && let Some(data) = data.take()
            {
                return Sent { id, kind, data };
            }
        }
    }

    /// The next event that is not `now`.
    fn hit(&mut self) -> Sent {
        loop {
            let sent = self.next();
            if sent.kind != "now" {
                return sent;
            }
        }
    }
}

#[test]
fn pushes_each_hit_within_a_second_from_now_on() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    server.hit("site=before");
    let mut feed = Feed::open(&server, "/api/v1/live", &[]);
    assert_eq!(feed.next().kind, "now");
    let start = Instant::now();
    let id = server.hit("site=feed&title=%3Cscript%3Ealert(1)%3C%2Fscript%3E%0Aid%3A%2099");
    let sent = feed.hit();
    assert!(start.elapsed() < s(1), "pushed after {:?}", start.elapsed());
    assert_eq!((sent.kind.as_str(), sent.id, &sent.data["offset"]), ("hit", Some(1), &Value::from(1)));
    assert_eq!(sent.data["event"]["id"], *id, "the feed begins now, not in the past");
    assert_eq!(
        sent.data["event"]["title"], "<script>alert(1)</script> id: 99",
        "a stranger's line end ends nothing"
    );
    server.stop();
}

#[test]
fn after_a_broken_connection_there_is_no_gap_and_no_double() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let mut feed = Feed::open(&server, "/api/v1/live?site=blog", &[]);
    let (mut seen, mut last) = (Vec::new(), None);
    let mut sent = Vec::new();
    for round in 0..6 {
        // While connected, and while not.
        sent.extend(server.hits("blog", 30));
        server.hits("shop", 7);
        for _ in 0..if round % 2 == 0 { 17 } else { 30 } {
            let hit = feed.hit();
            assert_eq!(hit.kind, "hit", "{hit:?}");
            seen.push(hit.data["event"]["id"].as_str().unwrap().to_owned());
            last = hit.id;
        }
        drop(feed);
        sent.extend(server.hits("blog", 20));
        let id = last.unwrap().to_string();
        feed = match round % 2 {
            0 => Feed::open(&server, "/api/v1/live?site=blog", &[("Last-Event-ID", &id)]),
            _ => Feed::open(&server, &format!("/api/v1/live?site=blog&after={id}"), &[]),
        };
    }
    while seen.len() < sent.len() {
        seen.push(feed.hit().data["event"]["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, sent);
    server.stop();
}

#[test]
fn what_a_client_cannot_be_given_is_said() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    server.hits("blog", 1300);
    let mut feed = Feed::open(&server, "/api/v1/live?after=99", &[]);
    let gap = feed.hit();
    assert_eq!((gap.kind.as_str(), gap.id), ("gap", Some(299)));
    assert_eq!(gap.data, serde_json::json!({"missed": 200, "from": 100, "to": 299}));
    for offset in 300..1300 {
        let hit = feed.hit();
        assert_eq!((hit.kind.as_str(), hit.id), ("hit", Some(offset)), "{hit:?}");
    }
    server.stop();
}

#[test]
fn filters_are_combined_and_the_position_goes_on_without_a_hit() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let target =
        "/api/v1/live?filter=page:/page-3&filter=page:/page-5&filter=site:blog&class=human,bot,server";
    let mut feed = Feed::open(&server, target, &[]);
    server.hits("shop", 9);
    server.hits("blog", 9);
    let pages: Vec<Value> = (0..2).map(|_| feed.hit().data["event"]["page_path"].clone()).collect();
    assert_eq!(pages, ["/page-3", "/page-5"]);
    server.hits("shop", 10);
    // Only `now` comes, and with it where to go on.
    let start = Instant::now();
    loop {
        let sent = feed.next();
        assert_eq!(sent.kind, "now");
        assert!(sent.data["now"].is_u64());
        if sent.id == Some(27) {
            break;
        }
        assert!(start.elapsed() < s(20), "{sent:?}");
    }
    server.stop();
}
