//! A real browser: a page with the printed snippet is opened, and its hit is in the stream, in the archive and on the
//! dashboard, there without a reload.

mod believable;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::server::CATCH_UP;
use crate::harness::tools::{Process, chromium, node_modules, output};
use crate::harness::{Launch, archive, folder, s, shared, stream, text, until};

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
    let line = |name: &str| {
        out.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {out}"))
    };
    let (snippet, dashboard) = (line("Snippet").trim(), line("Dashboard").trim());
    assert!(snippet.starts_with("<img "), "{snippet}");

    let tail_file = home.path().join("tail.ndjson");
    let tail = launch
        .command(["tail", "--json", "--from", "start"])
        .stdout(std::fs::File::create(&tail_file).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _tail = Process::new(tail);
    let found = browse("visit.mjs", home.path(), json!({"dashboard": dashboard, "snippet": snippet}));
    check_clean(&found);

    // The browser's side.
    assert_eq!((&found["status"], &found["type"]), (&json!(200), &json!("image/gif")));
    assert_eq!(found["pixel"], json!({"complete": true, "width": 1}), "the image is a valid one");
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
    assert!(found["top"].as_str().unwrap().contains("Chrom"), "{found:#}");
    server.stop();
    launch.balanced();
}

#[test]
fn the_dashboard_shows_a_busy_day() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("archive.batch_window", "1s");
    let lines = believable::day();
    stream::append(launch.data_dir(), &lines);
    let server = launch.start();
    server.caught_up("live", s(30));
    assert_eq!(server.counted(""), lines.len() as u64);

    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard.png");
    let events = believable::grouped(lines.len());
    let found = browse(
        "picture.mjs",
        home.path(),
        json!({"dashboard": format!("{}/", server.url()), "picture": &picture, "events": events}),
    );
    check_clean(&found);
    assert!(found["bars"].as_u64().unwrap() > 80, "{found:#}");
    assert!(found["cards"].as_u64().unwrap() >= 6, "{found:#}");
    let size = std::fs::metadata(&picture).unwrap().len();
    assert!(size > 20_000, "a picture of {size} bytes");
    let shown = found["text"].as_str().unwrap();
    for word in ["example.org", "news.ycombinator.com", "Firefox", "spring"] {
        assert!(shown.contains(word), "{word} is not on the page: {shown}");
    }
    server.stop();
}

#[test]
fn a_long_name_from_a_stranger_does_not_push_the_dashboard_apart() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let site = "W".repeat(255);
    server.hit(&format!("site={site}&event={0}&title={0}", &site[..200]));
    server.caught_up("live", CATCH_UP);
    let dashboard = format!("{}/", server.url());
    let asked = json!({"dashboard": dashboard, "state": "live", "footer": "1 events", "option": "WWW"});
    let found = browse("look.mjs", home.path(), asked);
    check_clean(&found);
    assert_eq!((&found["width"], &found["problem"]), (&json!(1280), &json!("")));
    server.stop();
}

#[test]
fn without_the_live_view_the_dashboard_shows_where_the_pipeline_stands() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).set("live.enabled", "false").start();
    server.hit("site=quiet");
    let dashboard = format!("{}/", server.url());
    let asked = json!({"dashboard": dashboard, "state": "live from now on", "footer": "1 events"});
    let found = browse("look.mjs", home.path(), asked);
    assert!(found["problem"].as_str().unwrap().contains("the live view is off"), "{found:#}");
    server.stop();
}
