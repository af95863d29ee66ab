//! The API as it describes itself: every description is answered, and schemathesis finds no answer that contradicts it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::server::CATCH_UP;
use crate::harness::tools::schemathesis;
use crate::harness::{Launch, folder, shared};

/// Resources that are described.
const RESOURCES: [&str; 22] = [
    "DELETE /api/v1/links/{id}",
    "DELETE /api/v1/session",
    "DELETE /api/v1/tokens/{id}",
    "GET /api/v1/capabilities",
    "GET /api/v1/event/{offset}",
    "GET /api/v1/links",
    "GET /api/v1/live",
    "GET /api/v1/overview",
    "GET /api/v1/pipeline",
    "GET /api/v1/properties",
    "GET /api/v1/recent",
    "GET /api/v1/requests",
    "GET /api/v1/series",
    "GET /api/v1/session",
    "GET /api/v1/setup",
    "GET /api/v1/sites",
    "GET /api/v1/tokens",
    "GET /api/v1/top",
    "POST /api/v1/links",
    "POST /api/v1/session",
    "POST /api/v1/tokens",
    "PUT /api/v1/password",
];

#[test]
fn every_resource_is_described_and_every_description_is_answered() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    let document = server.get("/api/v1/openapi.json").json();
    let mut described = Vec::new();
    let mut names = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let target = path.replace("{offset}", "0").replace("{id}", "x");
            let status = server.send(&method, &target, &[], &json!({})).status;
            assert!(![404, 405].contains(&status), "{method} {path} is described and answers {status}");
            assert!(
                operation["responses"][status.to_string()].is_object(),
                "{method} {path}: {status} is not described"
            );
            described.push(format!("{method} {path}"));
            names.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    described.sort();
    assert_eq!(described, RESOURCES, "the contract");
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "each operation has a name of its own");
    server.stop();
}

#[test]
fn schemathesis_finds_no_answer_that_contradicts_the_description() {
    let _turn = shared();
    let home = folder();
    let server = Launch::new(home.path().join("data")).start();
    server.hits("blog", 20);
    server.caught_up("live", CATCH_UP);
    let made = server.ask("POST", "/api/v1/tokens", &json!({"name": "schemathesis", "scope": "admin"}));
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let report = home.path().join("report");
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/product/schemathesis.toml");
    let done = Command::new(schemathesis())
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("{}/api/v1/openapi.json", server.url())])
        .args(["--url", &server.url()])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // A feed does not end, and who signs out or makes a hundred tokens is tested elsewhere.
        .args(["--exclude-path", "/api/v1/live"])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "25",
            "--seed",
            "1",
            "--request-timeout",
            "60",
        ])
        .args(["--suppress-health-check", "all", "--no-color", "--report-dir"])
        .arg(&report)
        .current_dir(home.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
    assert_eq!(server.get("/healthz").status, 200);
    assert!(!server.log().contains("panicked"));
    assert_eq!(
        server
            .send("GET", "/api/v1/pipeline", &[("Authorization", &format!("Bearer {token}"))], &Value::Null)
            .status,
        200
    );
    server.stop();
}
