//! What the pages Pipeline, Inspector and Setup are told.

use serde_json::{Value, json};

use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, folder, s, shared, until};

#[test]
fn the_pipeline_says_where_every_event_is() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("archive.batch_window", "1s");
    let server = launch.start();
    let empty = server.api("/api/v1/pipeline");
    assert_eq!(
        (&empty["status"], &empty["accepted"], &empty["balanced"]),
        (&json!("ready"), &json!(0), &json!(true))
    );
    assert_eq!((&empty["oldest_ms"], &empty["oldest_unarchived_ms"]), (&Value::Null, &Value::Null));
    server.hits("blog", 120);
    assert_eq!(server.http().post("/e", b"{").unwrap().status, 400);
    assert_eq!(server.http().post("/e", b"[{}]").unwrap().status, 400);
    let at_once = server.api("/api/v1/pipeline");
    assert_eq!((&at_once["accepted"], &at_once["durable"]), (&json!(120), &json!(120)));
    let balance = &at_once["balance"];
    assert_eq!(
        balance["archived"].as_u64().unwrap() + balance["pending"].as_u64().unwrap(),
        120,
        "{balance}"
    );
    server.caught_up("archive", CATCH_UP);
    server.caught_up("live", CATCH_UP);
    let then = server.api("/api/v1/pipeline");
    assert_eq!(
        then["balance"],
        json!({"acknowledged": 120, "archived": 120, "pending": 0, "dead_lettered": 0})
    );
    assert_eq!((&then["balanced"], &then["oldest_unarchived_ms"]), (&json!(true), &Value::Null));
    assert!(then["oldest_ms"].is_u64() && then["stored_bytes"].as_u64() > Some(0), "{then:#}");
    let names: Vec<&Value> = then["consumers"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["archive", "live"]);
    let rejected = then["rejected"].as_array().unwrap();
    for reason in ["malformed", "none_valid"] {
        assert!(rejected.contains(&json!({"reason": reason, "count": 1})), "{rejected:?}");
    }
    let objects = then["objects"].as_array().unwrap();
    assert_eq!(objects.iter().map(|one| one["records"].as_u64().unwrap()).sum::<u64>(), 120);
    for object in objects {
        let file = launch.archive().join(object["name"].as_str().unwrap());
        assert_eq!(file.metadata().unwrap().len(), object["bytes"].as_u64().unwrap());
    }
    until("a rate", s(10), || {
        let rate = server.api("/api/v1/pipeline")["rate_per_s"].as_f64().unwrap();
        (rate > 0.0).then_some(())
    });
    server.stop();
}

#[test]
fn the_inspector_shows_what_was_refused_beside_what_was_stored() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).set("gateway.write_keys", "[\"the-key\"]").start();
    let stored = server.hit("site=blog&page=/a%20b&odd=%FF");
    let json = [("Content-Type", "application/json")];
    let refused = server.http().request("POST", "/e?key=wrong-key", &json, b"{}").unwrap();
    assert_eq!(refused.status, 401);
    let partly = br#"[{"event": "signup", "site": "shop"}, {"site": "shop"}]"#;
    let partly = server.http().request("POST", "/e?key=the-key", &json, partly).unwrap();
    assert_eq!(partly.status, 202);

    let all = server.api("/api/v1/requests");
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 3, "{all:#?}");
    let (partly, refused, pixel) = (&all[0], &all[1], &all[2]);
    assert_eq!((&partly["status"], &partly["reason"]), (&json!(202), &json!("partly_invalid")));
    assert!(partly["detail"].as_str().unwrap().contains("1 of 2"), "{partly:#}");
    assert_eq!(
        (&refused["door"], &refused["status"], &refused["reason"]),
        (&json!("events"), &json!(401), &json!("key"))
    );
    assert_eq!((&refused["query"], &refused["offset"]), (&json!("key=(hidden)"), &Value::Null));
    assert_eq!((&pixel["query"], &pixel["offset"]), (&json!("site=blog&page=/a%20b&odd=%FF"), &json!(0)));
    assert_eq!((&pixel["event_id"], &pixel["reason"]), (&json!(stored), &Value::Null));
    assert_eq!(pixel["event"]["page_path"], "/a%20b", "the raw parameters beside the event: {pixel:#}");
    assert_eq!(pixel["address"], "127.0.0.0", "under the privacy policy");

    let found = |query: &str| server.api(&format!("/api/v1/requests?{query}")).as_array().unwrap().len();
    assert_eq!(found(&format!("id={stored}")), 1);
    assert_eq!(found("id=018f4e5a-0000-7000-8000-000000000001"), 0);
    assert_eq!((found("address=127.0.0.9"), found("address=192.0.2.1"), found("limit=1")), (3, 0, 1));
    // After a restart what was stored is still there.
    assert_eq!(server.api("/api/v1/event/0")["event"]["id"], *stored);
    server.stop();
}

