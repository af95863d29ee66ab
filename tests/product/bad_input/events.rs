//! `POST /e` with bodies that are wrong in every way.

use std::io::Write as _;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{Target, shown};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const GZIP: (&str, &str) = ("Content-Encoding", "gzip");

fn gzip(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for piece in pieces {
        encoder.write_all(&piece).unwrap();
    }
    encoder.finish().unwrap()
}

impl Target {
    /// Posts a body; the answer must have the status, be JSON, and say `says`.
    #[track_caller]
    fn check(&mut self, headers: &[(&str, &str)], body: &[u8], status: u16, says: &str) -> Value {
        let response = self.server.http().request("POST", "/e", headers, body).unwrap();
        assert_eq!(response.status, status, "{} to {}", response.text(), shown(body));
        assert!(response.text().contains(says), "{says:?} is not in {}", response.text());
        self.neighbour();
        response.json()
    }

    #[track_caller]
    fn check_json(&mut self, body: &str, status: u16, says: &str) -> Value {
        self.check(&[JSON], body.as_bytes(), status, says)
    }
}

#[test]
fn malformed_bodies_are_refused_with_their_position() {
    let mut target = Target::start();
    for body in [
        "{",
        "[{\"event\":\"a\"}",
        "{\"event\":\"a\",}",
        "{'event':'a'}",
        "{\"event\":\"a\"} x",
        "\u{0}",
        "nul",
        "[1,",
    ] {
        target.check_json(body, 400, "line 1");
    }
    for body in ["", "   ", "7", "\"text\"", "null", "true", "{\"events\": {}}"] {
        target.check_json(body, 400, "event object");
    }
    target.check(&[JSON], b"\xff\xfe\x00garbage", 400, "JSON");
    target.check(&[("Content-Type", "text/html")], b"{\"event\":\"a\"}", 415, "application/json");
    target.check(&[("Content-Type", "multipart/form-data; boundary=x")], b"{}", 415, "text/plain");
    target.check(&[JSON, ("Content-Encoding", "br")], b"{\"event\":\"a\"}", 415, "gzip");
    target.check(&[JSON, GZIP], b"{\"event\":\"a\"}", 400, "gzip");
    let cut = gzip([b"{\"event\":\"a\"}".to_vec()]);
    target.check(&[JSON, GZIP], &cut[..cut.len() - 6], 400, "gzip");
    let lines = target.end();
    assert!(lines.iter().all(|line| line["site"] == "neighbour"), "something of it was stored");
}

#[test]
fn one_bad_event_never_rejects_its_neighbours() {
    let mut target = Target::start();
    let wrong = [
        json!(7),
        json!({}),
        json!({"event": 7}),
        json!({"event": ""}),
        json!({"event": "x".repeat(201)}),
        json!({"event": "a", "site": {}}),
        json!({"event": "a", "page": []}),
        json!({"event": "a", "props": "text"}),
        json!({"event": "a", "id": "not-a-uuid"}),
        json!({"event": "a", "id": 7}),
    ];
    let mut batch = Vec::new();
    for event in &wrong {
        batch.extend([event.clone(), json!({"event": "good", "site": "batch"})]);
    }
    let answer = target.check_json(&Value::from(batch).to_string(), 202, "");
    assert_eq!(answer["accepted"], wrong.len());
    let rejected: Vec<u64> =
        answer["rejected"].as_array().unwrap().iter().map(|one| one["index"].as_u64().unwrap()).collect();
    assert_eq!(rejected, (0..wrong.len() as u64).map(|n| n * 2).collect::<Vec<_>>());
    for one in answer["rejected"].as_array().unwrap() {
        assert!(one["reason"].as_str().is_some_and(|reason| reason.len() > 5), "{one}");
    }
    for event in wrong {
        target.check_json(&event.to_string(), 400, "");
    }
    let good = target.end().iter().filter(|line| line["event"] == "good").count();
    assert_eq!(good, 10);
}

