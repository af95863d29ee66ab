//! The dashboard's files: their headers, caching and compression, and the tracker for everybody.

use crate::harness::{Launch, Response, Server, folder, shared};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn get(server: &Server, target: &str, headers: &[(&str, &str)]) -> Response {
    server.http().request("GET", target, headers, b"").unwrap()
}

#[track_caller]
fn check_headers(response: &Response, what: &str) {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(response.header(name), Some(value), "{what}");
    }
}

#[test]
fn every_answer_of_the_dashboard_has_its_headers() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let page = get(&server, "/", &[]);
    for path in ["/", "/pipeline", "/inspector", "/setup", "/access"] {
        let same = get(&server, path, &[]);
        assert_eq!((same.status, same.text()), (200, page.text()), "{path}");
        check_headers(&same, path);
        assert_eq!(same.header("cache-control"), Some("no-cache"), "{path}");
    }
    assert!(page.text().contains("<div id=\"app\">"), "{}", page.text());
    for path in ["/api/v1/session", "/api/v1/pipeline", "/api/v1/openapi.json"] {
        let answer = get(&server, path, &[]);
        check_headers(&answer, path);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    assert_eq!(get(&server, "/nothing", &[]).status, 404);
    assert_eq!(get(&server, "/index.html", &[]).status, 404, "one address for one page");
    server.stop();
}

#[test]
fn files_are_sent_small_once_and_under_their_hash() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let page = get(&server, "/", &[]).text();
    let script = page.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js")).unwrap();
    let plain = get(&server, script, &[]);
    assert_eq!((plain.status, plain.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let mut sizes = vec![plain.body.len()];
    for (asked, encoding) in [("gzip", "gzip"), ("gzip, deflate, br, zstd", "br")] {
        let packed = get(&server, script, &[("Accept-Encoding", asked)]);
        assert_eq!(packed.header("content-encoding"), Some(encoding));
        assert_eq!(packed.header("vary"), Some("accept-encoding"));
        sizes.push(packed.body.len());
    }
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    let etag = plain.header("etag").unwrap().to_owned();
    let again = get(&server, script, &[("If-None-Match", &etag), ("Accept-Encoding", "br")]);
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag.as_str())));
    check_headers(&again, script);
    assert_eq!(get(&server, script, &[("If-None-Match", "\"other\"")]).status, 200);
    server.stop();
}

#[test]
fn the_tracker_is_for_every_page_under_any_name() {
    let _turn = shared();
    let home = folder();
    // No router's pattern is meant by it.
    let launch = Launch::new(home.path().join("data")).set("gateway.script_path", "/{s}/:x*.js");
    let server = launch.start();
    let tracker = get(&server, "/{s}/:x*.js", &[]);
    assert_eq!(
        (tracker.status, tracker.header("content-type")),
        (200, Some("text/javascript; charset=utf-8"))
    );
    assert_eq!(tracker.header("access-control-allow-origin"), Some("*"));
    assert_eq!(tracker.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert_eq!(tracker.header("cache-control"), Some("public, max-age=3600"));
    let etag = tracker.header("etag").unwrap();
    assert_eq!(get(&server, "/{s}/:x*.js", &[("If-None-Match", etag)]).status, 304);
    let head = server.http().request("HEAD", "/{s}/:x*.js", &[], b"").unwrap();
    assert_eq!(head.header("content-length").map(str::to_owned), Some(tracker.body.len().to_string()));
    assert_eq!(server.http().post("/{s}/:x*.js", b"x").unwrap().status, 405);
    assert_eq!(get(&server, "/p.js", &[]).status, 404);
    server.stop();
}
