//! The dashboard function in the emulated Lambda, over DynamoDB: what a browser gets, who gets in, and that functions side by
//! side agree on it.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use onepixel_archive::Archive;
use onepixel_aws::clock::system_clock;
use onepixel_aws::consumer::{Consumer, DeadLetters, RawBodies};
use onepixel_aws::dynamo::table;
use onepixel_aws::live::LiveTable;
use onepixel_aws_tests::freeze::{Function, HttpAnswer, HttpRequest, Launch};
use onepixel_aws_tests::front::HttpApi;
use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::installed;
use onepixel_aws_tests::servers::{Endpoints, Servers, Table};
use onepixel_event::{Event, Time};
use onepixel_gateway::ingest::IngestSettings;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::batches::{self, OwnSalts, invocation, within};

const TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// As `openssl rand -hex 32` makes it.
const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const PASSWORD: &str = "a sentence to remember";
const HOST: &str = "abc.execute-api.us-east-1.amazonaws.com";

struct Stage {
    endpoints: Endpoints,
    _servers: Servers,
}

impl Stage {
    async fn new() -> Self {
        let servers = Servers::start().await.unwrap();
        let endpoints = servers.endpoints();
        Table::create(&endpoints, "live").await.unwrap();
        Self { endpoints, _servers: servers }
    }

    /// Counts events as the live function does.
    async fn count(&self, events: &[Event<'_>]) {
        let folder = tempfile::tempdir().unwrap();
        let bucket = Archive::open(folder.path().to_str().unwrap(), folder.path()).unwrap();
        let table = table::Table::new(&self.endpoints.config(&self.endpoints.dynamodb), "live");
        let function = Consumer::new(
            LiveTable::new(table, TTL, system_clock()),
            RawBodies::new(IngestSettings::default(), OwnSalts),
            DeadLetters::new(bucket, "live"),
        );
        let data: Vec<_> = events.iter().map(batches::line).enumerate().collect();
        let records: Vec<_> = data.into_iter().map(|(at, line)| (1 + at as u64, line)).collect();
        let answer = function.handle(&invocation(0, &records), within(60)).await.unwrap();
        assert!(answer.batch_item_failures.is_empty(), "{answer:?}");
    }

    /// A function with environments of its own.
    fn function(&self) -> Function {
        let launch = Launch::new(bootstrap("onepixel-dashboard").unwrap())
            .envs(self.endpoints.environment())
            .env("ONEPIXEL_TABLE", "live")
            .env("ONEPIXEL_TTL", "7d")
            .env("ONEPIXEL_SIGN_IN", SECRET)
            .env("ONEPIXEL_PIXEL_URL", "https://in.example/p.gif")
            .env("ONEPIXEL_EVENTS_URL", "https://api.example/v1/e")
            .env("ONEPIXEL_SCRIPT_URL", "https://in.example/p.js")
            .timeout(Duration::from_secs(29));
        Function::new(Launch { init_timeout: Duration::from_secs(60), ..launch }.environments(1)).unwrap()
    }
}

/// Events of the last minutes: 7 page views of `/a`, 2 of `/b` by a bot, on two sites.
fn events() -> Vec<Event<'static>> {
    let mut rng = StdRng::seed_from_u64(1);
    let now = batches::now().ms();
    let mut events: Vec<Event<'static>> =
        (0..9).map(|n| batches::event(&mut rng, Time::from_ms(now - 60_000 - n))).collect();
    for (n, event) in events.iter_mut().enumerate() {
        let is_bot = n >= 7;
        event.page_path = Some(if is_bot { "/b" } else { "/a" }.into());
        event.site = if n % 2 == 0 { "blog" } else { "shop" }.into();
        event.event = "pageview".into();
        event.class = if is_bot { onepixel_event::Class::Bot } else { onepixel_event::Class::Human };
    }
    events
}

async fn send(function: &Function, request: HttpRequest) -> HttpAnswer {
    HttpAnswer::of(&function.invoke(request.payload()).await.answer).unwrap()
}

