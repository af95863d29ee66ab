//! Start and stop: one server a data directory, errors a person can act on, an end within its deadline.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{check, err};
use crate::harness::{Http, Launch, archive, folder, s, shared, text, until};

#[test]
fn two_servers_on_one_data_directory_are_refused() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    let start = Instant::now();
    let done = check(&launch, &["serve", "--listen", "127.0.0.1:0"], 1, &["data"]);
    assert!(start.elapsed() < s(10));
    let said = err(&done).to_lowercase();
    assert!(said.contains("another") || said.contains("in use") || said.contains("already"), "{said}");
    server.hit("site=first");
    server.stop();
    launch.balanced();
}

#[test]
fn goes_on_when_nothing_can_be_said() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for stdout_too in [false, true] {
        let out = home.path().join("out");
        let address = if stdout_too { free_address() } else { "127.0.0.1:0".to_owned() };
        let mut command = launch.command(["serve", "--listen", &address]);
        command.stderr(full());
        match stdout_too {
            true => command.stdout(full()),
            false => command.stdout(File::create(&out).unwrap()),
        };
        let mut serving = command.spawn().unwrap();
        let status = until("an answer", s(20), || {
            if let Some(status) = serving.try_wait().unwrap() {
                panic!("the server ended with {status}");
            }
            let address = match stdout_too {
                true => address.parse().unwrap(),
                false => address_in(&text(&out))?,
            };
            Some(Http::connect(address).ok()?.get("/p.gif").ok()?.status)
        });
        assert_eq!(status, 200);
        let pid = Pid::from_raw(i32::try_from(serving.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(serving.wait().unwrap().success());
    }
    let refused = launch.command(["config", "check", "--set", "gateway.rate=fast"]).stderr(full()).status();
    assert_eq!(refused.unwrap().code(), Some(2));
    launch.balanced();
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn address_in(banner: &str) -> Option<SocketAddr> {
    let (_, rest) = banner.split_once("http://")?;
    rest.split_once('/')?.0.parse().ok()
}

#[test]
fn a_port_that_is_taken_is_named() {
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&launch, &["serve", "--listen", &address], 1, &[&address, "--listen"]);
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let home = folder();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let launch = Launch::new(file.join("data"));
    check(&launch, &["serve", "--listen", "127.0.0.1:0"], 1, &["file/data"]);
}

#[test]
fn prints_where_to_look_and_what_to_paste() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    let out = server.out();
    let url = server.url();
    assert!(out.contains(&format!("Dashboard  {url}/?token=")), "{out}");
    assert!(out.contains(&format!("src=\"{url}/p.gif?site=")), "{out}");
    assert!(out.contains(launch.archive().to_str().unwrap()), "{out}");
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    server.stop();
}

#[test]
fn the_dashboard_can_be_kept_on_an_address_of_its_own_or_off() {
    let _turn = shared();
    let home = folder();
    let own = Launch::new(home.path().join("own")).set("dashboard.listen", "127.0.0.1:0").start();
    assert_eq!(own.get("/").status, 404, "the public listener shows nothing");
    assert_eq!(own.get("/api/v1/overview").status, 404);
    assert_eq!(own.get("/p.js").status, 200, "pages load the tracker where they send their hits");
    assert_ne!(own.dashboard(), own.address());
    assert_eq!(own.send("GET", "/", &[], &Value::Null).status, 200);
    assert_eq!(own.send("GET", "/p.js", &[], &Value::Null).status, 404);
    assert_eq!(own.api("/api/v1/overview")["events"], 0);
    let doors = format!("http://localhost:{}", own.address().port());
    assert_eq!(own.api("/api/v1/setup")["origin"], doors, "the doors have another port than the page");
    own.stop();
    let off = Launch::new(home.path().join("off")).set("dashboard.enabled", "false").start();
    assert_eq!(off.get("/").status, 404);
    assert!(!off.out().contains("Dashboard"), "{}", off.out());
    assert_eq!((off.get("/readyz").status, off.get("/p.js").status), (200, 200));
    off.stop();
}

#[test]
fn a_stop_answers_what_it_took_and_ends_within_its_deadline() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let mut server = launch.start();
    let ids = server.hits("blog", 100);
    // An idle connection, a feed without end and half a request must not hold it up.
    let idle = server.http();
    let mut feed = server.http();
    let cookie = server.cookie();
    feed.send(format!("GET /api/v1/live HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n").as_bytes())
        .unwrap();
    feed.line().unwrap();
    let mut half = server.http();
    let body = b"{\"event\":\"late\"}";
    let head = format!(
        "POST /e HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let in_flight = || server.metric("onepixel_requests_in_flight");
    let before = in_flight();
    half.send(head.as_bytes()).unwrap();
    half.send(&body[..5]).unwrap();
    until("the half request to be taken", s(5), || (in_flight() > before).then_some(()));

    let start = Instant::now();
    server.terminate();
    until("the listener to close", s(5), || {
        crate::harness::Http::connect(server.address()).is_err().then_some(())
    });
    half.send(&body[5..]).unwrap();
    let late = half.receive(false).unwrap();
    assert_eq!(late.status, 202, "a request that was taken is answered: {}", late.text());
    assert!(server.ended().success());
    assert!(start.elapsed() < Duration::from_secs(15), "it took {:?}", start.elapsed());
    drop((idle, feed));

    let (archived, _) = archive::tally(&launch.archive());
    assert_eq!(archived.len(), ids.len() + 1);
    launch.balanced();
}

#[test]
fn after_a_kill_the_data_directory_can_be_moved_and_started_again() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    server.hits("blog", 10);
    server.kill();
    let moved = home.path().join("moved");
    std::fs::rename(launch.data_dir(), &moved).unwrap();
    let launch = Launch::new(moved);
    let start = Instant::now();
    let server = launch.start();
    assert!(start.elapsed() < s(10));
    server.caught_up("live", s(10));
    assert_eq!(server.counted("blog"), 10);
    server.stop();
    assert_eq!(launch.balanced()["archive"]["archived"], 10);
}
