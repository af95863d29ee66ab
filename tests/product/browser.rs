//! A real browser: what the dashboard and the tracker do, against the real server (`web/e2e/` says what), and a page with
//! the printed snippet whose hit is in the stream, in the archive and on the dashboard, there without a reload.

mod believable;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::server::CATCH_UP;
use crate::harness::tools::{Process, chromium, node_modules, output};
use crate::harness::{Launch, Server, archive, folder, s, shared, stream, text, until};

/// Runs one of the scripts beside this file and returns what it found.
#[track_caller]
fn browse(script: &str, home: &Path, mut given: Value) -> Value {
    given["modules"] = json!(parent_of_modules());
    given["chromium"] = json!(chromium());
    given["profile"] = json!(home.join("profile"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/product/browser").join(script);
    let found = output(Command::new("node").arg(script).arg(given.to_string()));
    serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error} in {found}"))
}

/// The folder that holds `node_modules`, whether that was named or the folder itself.
fn parent_of_modules() -> PathBuf {
    let named = node_modules();
    if named.ends_with("node_modules") { named.parent().unwrap().to_owned() } else { named }
}

/// Every request stayed on this machine, and no page complained.
#[track_caller]
fn check_clean(found: &Value) {
    let requests = found["requests"].as_array().unwrap();
    assert!(!requests.is_empty());
    for url in requests {
        let url = url.as_str().unwrap();
        assert!(
            url.starts_with("http://127.0.0.1:") || url.starts_with("data:"),
            "a call to another host: {url}"
        );
    }
    assert_eq!(found["complaints"], json!([]), "the browser's console");
}

#[test]
fn a_page_with_the_snippet_leaves_its_hit_in_all_three_places() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("archive.batch_window", "1s");
    let server = launch.start();
    let out = server.out();
    let snippet = out.lines().find_map(|line| line.strip_prefix("Snippet")).unwrap().trim();
    assert!(snippet.starts_with("<img "), "{snippet}");

    let tail_file = home.path().join("tail.ndjson");
    let tail = launch
        .command(["tail", "--json", "--from", "start"])
        .stdout(std::fs::File::create(&tail_file).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _tail = Process::new(tail);
    let found = browse("visit.mjs", home.path(), json!({"dashboard": server.link(), "snippet": snippet}));
    check_clean(&found);

    // The browser's side.
    assert_eq!((&found["status"], &found["type"]), (&json!(200), &json!("image/gif")));
    assert_eq!(found["pixel"], json!({"complete": true, "width": 1}), "the image is a valid one");
    assert!(
        !found["address"].as_str().unwrap().contains("token"),
        "the token stays in no history: {found:#}"
    );
    let id = found["id"].as_str().unwrap().to_owned();

    // The stream.
    let line = until("the hit in `tail`", s(5), || text(&tail_file).lines().next().map(str::to_owned));
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["id"], *id);
    assert_eq!((&event["site"], &event["page_host"]), (&json!("my-site"), &json!("127.0.0.1")));
    assert_eq!(event["page_path"], "/articles/one", "the snippet asks the browser for the whole referrer");
    assert!(event["user_agent"].as_str().unwrap().contains("Chrome/"), "{event:#}");
    assert_eq!(event["event"], "pageview");

    // The archive, byte for byte.
    server.caught_up("archive", CATCH_UP);
    let objects = archive::objects(&launch.archive());
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].lines, [line]);

    // The dashboard.
    assert_eq!(found["neverReloaded"], true);
    let after = found["shownAfterMs"].as_u64().unwrap();
    assert!(after < 2000, "it took {after} ms to appear on the open dashboard");
    assert!(found["rowText"].as_str().unwrap().contains("my-site"), "{found:#}");
    server.stop();
    launch.balanced();
}

/// How a script signs in.
enum By {
    Password(&'static str),
    /// The one-time token, on a server that has no password yet.
    Token,
}

/// Runs one of the dashboard's own scripts against a real server with some days of traffic and a password.
#[track_caller]
fn check(script: &str, days: i64) {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("archive.batch_window", "1s");
    let lines = believable::days(days);
    stream::append(launch.data_dir(), &lines);
    let server = launch.start();
    server.caught_up("live", s(30));
    assert_eq!(server.counted(""), lines.len() as u64);
    let password = "correct horse battery staple";
    assert_eq!(server.ask("PUT", "/api/v1/password", &json!({"password": password})).status, 204);
    run_script(&server, script, &By::Password(password));
    server.stop();
}

/// Runs one of the dashboard's own scripts against a server that nobody has used.
#[track_caller]
fn check_new(script: &str) {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).set("archive.batch_window", "1s").start();
    run_script(&server, script, &By::Token);
    server.stop();
}

/// Where the pictures go that the tests take.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../pictures")
}

#[track_caller]
fn run_script(server: &Server, script: &str, by: &By) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/e2e").join(script);
    let mut node = Command::new("node");
    match by {
        By::Password(password) => node.env("E2E_PASSWORD", password).env_remove("E2E_TOKEN"),
        By::Token => node.env("E2E_TOKEN", server.token()).env_remove("E2E_PASSWORD"),
    };
    let said = output(
        node.arg(path)
            .env("E2E_URL", server.url())
            // Where the build installed what these scripts need.
            .env("E2E_MODULES", Path::new(env!("CARGO_TARGET_TMPDIR")).join("../web"))
            .env("E2E_CHROMIUM", chromium())
            .env("E2E_PICTURES", pictures()),
    );
    // Without a server's address they take the mock, and then their word is worth nothing here.
    assert!(said.contains(&format!(" at {}", server.url())), "{said}");
}

#[test]
fn the_dashboard_shows_filters_and_remembers() {
    check("dashboard.mjs", 1);
}

#[test]
fn who_signs_in_may_look_until_that_is_revoked() {
    check("access.mjs", 1);
    check_new("access.mjs");
}

#[test]
fn a_new_server_leads_to_its_first_hit() {
    check_new("trouble.mjs");
}

#[test]
fn what_goes_wrong_is_said_and_gets_well_by_itself() {
    check("trouble.mjs", 1);
}

#[test]
fn the_live_feed_goes_on_over_a_cut_connection() {
    check("live.mjs", 1);
}

#[test]
fn what_a_stranger_sends_is_text_everywhere() {
    check("hostile.mjs", 1);
}

#[test]
fn the_tracker_counts_what_happens_and_nobody_who_does_not_want_it() {
    check("tracker.mjs", 1);
}

#[test]
fn every_page_can_be_used_by_everybody() {
    check("axe.mjs", 1);
}

#[test]
fn every_page_fits_light_dark_and_on_a_phone() {
    if pictures().exists() {
        std::fs::remove_dir_all(pictures()).unwrap();
    }
    check("pictures.mjs", 6);
    for look in ["light", "dark", "phone"] {
        let picture = pictures().join(format!("dashboard-{look}.png"));
        assert!(picture.is_file(), "{}", picture.display());
    }
}