async fn get(function: &Function, cookie: &str, target: &str) -> (u16, Value) {
    let answer = send(function, HttpRequest::get(target).header("cookie", cookie)).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

async fn sign_in(function: &Function, body: &Value) -> HttpAnswer {
    let request = HttpRequest::post("/api/v1/session", "application/json", body.to_string());
    send(function, request.header("sec-fetch-site", "same-origin")).await
}

fn cookie(answer: &HttpAnswer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("; Secure") && cookie.contains("HttpOnly"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_come_compressed_and_whole_and_figures_exact() {
    let stage = Stage::new().await;
    stage.count(&events()).await;
    let function = stage.function();

    let page = send(&function, HttpRequest::get("/").header("accept-encoding", "gzip")).await;
    assert_eq!((page.status, page.header("content-encoding")), (200, Some("gzip")), "{:?}", page.headers);
    assert!(page.header("content-security-policy").is_some());
    let mut html = String::new();
    flate2::read::GzDecoder::new(&page.body[..]).read_to_string(&mut html).unwrap();
    let script = html.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    let plain = send(&function, HttpRequest::get(script)).await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
    let packed = send(&function, HttpRequest::get(script).header("accept-encoding", "gzip")).await;
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body, "{script}");
    let known = HttpRequest::get(script).header("if-none-match", plain.header("etag").unwrap());
    assert_eq!(send(&function, known).await.status, 304);
    for elsewhere in ["/no/such/page", "/p.js", "/p.gif"] {
        assert_eq!(send(&function, HttpRequest::get(elsewhere)).await.status, 404);
    }

    assert_eq!(get(&function, "", "/api/v1/overview").await.0, 401);
    let cookie = cookie(&sign_in(&function, &json!({ "token": SECRET })).await);
    let (_, can) = get(&function, &cookie, "/api/v1/capabilities").await;
    assert_eq!((&can["feed"], &can["view"]["visitors"]), (&json!(false), &json!(false)));
    let (_, all) = get(&function, &cookie, "/api/v1/overview?compare=1").await;
    assert_eq!(
        (&all["events"], &all["machine_events"], &all["visitors"]),
        (&json!(9), &json!(2), &Value::Null)
    );
    let (_, top) = get(&function, &cookie, "/api/v1/top?dimension=page").await;
    assert_eq!((&top["rows"][0]["value"], &top["rows"][0]["views"]), (&json!("/a"), &json!(7)));
    let (_, shop) = get(&function, &cookie, "/api/v1/overview?site=shop&class=human").await;
    assert_eq!(shop["events"], 3);
    let (_, recent) = get(&function, &cookie, "/api/v1/recent?limit=3").await;
    assert_eq!((recent.as_array().unwrap().len(), &recent[0]["event"]["page_path"]), (3, &json!("/a")));
    let (_, sites) = get(&function, &cookie, "/api/v1/sites").await;
    assert_eq!((&sites[0]["site"], &sites[0]["events"]), (&json!("blog"), &json!(5)));
    let (_, setup) = get(&function, &cookie, "/api/v1/setup").await;
    assert_eq!(
        (&setup["address"]["seen"], &setup["pixel_url"]),
        (&json!("203.0.113.7"), &json!("https://in.example/p.gif"))
    );
    assert_eq!(setup["script_url"], "https://in.example/p.js");
    for (target, status, text) in [
        ("/api/v1/live", 404, "capabilities"),
        ("/api/v1/pipeline", 404, "capabilities"),
        ("/api/v1/top?dimension=colour", 400, "\"colour\" is not one of"),
        ("/api/v1/top?dimension=title", 400, "does not rank by title"),
        ("/api/v1/overview?filter=page:/a", 400, "does not filter by page"),
        ("/api/v1/series?unit=minute&from=0", 400, "2000 points"),
    ] {
        let (found, said) = get(&function, &cookie, target).await;
        assert!(
            found == status && said["error"].as_str().unwrap().contains(text),
            "{target}: {found} {said}"
        );
    }
    function.shutdown().await;
}

/// A payload of a GET with one part changed.
fn hostile(pointer: &str, value: Value) -> Value {
    let mut payload: Value = serde_json::from_slice(&HttpRequest::get("/api/v1/overview").payload()).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    payload.pointer_mut(parent).unwrap()[name] = value;
    payload
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_stranger_sends_is_answered_by_a_function_that_lives_on() {
    let stage = Stage::new().await;
    let function = stage.function();
    let mut cases = vec![(400, json!(null)), (400, json!([])), (400, json!({})), (400, json!("GET /"))];
    for text in [
        "\"",
        " ",
        "a b\"<>{}|^`\\",
        "\0\r\n\u{7f}",
        "%",
        "%zz%",
        "%ff%00",
        "\u{e9}\u{1f600}",
        "#x",
        "[::1",
        "\u{feff}",
    ] {
        cases.push((401, hostile("/rawQueryString", json!(text))));
        cases.push((404, hostile("/rawPath", json!(format!("/no{text}")))));
        cases.push((401, hostile("/headers/cookie", json!(text))));
        cases.push((401, hostile("/headers/authorization", json!(text))));
        cases.push((401, hostile("/cookies", json!([text]))));
    }
    cases.push((404, hostile("/rawPath", json!("http://[evil"))));
    cases.push((200, hostile("/rawPath", json!(""))));
    cases.push((400, hostile("/rawQueryString", json!("x".repeat(1 << 20)))));
    cases.push((400, hostile("/rawPath", json!("/x".repeat(1 << 20)))));
    cases.push((401, hostile("/headers", (0..40_000).map(|n| (format!("x-{n}"), json!("y"))).collect())));
    cases.push((400, hostile("/headers", json!([]))));
    for method in ["", "GE T", "\0", "\u{e9}"] {
        cases.push((400, hostile("/requestContext/http/method", json!(method))));
    }
    cases.push((405, hostile("/requestContext/http/method", json!("X".repeat(10_000)))));
    cases.push((400, hostile("/requestContext/http/sourceIp", json!("1.2.3.4.5"))));
    cases.push((400, hostile("/requestContext/http", json!({}))));
    cases.push((400, hostile("/isBase64Encoded", json!("yes"))));
    let mut encoded = hostile("/isBase64Encoded", json!(true));
    encoded["body"] = json!("*");
    cases.push((400, encoded));
    for (status, payload) in cases {
        let called = function.invoke(payload.to_string()).await;
        let answer = HttpAnswer::of(&called.answer).unwrap();
        let shown: String = payload.to_string().chars().take(600).collect();
        assert_eq!(answer.status, status, "{shown}: {:?}", String::from_utf8_lossy(&answer.body));
        assert!(status != 400 || answer.body.len() > 20, "{shown}: {answer:?} says not what is wrong");
    }
    let counts = function.shutdown().await;
    assert_eq!((counts.cold_starts, counts.died), (1, 0), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_side_by_side_agree_on_who_may_look() {
    let stage = Stage::new().await;
    let (one, other) = (stage.function(), stage.function());
    // Both are warm, and know of nobody.
    assert_eq!(get(&one, "", "/api/v1/overview").await.0, 401);
    assert_eq!(get(&other, "", "/api/v1/overview").await.0, 401);
    // The secret of the settings is used by both at once: one gets in.
    let token = json!({ "token": SECRET });
    let (a, b) = tokio::join!(sign_in(&one, &token), sign_in(&other, &token));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{a:?} {b:?}");
    let session = cookie(if a.status == 200 { &a } else { &b });
    for function in [&one, &other] {
        assert_eq!(get(function, &session, "/api/v1/overview").await.0, 200, "whoever let him in");
    }
    let put = |body: Value| {
        let request = HttpRequest::post("/api/v1/password", "application/json", body.to_string());
        let request = HttpRequest { method: "PUT".to_owned(), ..request };
        request.header("cookie", &session).header("x-onepixel-csrf", "1")
    };
    let foreign = put(json!({ "password": PASSWORD })).header("sec-fetch-site", "cross-site");
    assert_eq!(send(&one, foreign).await.status, 403);
    let own = put(json!({ "password": PASSWORD })).header("origin", &format!("https://{HOST}"));
    assert_eq!(send(&one, own).await.status, 204);
    let second = cookie(&sign_in(&other, &json!({ "password": PASSWORD })).await);
    assert_eq!(sign_in(&other, &json!({ "password": "not the password" })).await.status, 401);
    assert_eq!(get(&one, &second, "/api/v1/tokens").await.0, 200);
    let out = HttpRequest { method: "DELETE".to_owned(), ..HttpRequest::get("/api/v1/session") };
    let out =
        out.header("cookie", &second).header("x-onepixel-csrf", "1").header("sec-fetch-site", "same-origin");
    assert_eq!(send(&other, out).await.status, 204);
    assert_eq!(get(&one, &second, "/api/v1/tokens").await.0, 401, "signed out everywhere, at once");
    // A function that starts only now knows it all from the table.
    let third = stage.function();
    assert_eq!(sign_in(&third, &token).await.status, 401, "there is a password");
    assert_eq!(get(&third, &session, "/api/v1/overview").await.0, 200);
    for function in [one, other, third] {
        function.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_sees_a_dashboard_without_what_is_not_there() {
    let stage = Stage::new().await;
    stage.count(&events()).await;
    let function = Arc::new(stage.function());
    let front = HttpApi::before(Arc::clone(&function)).await.unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/e2e/few.mjs");
    let mut node = tokio::process::Command::new("node");
    node.arg(script)
        .env("E2E_URL", front.url())
        .env("E2E_TOKEN", SECRET)
        .env("E2E_FEW", "1")
        .env("E2E_CHROMIUM", installed::chromium().unwrap())
        .env("E2E_MODULES", installed::node_modules().unwrap().parent().unwrap())
        .kill_on_drop(true);
    let said = tokio::time::timeout(Duration::from_secs(240), node.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && out.contains(&format!("ok few at {}", front.url())), "{out}{err}");
}
