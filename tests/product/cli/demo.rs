//! `demo`: a dashboard that lives, and a folder that goes.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Http, Launch, folder, s, shared, text, until};

#[test]
fn a_demo_has_a_past_moves_at_once_and_leaves_nothing_behind() {
    let _turn = shared();
    let home = folder();
    let (out, log) = (home.path().join("demo.out"), home.path().join("demo.log"));
    let launch = Launch::new(home.path().join("not-used"))
        .env("TMPDIR", home.path().to_str().unwrap())
        .set("archive.url", "s3://nobody-may-write-here/by/accident")
        .set("gateway.tls_cert", "/no/such/certificate.pem")
        .set("gateway.tls_key", "/no/such/key.pem");
    let mut child = launch
        .command(["demo", "--listen", "127.0.0.1:0"])
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&log).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let link = until("the demo's link", s(60), || {
        text(&log).contains("listening on").then(|| {
            let out = text(&out);
            out.lines().find_map(|line| line.strip_prefix("Dashboard  ")).unwrap().to_owned()
        })
    });
    let (address, token) = link.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    let ask = |method: &str, target: &str, headers: &[(&str, &str)], body: &str| {
        Http::connect(address.parse().unwrap())
            .unwrap()
            .request(method, target, headers, body.as_bytes())
            .unwrap()
    };
    let json = [("Content-Type", "application/json")];
    let signed_in = ask("POST", "/api/v1/session", &json, &json!({"token": token}).to_string());
    let cookie = signed_in.cookie().unwrap();
    let api = |target: &str| -> Value { ask("GET", target, &[("Cookie", &cookie)], "").json() };

    let first = api("/api/v1/pipeline")["accepted"].as_u64().unwrap();
    assert!(first > 10_000, "a day of traffic: {first}");
    // Somebody comes every three seconds, at the quietest hour.
    until("somebody to visit", s(60), || {
        let now = api("/api/v1/pipeline")["accepted"].as_u64().unwrap();
        (now > first).then_some(())
    });
    until("the past to be counted", s(60), || {
        let overview = api("/api/v1/overview");
        (overview["events"].as_u64().unwrap() >= first).then_some(())
    });
    const DAY_MS: u64 = 24 * 3_600_000;
    let now = api("/api/v1/requests?limit=1")[0]["at_ms"].as_u64().unwrap();
    let day = api(&format!("/api/v1/overview?compare=1&from={}&to={now}", now - DAY_MS));
    let (views, before) = (day["views"].as_u64().unwrap(), day["previous"]["views"].as_u64().unwrap());
    assert!(before > views / 2 && before < views * 2, "a day like the one before: {day:#}");
    let requests = api("/api/v1/requests?limit=3");
    assert_ne!(requests[0]["address"], "127.0.0.0", "visitors have addresses of their own: {requests:#}");

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = until("the demo to end", s(30), || child.try_wait().unwrap());
    assert!(status.success(), "{}", text(&log));
    let left: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing but the test's own files: {left:?}");
    assert!(!Path::new(launch.data_dir()).exists());
}
