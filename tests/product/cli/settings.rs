//! Settings: layers, origins, and errors that say which key and where it came from.

use std::path::PathBuf;

use super::{check, out};
use crate::harness::{Launch, folder};

struct Place {
    _home: tempfile::TempDir,
    file: PathBuf,
    launch: Launch,
}

fn place(file: &str) -> Place {
    let home = folder();
    let path = home.path().join("settings.toml");
    std::fs::write(&path, file).unwrap();
    Place { launch: Launch::new(home.path().join("data")), file: path, _home: home }
}

#[test]
fn a_bad_key_or_value_is_named_with_its_origin() {
    let bad_file = place("[gateway]\nspeed = 1\n");
    let file = bad_file.file.to_str().unwrap();
    check(&bad_file.launch, &["config", "check", "--config", file], 2, &["speed", "settings.toml"]);
    check(&bad_file.launch, &["serve", "--config", file], 2, &["speed", "settings.toml"]);
    check(&bad_file.launch, &["audit", "--config", file], 2, &["speed", "settings.toml"]);

    let place = place("");
    let launch = &place.launch;
    let env = |name: &str, value: &str| launch.clone().env(name, value);
    check(
        &env("ONEPIXEL_GATEWAY__SPEED", "1"),
        &["config", "check"],
        2,
        &["speed", "ONEPIXEL_GATEWAY__SPEED"],
    );
    check(&env("ONEPIXEL_GATEWAYS__RATE", "1"), &["config", "check"], 2, &["gateways", "ONEPIXEL_GATEWAYS"]);
    check(
        &env("ONEPIXEL_GATEWAY__RATE", "fast"),
        &["config", "check"],
        2,
        &["gateway.rate", "ONEPIXEL_GATEWAY__RATE"],
    );
    check(launch, &["config", "check", "--set", "gateway.speed=1"], 2, &["speed", "flag"]);
    check(launch, &["config", "check", "--set", "gateway.rate=fast"], 2, &["gateway.rate", "flag"]);
    check(launch, &["config", "check", "--set", "nonsense"], 2, &["section.key=value"]);
    check(launch, &["config", "check", "--config", "/nonexistent.toml"], 2, &["/nonexistent.toml"]);

    let out_of_range = [
        ("stream.retention", "1h"),
        ("archive.batch_size", "0"),
        ("archive.batch_window", "soon"),
        ("stream.disk_watermark", "-1"),
        ("gateway.pixel_path", "p.gif"),
        ("gateway.events_path", "/metrics"),
        ("dashboard.listen", "nowhere"),
        ("consumer.max_retries", "-2"),
        ("gateway.trusted_proxies", "[\"300.0.0.0/8\"]"),
        ("privacy.ip", "sell"),
        ("gateway.tls_cert", "cert.pem"),
        ("gateway.tls_key", "key.pem"),
    ];
    for (key, value) in out_of_range {
        check(launch, &["config", "check", "--set", &format!("{key}={value}")], 2, &[key]);
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_before_anything_is_served() {
    let place = place("");
    let pem = |name: &str, text: &str| {
        let path = place.file.with_file_name(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (empty, bad) = (pem("empty.pem", ""), pem("bad.pem", "-----BEGIN CERTIFICATE-----\n!\n"));
    for (cert, said) in [("/nonexistent.pem", "/nonexistent.pem"), (&empty, "empty.pem"), (&bad, "bad.pem")] {
        let (cert, key) = (format!("gateway.tls_cert={cert}"), format!("gateway.tls_key={empty}"));
        let serve = ["serve", "--listen", "127.0.0.1:0", "--set", &cert, "--set", &key];
        check(&place.launch, &serve, 1, &["gateway.tls_cert", said]);
    }
}

#[test]
fn a_file_that_is_not_toml_is_named_with_the_line() {
    let place = place("[gateway]\nrate = \n");
    check(
        &place.launch,
        &["config", "check", "--config", place.file.to_str().unwrap()],
        2,
        &["settings.toml", "2"],
    );
}

#[test]
fn later_layers_win_and_print_says_which() {
    let place = place(
        "[gateway]\nrate = 1\nburst = 2\nclient_rate = 3\n\n[archive]\nbatch_window = \"5s\"\nbatch_size = 100\n",
    );
    let launch = place.launch.clone().set("gateway.burst", "20").set("gateway.client_rate", "30");
    let file = place.file.to_str().unwrap();
    let done =
        check(&launch, &["config", "print", "--config", file, "--set", "gateway.client_rate=300"], 0, &[]);
    let printed = out(&done);
    let line = |key: &str| {
        printed
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")))
            .unwrap_or_else(|| panic!("no {key} in {printed}"))
    };
    for (key, value, origin) in [
        ("pixel_path", "\"/p.gif\"", "default"),
        ("rate", "1", "settings.toml"),
        ("burst", "20", "ONEPIXEL_GATEWAY__BURST"),
        ("client_rate", "300", "flag"),
        ("batch_size", "100", "settings.toml"),
    ] {
        let line = line(key);
        assert!(line.starts_with(&format!("{key} = {value} ")) && line.contains(origin), "{line}");
    }

    // What is printed is a file that says the same.
    let copy = place.file.with_file_name("copy.toml");
    std::fs::write(&copy, &printed).unwrap();
    check(&place.launch, &["config", "check", "--config", copy.to_str().unwrap()], 0, &["valid"]);
    let again = out(&check(&place.launch, &["config", "print", "--config", copy.to_str().unwrap()], 0, &[]));
    let values = |text: &str| {
        text.lines().map(|line| line.split('#').next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&printed));
}

#[test]
fn keys_are_never_printed() {
    let place = place("[gateway]\nwrite_keys = [\"secret-one\"]\n");
    let done = check(
        &place.launch,
        &["config", "print", "--config", place.file.to_str().unwrap()],
        0,
        &["write_keys"],
    );
    assert!(!out(&done).contains("secret-one"));
}

#[test]
fn settings_change_what_the_server_does() {
    let place = place(
        "[gateway]\npixel_path = \"/dot.gif\"\nevents_path = \"/collect\"\nwrite_keys = [\"k1\", \"k2\"]\n",
    );
    let _turn = crate::harness::shared();
    let launch = place.launch.arg("--config").arg(place.file.to_str().unwrap());
    let server = launch.start();
    let mut http = server.http();
    assert_eq!(http.get("/dot.gif?site=renamed").unwrap().status, 200);
    assert_eq!(http.get("/p.gif").unwrap().status, 404);
    let body = b"{\"event\":\"signup\"}";
    let unauthorised = http.post("/collect", body).unwrap();
    assert_eq!(unauthorised.status, 401);
    assert_eq!(http.post("/collect?key=k2", body).unwrap().status, 202);
    let headers = [("Content-Type", "application/json"), ("Authorization", "Bearer k1")];
    assert_eq!(http.request("POST", "/collect", &headers, body).unwrap().status, 202);
    let wrong = [("Content-Type", "application/json"), ("Authorization", "Bearer k3")];
    assert_eq!(http.request("POST", "/collect", &wrong, body).unwrap().status, 401);
    assert!(server.out().contains("/dot.gif"), "the printed snippet is the one that works: {}", server.out());
    drop(http);
    server.stop();
}
