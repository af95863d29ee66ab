//! Public links: one site, nothing that points at a person, revoked at once.

use serde_json::{Value, json};

use crate::harness::server::CATCH_UP;
use crate::harness::{Http, Launch, Server, folder, shared};

fn get(server: &Server, target: &str, key: &str) -> crate::harness::Response {
    let join = if target.contains('?') { '&' } else { '?' };
    server.send("GET", &format!("{target}{join}link={key}"), &[], &Value::Null)
}

#[test]
fn a_public_link_shows_its_site_and_no_more() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("privacy.ip", "keep");
    let server = launch.start();
    server.hit("site=blog&page=https%3A%2F%2Fx.example%2Fa%3Fmail%3Dsomebody&visitor=person-7&plan=pro");
    server.hit("site=shop&page=/secret-plans");
    server.caught_up("live", CATCH_UP);
    let made = server.ask("POST", "/api/v1/links", &json!({"site": "blog"}));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(
        get(&server, "/api/v1/session", key).json(),
        json!({"signed_in": true, "scope": "public", "site": "blog", "password_set": false})
    );

    let sites = get(&server, "/api/v1/sites", key).text();
    assert!(sites.contains("blog") && !sites.contains("shop"), "{sites}");
    for target in [
        "/api/v1/overview",
        "/api/v1/overview?site=shop",
        "/api/v1/overview?site=",
        "/api/v1/overview?s%69te=shop",
        "/api/v1/overview?site=shop&site=shop",
    ] {
        let overview = get(&server, target, key);
        assert_eq!((overview.status, &overview.json()["events"]), (200, &json!(1)), "{target}");
    }
    assert_eq!(get(&server, "/api/v1/properties", key).json(), json!([]), "a page may put a name there");
    assert_eq!(get(&server, "/api/v1/overview?filter=site:shop", key).json()["events"], 0);
    for target in [
        "/api/v1/recent",
        "/api/v1/recent?site=shop&limit=10",
        "/api/v1/recent?format=csv",
        "/api/v1/top?dimension=page",
        "/api/v1/top?dimension=page&format=csv",
    ] {
        let response = get(&server, target, key);
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        let text = response.text();
        for secret in ["secret-plans", "shop", "127.0.0.1", "person-7", "somebody", "\"plan", "pro\""] {
            assert!(!text.contains(secret), "{target} shows {secret}: {text}");
        }
        assert!(text.contains("/a"), "{target}: {text}");
    }
    for target in [
        "/api/v1/pipeline",
        "/api/v1/requests",
        "/api/v1/setup",
        "/api/v1/event/0",
        "/api/v1/tokens",
        "/api/v1/links",
    ] {
        assert_eq!(get(&server, target, key).status, 403, "{target}");
    }
    let posted = server.send("POST", &format!("/api/v1/links?link={key}"), &[], &json!({"site": "shop"}));
    assert_eq!(posted.status, 403);

    check_feed(&server, key);

    assert_eq!(server.ask("DELETE", &format!("/api/v1/links/{id}"), &Value::Null).status, 204);
    assert_eq!(get(&server, "/api/v1/overview", key).status, 401);
    assert_eq!(get(&server, "/api/v1/session", key).json()["signed_in"], false);
    server.stop();
}

fn check_feed(server: &Server, key: &str) {
    let mut feed = Http::connect(server.address()).unwrap();
    feed.send(format!("GET /api/v1/live?after=-1&link={key} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .unwrap();
    assert!(feed.receive(false).unwrap().status == 400);
    let target = format!("/api/v1/live?site=shop&link={key}");
    let mut feed = Http::connect(server.address()).unwrap();
    feed.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n").as_bytes()).unwrap();
    while !feed.line().unwrap().is_empty() {}
    server.hit("site=shop&page=/secret-plans");
    server.hit("site=blog&page=/b&visitor=person-8");
    let hit = loop {
        if let Some(data) = feed.line().unwrap().strip_prefix("data:").filter(|data| data.contains("offset"))
        {
            break data.trim().to_owned();
        }
    };
    assert!(hit.contains("\"/b\"") && !hit.contains("person-8") && !hit.contains("127.0.0.1"), "{hit}");
}
