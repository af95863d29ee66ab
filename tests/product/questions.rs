//! What the dashboard asks: filters, zones, tables, whole events, and what a wrong question is told.

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, Server, folder, shared};

fn started() -> (tempfile::TempDir, Launch, Server) {
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("live.batch_window", "50ms");
    let server = launch.start();
    (home, launch, server)
}

/// Two views of `/a` by one visitor and one of `/b` by another, and a custom event.
fn visits(server: &Server) -> Vec<String> {
    let ids = [
        "visitor=v1&page=/a",
        "visitor=v1&page=/a&utm_campaign=spring",
        "visitor=v2&page=/b&ref=https://x.org/",
    ]
    .map(|query| server.hit(&format!("site=shop&{query}")));
    let custom = server.hit("site=shop&visitor=v2&event=signup&plan=pro&page=/b&title=%3D1%2B1");
    server.caught_up("live", CATCH_UP);
    ids.into_iter().chain([custom]).collect()
}

#[test]
fn a_question_can_be_filtered_by_anything() {
    let _turn = shared();
    let (_home, _launch, server) = started();
    visits(&server);
    let check = |query: &str, events: u64, views: u64, visitors: u64| {
        let found = server.api(&format!("/api/v1/overview?site=shop{query}"));
        let counts = ["events", "views", "visitors"].map(|name| found[name].as_u64().unwrap());
        assert_eq!(counts, [events, views, visitors], "{query}");
    };
    check("", 4, 3, 2);
    check("&filter=page:/a", 2, 2, 1);
    check("&filter=page:/a&filter=page:/b", 4, 3, 2);
    check("&filter=page:/a&filter=campaign:spring", 1, 1, 1);
    check("&filter=campaign:", 3, 2, 2);
    check("&filter=referrer:x.org", 1, 1, 1);
    check("&filter=event:signup", 1, 0, 1);
    check("&filter=page:/none", 0, 0, 0);
    check("&to=1000", 0, 0, 0);

    let top = server.api("/api/v1/top?dimension=page&order=visitors&limit=1&offset=1");
    assert_eq!((top["values"].as_u64(), top["rows"][0]["value"].as_str()), (Some(2), Some("/b")));
    let entry = server.api("/api/v1/top?dimension=exit");
    assert_eq!(entry["rows"].as_array().unwrap().len(), 2);
    let properties = server.api("/api/v1/properties?event=signup");
    assert_eq!(
        (&properties[0]["key"], &properties[0]["values"][0]["value"]),
        (&"plan".into(), &"pro".into())
    );
    let series = server.api("/api/v1/series?unit=day&zone=Europe/Berlin");
    let points = series["points"].as_array().unwrap();
    assert!((8..=9).contains(&points.len()), "{series}");
    assert_eq!(points.last().unwrap()["events"], 4);
    assert_eq!(server.api("/api/v1/sites")[0]["site"], "shop");
    server.stop();
}

#[test]
fn events_are_shown_as_they_were_received_and_answers_as_tables() {
    let _turn = shared();
    let (_home, _launch, server) = started();
    let ids = visits(&server);
    let recent = server.api("/api/v1/recent?limit=3");
    let found: Vec<&str> =
        recent.as_array().unwrap().iter().map(|one| one["event"]["id"].as_str().unwrap()).collect();
    assert_eq!(found, [&ids[3], &ids[2], &ids[1]]);
    assert_eq!(server.api("/api/v1/recent?before=1")[0]["event"]["id"], ids[0].as_str());
    assert_eq!(server.api("/api/v1/event/2")["event"]["id"], ids[2].as_str());
    assert_eq!(server.ask("GET", "/api/v1/event/99", &Value::Null).status, 404);

    let table = server.ask("GET", "/api/v1/top?dimension=title&format=csv&order=events", &Value::Null);
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert!(table.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(table.text(), "\u{feff}value,events,views,visitors\r\n,3,3,2\r\n'=1+1,1,0,1\r\n");
    let table = server.ask("GET", "/api/v1/recent?format=csv", &Value::Null).text();
    assert_eq!(table.lines().count(), 5, "{table}");
    for question in ["overview?", "series?unit=day&", "properties?"] {
        let table = server.ask("GET", &format!("/api/v1/{question}format=csv"), &Value::Null);
        assert_eq!((table.status, table.text().starts_with('\u{feff}')), (200, true), "{question}");
    }
    server.stop();
}

#[test]
fn a_wrong_question_is_told_what_is_wrong() {
    let _turn = shared();
    let (_home, _launch, server) = started();
    let check = |question: &str, expected: &str| {
        let answer = server.ask("GET", &format!("/api/v1/{question}"), &Value::Null);
        assert_eq!(answer.status, 400, "{question}: {}", answer.text());
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(expected), "{question}: {error}");
    };
    check("overview?from=now", "from: \"now\"");
    check("overview?fliter=page:/", "fliter: no such parameter");
    check("overview?filter=colour:red", "\"colour\" is not one of page, host");
    check("series", "unit: missing");
    check("series?unit=day&zone=Berlin", "\"Berlin\" is not a time zone");
    check("series?unit=minute", "more than 2000 points");
    check("top?dimension=page&limit=many", "limit: \"many\"");
    check("top?dimension=page&class=robot", "class: \"robot\"");
    check("recent?before=-1", "before: \"-1\"");
    check("event/first", "\"first\" is not a number");
    check("overview?site=%ff&site=b", "site: given more than once");
    server.stop();
}

#[test]
fn a_file_of_counters_is_filled_again_from_the_stream() {
    let _turn = shared();
    let (_home, launch, server) = started();
    visits(&server);
    server.stop();
    let file = launch.data_dir().join("live.sqlite");
    std::fs::remove_file(&file).unwrap();
    // What a version of before left: counters, and the position in the stream.
    let older = Connection::open(&file).unwrap();
    let tables = "PRAGMA application_id = 829454385; PRAGMA user_version = 1;
        CREATE TABLE progress (partition INTEGER PRIMARY KEY, first INTEGER, position INTEGER,
            pixel INTEGER NOT NULL DEFAULT 0, api INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE rollup (span, dimension, bucket); CREATE TABLE word (id INTEGER PRIMARY KEY);
        INSERT INTO progress VALUES (0, 0, 4, 4, 0);";
    older.execute_batch(tables).unwrap();
    drop(older);
    let server = launch.start();
    server.caught_up("live", CATCH_UP);
    assert_eq!(server.counted("shop"), 4);
    assert!(server.log().contains("is of an older onepixel"), "{}", server.log());
    server.stop();
    launch.balanced();
}