#[test]
fn who_does_not_want_to_be_followed_leaves_nothing_in_the_inspector() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).set("privacy.gpc", "drop").start();
    let gpc = [("Sec-GPC", "1"), ("User-Agent", "Mozilla/5.0 of somebody")];
    let dropped = server.http().request("GET", "/p.gif?visitor=somebody", &gpc, b"").unwrap();
    assert_eq!(dropped.status, 202);
    let all = server.api("/api/v1/requests");
    assert_eq!(
        (&all[0]["reason"], &all[0]["address"], &all[0]["query"]),
        (&json!("gpc"), &Value::Null, &json!(""))
    );
    assert!(!all.to_string().contains("somebody"), "{all:#}");
    server.stop();
}

#[test]
fn the_setup_page_knows_the_first_hit_and_a_shared_address() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).set("gateway.pixel_path", "/i.gif").start();
    let setup = server.api("/api/v1/setup");
    assert_eq!(
        (&setup["pixel_path"], &setup["hits"], &setup["first_hit_ms"]),
        (&json!("/i.gif"), &json!(0), &Value::Null)
    );
    assert_eq!(setup["origin"], "http://localhost", "as this request's Host says");
    let here = json!({"seen": "127.0.0.1", "peer": "127.0.0.1", "header": null, "trusted": false});
    assert_eq!(setup["address"], here);
    for _ in 0..25 {
        assert_eq!(server.get("/i.gif?site=x").status, 200);
    }
    let setup = server.api("/api/v1/setup");
    assert_eq!(setup["hits"], 25);
    assert!(setup["first_hit_ms"].is_u64());
    assert_eq!(setup["shared_address"], json!({"address": "127.0.0.0", "share": 1.0}));
    server.stop();
}

#[test]
fn what_a_stranger_sends_is_data_in_every_answer() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let odd = "%3C%2Fscript%3E%22%5C%00%0D%0A%E2%80%AE%E2%80%8B%FF";
    let long = "W".repeat(1024);
    let query = format!(
        "site={odd}&page=/{odd}&title={odd}&event={odd}&ref={odd}&utm_campaign={odd}&{odd}={odd}&long={long}"
    );
    let agent = [("User-Agent", "<img src=x onerror=alert(1)>\u{202e}"), ("Referer", "javascript:alert(1)")];
    let hit = server.http().request("GET", &format!("/p.gif?{query}"), &agent, b"").unwrap();
    assert_eq!(hit.status, 200);
    server.caught_up("live", CATCH_UP);
    for target in [
        "/api/v1/requests",
        "/api/v1/event/0",
        "/api/v1/recent",
        "/api/v1/sites",
        "/api/v1/top?dimension=page",
    ] {
        let response = server.ask("GET", target, &Value::Null);
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{target}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{target}");
        // The path of a page is kept as a path is written.
        let whole = if target.contains("page") { "%3C/script%3E" } else { "</script>" };
        assert!(response.json().to_string().contains(whole), "{target}: as data, whole: {}", response.text());
    }
    server.stop();
}
