//! API tokens: shown once, of two scopes, revoked at once.

use serde_json::{Value, json};

use crate::harness::{Http, Launch, Server, folder, s, shared, until};

fn made(server: &Server, scope: &str) -> (String, String) {
    let made = server.ask("POST", "/api/v1/tokens", &json!({"name": "a program", "scope": scope}));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    (made["id"].as_str().unwrap().to_owned(), format!("Bearer {}", made["token"].as_str().unwrap()))
}

fn status(server: &Server, method: &str, target: &str, bearer: &str, body: &Value) -> u16 {
    server.send(method, target, &[("Authorization", bearer)], body).status
}

#[test]
fn a_token_does_what_its_scope_says_until_it_is_revoked() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    let ((read_id, read), (_, admin)) = (made(&server, "read"), made(&server, "admin"));
    let new = json!({"site": "blog"});
    for target in
        ["/api/v1/pipeline", "/api/v1/requests", "/api/v1/setup", "/api/v1/sites", "/api/v1/overview"]
    {
        assert_eq!(status(&server, "GET", target, &read, &Value::Null), 200, "{target}");
    }
    for (method, target) in
        [("GET", "/api/v1/tokens"), ("POST", "/api/v1/links"), ("PUT", "/api/v1/password")]
    {
        assert_eq!(status(&server, method, target, &read, &new), 403, "{method} {target}");
    }
    assert_eq!(status(&server, "GET", "/api/v1/tokens", &admin, &Value::Null), 200);
    assert_eq!(
        status(&server, "POST", "/api/v1/links", &admin, &new),
        201,
        "a program sends no cookie to forge"
    );

    let listed = server.api("/api/v1/tokens");
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!((&listed[0]["name"], &listed[0]["scope"]), (&json!("a program"), &json!("read")));
    assert!(listed[0]["last_used_ms"].is_u64() && listed[0]["token"].is_null(), "{listed:#}");
    let kept = std::fs::read_to_string(launch.data_dir().join("access.json")).unwrap();
    assert!(!kept.contains(read.strip_prefix("Bearer ").unwrap()), "only a hash is kept");

    let mut feed = Http::connect(server.address()).unwrap();
    feed.send(format!("GET /api/v1/live HTTP/1.1\r\nHost: x\r\nAuthorization: {read}\r\n\r\n").as_bytes())
        .unwrap();
    assert!(feed.line().unwrap().contains("200"));
    assert_eq!(server.ask("DELETE", &format!("/api/v1/tokens/{read_id}"), &Value::Null).status, 204);
    assert_eq!(server.ask("DELETE", &format!("/api/v1/tokens/{read_id}"), &Value::Null).status, 404);
    assert_eq!(status(&server, "GET", "/api/v1/pipeline", &read, &Value::Null), 401);
    assert_eq!(status(&server, "GET", "/api/v1/pipeline", &admin, &Value::Null), 200);
    until("the feed of the revoked token to end", s(15), || match feed.line() {
        Ok(line) if line == "0" => Some(()),
        Ok(_) => None,
        Err(_) => Some(()),
    });
    server.stop();
    let server = launch.start();
    assert_eq!(status(&server, "GET", "/api/v1/pipeline", &read, &Value::Null), 401);
    assert_eq!(status(&server, "GET", "/api/v1/pipeline", &admin, &Value::Null), 200);
    server.stop();
}

#[test]
fn a_wrong_claim_is_not_made_up_for_by_a_right_one() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let cookie = ("Cookie", server.cookie());
    let ask =
        |headers: &[(&str, &str)], target: &str| server.send("GET", target, headers, &Value::Null).status;
    assert_eq!(ask(&[cookie], "/api/v1/sites"), 200);
    assert_eq!(ask(&[cookie, ("Authorization", "Bearer x")], "/api/v1/sites"), 401);
    assert_eq!(ask(&[cookie, ("Authorization", "Basic x")], "/api/v1/sites"), 401);
    assert_eq!(ask(&[cookie], "/api/v1/sites?link=x"), 401);
    server.stop();
}

#[test]
fn mistakes_are_told() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    for (method, target, body, status, says) in [
        ("POST", "/api/v1/tokens", json!({"name": "x"}), 400, "scope"),
        ("POST", "/api/v1/tokens", json!({"name": " ", "scope": "read"}), 400, "name"),
        ("POST", "/api/v1/tokens", json!({"name": "x", "scope": "root"}), 400, "root"),
        ("POST", "/api/v1/tokens", json!({"name": "x", "scope": "read", "more": 1}), 400, "more"),
        ("POST", "/api/v1/links", json!({"site": ""}), 400, "site"),
        ("PUT", "/api/v1/password", json!({"password": "too short"}), 400, "12"),
        ("PUT", "/api/v1/password", json!({"password": "x".repeat(20_000)}), 413, "limit"),
        ("POST", "/api/v1/session", json!({}), 400, "token"),
        ("GET", "/api/v1/event/x", Value::Null, 400, "number"),
        ("GET", "/api/v1/event/7", Value::Null, 404, "7"),
        ("GET", "/api/v1/requests?limit=0", Value::Null, 400, "limit"),
        ("GET", "/api/v1/requests?id=x", Value::Null, 400, "UUID"),
        ("GET", "/api/v1/requests?address=x", Value::Null, 400, "address"),
        ("GET", "/api/v1/live?filter=x", Value::Null, 400, "DIMENSION:VALUE"),
        ("GET", "/api/v1/live?after=x", Value::Null, 400, "after"),
    ] {
        let response = server.ask(method, target, &body);
        let error = response.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(response.status, status, "{method} {target} {body}: {error}");
        assert!(error.contains(says), "{method} {target}: {says:?} is not in {error:?}");
    }
    server.stop();
}
