//! Who may look at the dashboard, from outside: sign-in, sign-out, guessing, tokens, public links, and what nobody may.

mod links;
mod tokens;

use serde_json::{Value, json};

use crate::cli::check as cli_check;
use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, Response, Server, folder, shared};

const PASSWORD: &str = "a sentence to remember";
/// As the dashboard's own page sends it.
const PAGE: [(&str, &str); 2] = [("X-Onepixel-Csrf", "1"), ("Sec-Fetch-Site", "same-origin")];

fn sign_in(server: &Server, body: &Value) -> Response {
    server.send("POST", "/api/v1/session", &PAGE, body)
}

fn session(server: &Server, headers: &[(&str, &str)]) -> Value {
    let response = server.send("GET", "/api/v1/session", headers, &Value::Null);
    assert_eq!(response.status, 200, "never 401");
    response.json()
}

fn nobody(password_set: bool) -> Value {
    json!({"signed_in": false, "scope": null, "site": null, "password_set": password_set})
}

fn admin(password_set: bool) -> Value {
    json!({"signed_in": true, "scope": "admin", "site": null, "password_set": password_set})
}

#[test]
fn the_printed_link_works_once_and_every_start_prints_another_until_there_is_a_password() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    assert_eq!(session(&server, &[]), nobody(false));
    let token = json!({"token": server.token()});
    let signed_in = sign_in(&server, &token);
    assert_eq!((signed_in.status, signed_in.json()), (200, admin(false)));
    assert_eq!(sign_in(&server, &token).status, 401, "once");
    let cookie = signed_in.cookie().unwrap();
    assert_eq!(session(&server, &[("Cookie", &cookie)]), admin(false));
    let unused = server.token();
    server.stop();

    // The session outlives the process; the next start prints a link of its own.
    let server = launch.start();
    assert_ne!(server.token(), unused);
    assert_eq!(session(&server, &[("Cookie", &cookie)]), admin(false));
    let set = server.ask("PUT", "/api/v1/password", &json!({"password": PASSWORD}));
    assert_eq!(set.status, 204, "{}", set.text());
    assert_eq!(session(&server, &[("Cookie", &cookie)]), nobody(true), "every other session has ended");
    server.stop();

    let server = launch.start();
    assert!(!server.link().contains("token"), "{}", server.link());
    assert_eq!(sign_in(&server, &json!({"password": PASSWORD})).status, 200);
    server.stop();
}

#[test]
fn a_lost_password_is_replaced_with_a_link_from_the_shell() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    cli_check(&launch, &["access", "reset"], 1, &["--data-dir"]);
    let server = launch.start();
    assert_eq!(server.ask("PUT", "/api/v1/password", &json!({"password": "nobody knows it"})).status, 204);
    let printed = cli_check(&launch, &["access", "reset"], 0, &["Sign in", "?token="]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    let token = printed.split_once("?token=").unwrap().1.split_whitespace().next().unwrap();
    let signed_in = sign_in(&server, &json!({"token": token}));
    assert_eq!((signed_in.status, signed_in.json()), (200, admin(true)), "beside the running server");
    assert_eq!(sign_in(&server, &json!({"token": token})).status, 401);
    let cookie = signed_in.cookie().unwrap();
    let headers = [&PAGE[..], &[("Cookie", cookie.as_str())]].concat();
    let set = server.send("PUT", "/api/v1/password", &headers, &json!({"password": PASSWORD}));
    assert_eq!(set.status, 204);
    assert_eq!(sign_in(&server, &json!({"password": "nobody knows it"})).status, 401);
    assert_eq!(sign_in(&server, &json!({"password": PASSWORD})).status, 200);
    server.stop();
}

#[test]
fn the_cookie_is_for_the_servers_own_pages_and_ends_with_the_session() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).set("gateway.trusted_proxies", "127.0.0.1").start();
    let token = json!({"token": server.token()});
    let headers = [&PAGE[..], &[("X-Forwarded-Proto", "https")]].concat();
    let signed_in = server.send("POST", "/api/v1/session", &headers, &token);
    let set = signed_in.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Secure", "Max-Age="] {
        assert!(set.contains(attribute), "{attribute} is not in {set}");
    }
    let plain = sign_in(&server, &json!({"token": "x"}));
    assert_eq!((plain.status, plain.header("set-cookie")), (401, None));

    let cookie = signed_in.cookie().unwrap();
    let mine = ("Cookie", cookie.as_str());
    assert_eq!(server.send("GET", "/api/v1/pipeline", &[mine], &Value::Null).status, 200);
    let forged = server.send("DELETE", "/api/v1/session", &[mine], &Value::Null);
    assert_eq!(forged.status, 403, "no page of ours asked");
    let out = server.send("DELETE", "/api/v1/session", &[&PAGE[..], &[mine]].concat(), &Value::Null);
    assert_eq!(out.status, 204, "{}", out.text());
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(server.send("GET", "/api/v1/pipeline", &[mine], &Value::Null).status, 401);
    assert_eq!(
        server.send("DELETE", "/api/v1/session", &[&PAGE[..], &[mine]].concat(), &Value::Null).status,
        401
    );
    server.stop();
}

