//! The dashboard as a function on AWS has it: a live view that only counts, and no stream beside it.
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod counting_view;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use onepixel_dashboard::access::{Access, AccessFile};
use onepixel_dashboard::{Dashboard, Doors, Edge};
use onepixel_gateway::Client;
use onepixel_gateway::ingest::IpPolicy;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use counting_view::CountingView;

const SECRET: &str = "a secret of the settings";

struct Rig {
    router: Router,
    _folder: TempDir,
}

impl Rig {
    fn new(with_view: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = AccessFile::new(&folder.path().join("access.json"));
        let doors = Doors {
            pixel_url: "https://in.example/p.gif".into(),
            events_url: "https://api.example/v1/e".into(),
            script_url: "https://in.example/p.js".into(),
        };
        let dashboard = Dashboard {
            view: with_view.then(|| Arc::new(CountingView) as _),
            access: Access::open(Box::new(file), Arc::new(|| 1_000_000), Some(SECRET)),
            edge: Edge {
                pixel_path: "/p.gif".into(),
                events_path: "/e".into(),
                script_path: "/p.js".into(),
                other_port: None,
                elsewhere: Some(doors),
                trusted_proxies: Vec::new(),
                ip_policy: IpPolicy::Truncate,
            },
            local: None,
            stop: CancellationToken::new(),
        };
        Self { router: dashboard.routes().unwrap(), _folder: folder }
    }

    async fn send(&self, mut request: Request<Body>) -> (StatusCode, Value, Option<String>) {
        let peer = SocketAddr::from(([192, 0, 2, 7], 1));
        request.extensions_mut().insert(Client { address: peer.ip(), peer, encrypted: true });
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let cookie = answer.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null), cookie)
    }

    /// Signs in with the settings' secret; the cookie.
    async fn sign_in(&self) -> String {
        let body = Body::from(json!({ "token": SECRET }).to_string());
        let request = Request::post("/api/v1/session").header("content-type", "application/json");
        let (status, _, cookie) = self.send(request.body(body).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        cookie.unwrap().split(';').next().unwrap().to_owned()
    }

    async fn ask(&self, cookie: &str, path: &str) -> (StatusCode, Value) {
        let request =
            Request::get(format!("/api/v1/{path}")).header("cookie", cookie).header("host", "stats.example");
        let (status, body, _) = self.send(request.body(Body::empty()).unwrap()).await;
        (status, body)
    }

    #[track_caller]
    fn refuses(answer: (StatusCode, Value), status: StatusCode, text: &str) {
        let said = answer.1["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.0 == status && said.contains(text), "{answer:?} instead of {status} {text}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_declared_and_answered_in_words() {
    let rig = Rig::new(true);
    let cookie = rig.sign_in().await;
    let (status, can) = rig.ask(&cookie, "capabilities").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&can["feed"], &can["pipeline"], &can["inspector"]),
        (&json!(false), &json!(false), &json!(false))
    );
    assert_eq!(can["view"]["dimensions"], json!(["page"]));
    assert_eq!((&can["view"]["visitors"], &can["view"]["properties"]), (&json!(false), &json!(false)));
    for path in ["live", "pipeline", "requests", "event/1"] {
        Rig::refuses(rig.ask(&cookie, path).await, StatusCode::NOT_FOUND, "GET /api/v1/capabilities");
    }
    for (path, text) in [
        ("overview?filter=page:/", "does not filter by page"),
        ("top?dimension=os", "does not rank by os; it ranks by page"),
        ("top?dimension=page&order=visitors", "does not count visitors"),
        ("properties", "does not count the events' own properties"),
        ("recent?before=7", "keeps the newest events only"),
    ] {
        Rig::refuses(rig.ask(&cookie, path).await, StatusCode::BAD_REQUEST, text);
    }
}

#[tokio::test]
async fn what_is_not_counted_is_null_and_an_empty_cell() {
    let rig = Rig::new(true);
    let cookie = rig.sign_in().await;
    let (_, overview) = rig.ask(&cookie, "overview").await;
    assert_eq!(
        (&overview["events"], &overview["visitors"], &overview["now"]),
        (&json!(3), &Value::Null, &Value::Null)
    );
    let (_, recent) = rig.ask(&cookie, "recent").await;
    assert_eq!(recent[0]["offset"], Value::Null);
    let request = Request::get("/api/v1/overview?format=csv").header("cookie", &cookie);
    let mut request = request.body(Body::empty()).unwrap();
    let peer = SocketAddr::from(([192, 0, 2, 7], 1));
    request.extensions_mut().insert(Client { address: peer.ip(), peer, encrypted: true });
    let answer = rig.router.clone().oneshot(request).await.unwrap();
    let text = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&text).contains("range,3,2,,1\r\n"), "{text:?}");
}

#[tokio::test]
async fn the_setup_page_names_doors_that_are_elsewhere_and_the_secret_works_once() {
    let rig = Rig::new(true);
    let cookie = rig.sign_in().await;
    let (status, setup) = rig.ask(&cookie, "setup").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(setup["pixel_url"], "https://in.example/p.gif");
    assert_eq!(setup["events_url"], "https://api.example/v1/e");
    assert_eq!(setup["script_url"], "https://in.example/p.js");
    assert_eq!((&setup["hits"], &setup["first_hit_ms"]), (&Value::Null, &Value::Null));
    assert_eq!(setup["address"]["seen"], "192.0.2.7");
    let again = Request::post("/api/v1/session").header("content-type", "application/json");
    let again = again.body(Body::from(json!({ "token": SECRET }).to_string())).unwrap();
    assert_eq!(rig.send(again).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_is_told_anything_unasked() {
    let rig = Rig::new(true);
    for path in ["capabilities", "overview", "live", "pipeline"] {
        assert_eq!(rig.ask("", path).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn without_a_live_view_questions_say_so() {
    let rig = Rig::new(false);
    let cookie = rig.sign_in().await;
    assert_eq!(rig.ask(&cookie, "capabilities").await.1["view"], Value::Null);
    Rig::refuses(rig.ask(&cookie, "overview").await, StatusCode::NOT_FOUND, "the live view is off");
}

#[tokio::test]
async fn what_is_no_resource_or_no_method_of_one_is_answered_as_every_error() {
    let rig = Rig::new(true);
    Rig::refuses(rig.ask("", "overviews").await, StatusCode::NOT_FOUND, "GET /api/v1/openapi.json");
    let request = Request::post("/api/v1/overview").body(Body::empty()).unwrap();
    let answer = rig.router.clone().oneshot(request).await.unwrap();
    let allow = answer.headers().get("allow").cloned();
    assert_eq!(
        (answer.status(), allow.unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD".parse().unwrap())
    );
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body["error"].as_str().unwrap().contains("does not answer POST"), "{body}");
}