#[test]
fn size_and_depth_have_limits() {
    let mut target = Target::start();
    let keys = |count: usize| (0..count).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",");
    target.check_json(&format!("{{\"event\":\"a\",\"props\":{{{}}}}}", keys(64)), 202, "");
    target.check_json(&format!("{{\"event\":\"a\",\"props\":{{{}}}}}", keys(10_000)), 400, "props");
    target.check_json(&format!("{{\"event\":\"many\",{}}}", keys(10_000)), 202, "");
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    target.check_json(&format!("{{\"event\":\"a\",\"props\":{{\"p\":{}}}}}", nested(10)), 202, "");
    target.check_json(&format!("{{\"event\":\"a\",\"props\":{{\"p\":{}}}}}", nested(100_000)), 400, "props");
    target.check_json(&nested(100_000), 400, "");
    target.check_json(&"{\"a\":".repeat(100_000), 400, "");
    let batch = |count: usize| format!("[{}]", vec!["{\"event\":\"a\"}"; count].join(","));
    assert_eq!(target.check_json(&batch(500), 202, "")["accepted"], 500);
    target.check_json(&batch(501), 400, "501");
    let exact = format!("{{\"event\":\"a\",\"props\":{{\"t\":\"{}\"}}}}", "x".repeat(60_000));
    target.check_json(&exact, 202, "");
    target.check_json(
        &format!("{{\"event\":\"a\",\"props\":{{\"t\":\"{}\"}}}}", "x".repeat(70_000)),
        400,
        "props",
    );
    let lines = target.end();
    let many = lines.iter().find(|line| line["event"] == "many").unwrap();
    assert_eq!(many["flags"], json!(["too_many_params"]), "fields without a meaning of their own are cut");
    assert_eq!(many["props"].as_object().unwrap().len(), 64);
}

#[test]
fn a_gzip_bomb_is_refused_without_being_kept() {
    let mut target = Target::start();
    // A quarter of a gigabyte of zeros in one member.
    let bomb =
        Command::new("sh").args(["-c", "head -c 268435456 /dev/zero | gzip -9"]).output().unwrap().stdout;
    assert!(bomb.len() > 1000, "head or gzip failed");
    let bomb = &bomb[..bomb.len().min(1 << 20)];
    for _ in 0..5 {
        target.check(&[JSON, GZIP], bomb, 413, "limit");
    }
    // Many members, each within the limit.
    let member = gzip([vec![b' '; 600 << 10]]);
    target.check(&[JSON, GZIP], &member.repeat(100), 413, "limit");
    let text = format!("{{\"event\":\"zip\",\"props\":{{\"t\":\"{}\"}}}}", "x".repeat(50_000));
    target.check(&[JSON, GZIP], &gzip([text.into_bytes()]), 202, "");
    let zipped = target.end().iter().filter(|line| line["event"] == "zip").count();
    assert_eq!(zipped, 1);
}

#[test]
fn text_that_is_not_utf8_is_refused_and_what_can_be_repaired_is_flagged() {
    let mut target = Target::start();
    target.check(&[JSON], b"{\"event\":\"t\",\"title\":\"caf\xe9\"}", 400, "UTF-8");
    let batch = b"[{\"event\":\"t\",\"title\":\"caf\xc3\xa9\"},{\"event\":\"t\",\"title\":\"caf\xe9\"}]";
    let answer = target.check(&[JSON], batch, 202, "UTF-8");
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["index"]), (&json!(1), &json!(1)));
    target.check_json(
        "{\"event\":\"t\",\"title\":\"a\\u0000b\",\"props\":{\"k\\u0000\":\"\\u0000\"}}",
        202,
        "",
    );
    target.check_json("{\"event\":\"t\",\"title\":\"half \\ud800 pair\"}", 202, "");
    target.check_json("{\"event\":\"t\",\"event\":\"second\",\"title\":\"twice\"}", 202, "");
    let lines: Vec<Value> = target.end().into_iter().filter(|line| line["site"] != "neighbour").collect();
    let flags: Vec<_> = lines.iter().map(|line| &line["flags"]).collect();
    assert_eq!(
        flags,
        [&Value::Null, &json!(["control_chars"]), &json!(["bad_utf8"]), &json!(["duplicate_param"])]
    );
    assert_eq!(lines[0]["title"], "café");
    assert_eq!(lines[3]["event"], "t", "the first one counts");
}