#[test]
fn guessing_a_password_is_slowed_down_for_each_address() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).set("gateway.trusted_proxies", "127.0.0.1").start();
    assert_eq!(server.ask("PUT", "/api/v1/password", &json!({"password": PASSWORD})).status, 204);
    let guess = |address: &str, password: &str| {
        let headers = [&PAGE[..], &[("X-Forwarded-For", address)]].concat();
        server.send("POST", "/api/v1/session", &headers, &json!({"password": password}))
    };
    for n in 0..5 {
        assert_eq!(guess("203.0.113.1", &format!("guess number {n}")).status, 401);
    }
    let slowed = guess("203.0.113.1", PASSWORD);
    assert_eq!(slowed.status, 429, "even the right one has to wait now");
    let wait: u64 = slowed.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(guess("203.0.113.2", PASSWORD).status, 200, "another address is not held up");
    server.stop();
}

#[test]
fn only_the_servers_own_pages_may_change_anything_with_a_cookie() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let cookie = ("Cookie", server.cookie());
    let body = json!({"name": "forged", "scope": "admin"});
    let csrf = ("X-Onepixel-Csrf", "1");
    let own = format!("http://{}", "localhost");
    for (headers, expected) in [
        (vec![cookie], 403),
        (vec![cookie, csrf], 403),
        (vec![cookie, ("Sec-Fetch-Site", "same-origin")], 403),
        (vec![cookie, csrf, ("Sec-Fetch-Site", "cross-site")], 403),
        (vec![cookie, csrf, ("Sec-Fetch-Site", "same-site")], 403),
        (vec![cookie, csrf, ("Origin", "http://evil.example")], 403),
        (vec![cookie, csrf, ("Origin", "null")], 403),
        (vec![cookie, csrf, ("Origin", own.as_str())], 201),
        (vec![cookie, csrf, ("Sec-Fetch-Site", "same-origin")], 201),
    ] {
        let response = server.send("POST", "/api/v1/tokens", &headers, &body);
        assert_eq!(response.status, expected, "{headers:?}: {}", response.text());
    }
    let evil = [("Origin", "http://evil.example")];
    let into_theirs = server.send("POST", "/api/v1/session", &evil, &json!({"token": "x"}));
    assert_eq!(into_theirs.status, 403, "nobody is signed in by another site's page");
    let form = [cookie, csrf, ("Sec-Fetch-Site", "same-origin"), ("Content-Type", "text/plain")];
    let mut http = server.http();
    let sent = http.request("POST", "/api/v1/tokens", &form, body.to_string().as_bytes()).unwrap();
    assert_eq!(sent.status, 415, "a form cannot send JSON");
    server.stop();
}

#[test]
fn without_a_sign_in_there_is_no_data_anywhere() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    server.hit("site=secret");
    server.caught_up("live", CATCH_UP);
    let document = server.get("/api/v1/openapi.json").json();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let (method, target) =
                (method.to_uppercase(), path.replace("{offset}", "0").replace("{id}", "x"));
            let open = matches!((&*method, &*target), ("GET" | "POST", "/api/v1/session"));
            for headers in
                [vec![], vec![("Cookie", "onepixel_session=guess")], vec![("Authorization", "Bearer guess")]]
            {
                let response = server.send(&method, &target, &headers, &json!({}));
                if !open {
                    assert_eq!(response.status, 401, "{method} {target}: {}", response.text());
                    assert!(response.json()["error"].is_string());
                }
                assert!(!response.text().contains("secret"), "{method} {target}");
                asked += 1;
            }
        }
    }
    assert!(asked > 60, "{asked}");
    assert_eq!((server.get("/healthz").status, server.get("/readyz").status), (200, 200));
    assert_eq!(server.get("/metrics").status, 200);
    assert_eq!(server.get("/api/v1/nothing").status, 404);
    server.stop();
}
