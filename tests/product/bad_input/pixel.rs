//! `GET /p.gif` with queries and headers that are wrong in every way: a hit is flagged, never lost.

use serde_json::{Value, json};

use super::{Target, shown};

/// Sends a query and headers as they are, and returns the line that was archived for it.
#[track_caller]
fn stored(target: &mut Target, query: &[u8], headers: &[u8]) -> String {
    let request = [b"GET /p.gif?", query, b" HTTP/1.1\r\nHost: x\r\n", headers, b"\r\n"].concat();
    let response = target.raw(&request);
    assert_eq!(response.status, 200, "{} to {}", response.text(), shown(&request));
    assert!(response.is_gif());
    target.neighbour();
    response.event_id().unwrap()
}

fn by_id<'a>(lines: &'a [Value], id: &str) -> &'a Value {
    lines.iter().find(|line| line["id"] == *id).unwrap()
}

#[test]
fn broken_parameters_are_flagged_and_kept() {
    let mut target = Target::start();
    let cases: [(&[u8], Value, &str, &str); 10] = [
        (b"title=caf%E9", json!(["bad_utf8"]), "/title", "caf\u{fffd}"),
        (b"title=caf\xc3\xa9", Value::Null, "/title", "caf\u{e9}"),
        (b"title=a{b}|c[d]^e`f'g\\h", Value::Null, "/title", "a{b}|c[d]^e`f'g\\h"),
        (b"title=a%00b", json!(["control_chars"]), "/title", "ab"),
        (b"colour=a%00b", json!(["control_chars"]), "/props/colour", "ab"),
        (b"title=first&title=second", json!(["duplicate_param"]), "/title", "first"),
        (b"colour=red&colour=blue", json!(["duplicate_param"]), "/props/colour", "red"),
        (b"title=100%&x=%zz", Value::Null, "/title", "100%"),
        (b"&&=&=x&a&b=&title=kept", Value::Null, "/title", "kept"),
        (b"site=a&id=b", json!(["duplicate_param"]), "/site", "a"),
    ];
    let ids: Vec<String> = cases.iter().map(|(query, ..)| stored(&mut target, query, b"")).collect();
    // What no browser sends: bytes that are not UTF-8 and were not percent-encoded either.
    assert_eq!(target.raw(b"GET /p.gif?title=caf\xe9 HTTP/1.1\r\nHost: x\r\n\r\n").status, 400);
    let lines = target.end();
    for ((query, flags, field, value), id) in cases.iter().zip(&ids) {
        let line = by_id(&lines, id);
        assert_eq!(&line["flags"], flags, "{} gave {line}", shown(query));
        assert_eq!(line.pointer(field), Some(&json!(value)), "{} gave {line}", shown(query));
    }
}

#[test]
fn broken_headers_cost_the_header_only() {
    let mut target = Target::start();
    let long = [b"User-Agent: ".to_vec(), vec![b'u'; 10_000], b"\r\n".to_vec()].concat();
    let cases: [&[u8]; 6] = [
        b"User-Agent: caf\xe9 \xff\xfe\r\n",
        b"Referer: not a url \xff\r\n",
        b"Accept-Language: ,,;q=x\r\n",
        b"X-Forwarded-For: 1.2.3.4, ::::, \xff\r\nForwarded: for=\"\r\n",
        b"Cookie: a=b; \x80\r\nSec-GPC: maybe\r\n",
        &long,
    ];
    let ids: Vec<String> =
        cases.iter().map(|headers| stored(&mut target, b"site=headers", headers)).collect();
    let lines = target.end();
    for id in &ids {
        let line = by_id(&lines, id);
        assert_eq!(line["site"], "headers");
        assert_eq!(line["ip"], "127.0.0.0", "nobody but a trusted proxy may name an address");
    }
    assert_eq!(by_id(&lines, &ids[0])["flags"], json!(["bad_utf8"]));
    assert!(by_id(&lines, &ids[5])["user_agent"].as_str().unwrap().len() <= 1024);
}

#[test]
fn long_queries_are_cut_and_longer_ones_refused() {
    let mut target = Target::start();
    let long = |bytes: usize| [b"title=".to_vec(), vec![b't'; bytes]].concat();
    let many = (0..2000).map(|n| format!("parameter{n}=1")).collect::<Vec<_>>().join("&");
    let cut = stored(&mut target, &long(60_000), b"");
    let dropped = stored(&mut target, many.as_bytes(), b"");

    // More than an HTTP library's URI can hold.
    let uri = [b"GET /p.gif?".to_vec(), long(64 << 10), b" HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()].concat();
    assert_eq!(target.raw(&uri).status, 414);
    target.neighbour();
    let head = [b"GET /p.gif HTTP/1.1\r\nHost: x\r\nX: ".to_vec(), vec![b'x'; 1 << 20], b"\r\n\r\n".to_vec()]
        .concat();
    assert_eq!(target.raw(&head).status, 431);
    target.neighbour();
    let headers: Vec<u8> = (0..1000).flat_map(|n| format!("X-{n}: 1\r\n").into_bytes()).collect();
    let head = [b"GET /p.gif HTTP/1.1\r\nHost: x\r\n", &headers[..], b"\r\n"].concat();
    assert_eq!(target.raw(&head).status, 431);
    target.neighbour();

    let lines = target.end();
    let line = by_id(&lines, &cut);
    assert_eq!(line["flags"], json!(["truncated_param"]));
    assert_eq!(line["title"].as_str().unwrap().len(), 1024);
    let line = by_id(&lines, &dropped);
    assert_eq!(line["flags"], json!(["too_many_params"]));
    assert_eq!(line["props"].as_object().unwrap().len(), 64);
}
