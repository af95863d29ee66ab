//! Connections that misbehave below HTTP: garbage, pipelines, bodies without end, and senders of one byte at a time.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Target;
use crate::harness::{Http, Random, s};

const GIGABYTE: u64 = 1 << 30;
/// What may be on its way in the kernel's buffers and in what the server throws away.
const ON_ITS_WAY: u64 = 64 << 20;
const SLOW_CLIENTS: usize = 400;

#[test]
fn garbage_is_refused_and_closed() {
    let mut target = Target::start();
    let refused: [&[u8]; 9] = [
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /p.gif?a=\0b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /p.gif?a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /p.gif HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /p.gif HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"GET /p.gif HTTP/9.9\r\n\r\n",
        b"POST /e HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ];
    for bytes in refused {
        let response = target.raw(bytes);
        assert_eq!(response.status, 400, "{}", super::shown(bytes));
        target.neighbour();
    }
    let chunk = b"POST /e HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
    assert_eq!(target.raw(chunk).status, 400);
    target.closes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let mut random = Random::new(7);
    for _ in 0..50 {
        let bytes: Vec<u8> = (0..random.within(1..4000)).map(|_| random.next() as u8).collect();
        let mut http = target.server.http();
        drop(http.send(&bytes));
        drop(http.stream().shutdown(std::net::Shutdown::Write));
        match http.receive(false) {
            Ok(response) => assert!((400..500).contains(&response.status), "{}", response.status),
            Err(_) => assert!(http.is_closed()),
        }
    }
    target.neighbour();
    target.end();
}

#[test]
fn other_methods_and_paths_are_answered_plainly() {
    let mut target = Target::start();
    let mut http = target.server.http();
    let cases = [
        ("DELETE", "/p.gif", 405),
        ("PUT", "/e", 405),
        ("GET", "/e", 405),
        ("GET", "/nothing-here", 404),
        ("GET", "/p.gif/../e", 404),
        ("GET", "//p.gif", 404),
        ("OPTIONS", "/e", 204),
        ("OPTIONS", "/p.gif", 204),
    ];
    for (method, path, status) in cases {
        let response = http.request(method, path, &[("Origin", "https://example.org")], b"").unwrap();
        assert_eq!(response.status, status, "{method} {path}");
        target.neighbour();
    }
    let head = http.request("HEAD", "/p.gif?site=head", &[], b"").unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some("43")));
    assert_eq!(head.event_id(), None);
    assert!(target.end().iter().all(|line| line["site"] == "neighbour"), "a HEAD was counted");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut target = Target::start();
    let mut http = target.server.http();
    let mut requests = Vec::new();
    for n in 0..200 {
        requests
            .extend_from_slice(format!("GET /p.gif?site=pipe&n={n} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let body = format!("{{\"event\":\"e{n}\",\"site\":\"pipe\"}}");
        let head = "POST /e HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:";
        requests.extend_from_slice(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
    }
    http.send(&requests).unwrap();
    for n in 0..200 {
        let pixel = http.receive(false).unwrap();
        assert!(pixel.status == 200 && pixel.is_gif(), "answer {n} is {}", pixel.status);
        assert_eq!(http.receive(false).unwrap().status, 202, "answer {n}");
    }
    target.neighbour();
    let lines = target.end();
    let piped: Vec<_> = lines.iter().filter(|line| line["site"] == "pipe").collect();
    assert_eq!(piped.len(), 400);
    for (n, pair) in piped.chunks(2).enumerate() {
        assert_eq!(pair[0]["props"]["n"], n.to_string());
        assert_eq!(pair[1]["event"], format!("e{n}"));
    }
}

#[test]
fn a_body_of_a_gigabyte_is_refused_early() {
    let mut target = Target::start();
    let announced = b"POST /e HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n";
    assert_eq!(target.raw(announced).status, 413, "before the first byte of the body");
    target.neighbour();

    let head = b"POST /e HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let mut http = target.server.http();
    let mut sender = http.stream().try_clone().unwrap();
    let sent = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut alive = sender.write_all(head).is_ok();
            while alive && sent.load(Ordering::Relaxed) < GIGABYTE {
                alive = sender.write_all(&chunk).is_ok();
                sent.fetch_add(0x10000, Ordering::Relaxed);
            }
        });
        let response = http.receive(false).unwrap();
        assert_eq!(response.status, 413);
        assert_eq!(response.header("connection"), Some("close"));
    });
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < ON_ITS_WAY, "{} MiB were taken before the connection was closed", sent >> 20);
    assert!(start.elapsed() < s(10));
    target.neighbour();
    target.end();
}

#[test]
fn slow_clients_do_not_slow_their_neighbours() {
    let mut target = Target::start();
    let head = b"GET /p.gif?site=slow HTTP/1.1\r\nHost: x\r\nUser-Agent: slow\r\n";
    let body = b"POST /e HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"event\":";
    let mut slow: Vec<Http> = (0..SLOW_CLIENTS).map(|_| target.server.http()).collect();
    for (n, http) in slow.iter_mut().enumerate() {
        http.send(if n % 2 == 0 { &head[..20] } else { body }).unwrap();
    }
    let mut slowest = Duration::ZERO;
    for round in 20..40 {
        for (n, http) in slow.iter_mut().enumerate() {
            http.send(if n % 2 == 0 { &head[round..=round] } else { b" " }).unwrap();
        }
        let start = Instant::now();
        target.neighbour();
        let mut stranger = target.server.http();
        let response = stranger.get("/p.gif?site=stranger").unwrap();
        assert_eq!(response.status, 200);
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < s(2), "a neighbour waited {slowest:?}");
    let open = target.server.metric("onepixel_connections");
    assert!(open >= SLOW_CLIENTS as f64, "{open} connections: the slow ones are still there");
    for http in slow.iter_mut().step_by(2).take(10) {
        http.send(&head[40..]).unwrap();
        http.send(b"\r\n").unwrap();
        assert_eq!(http.receive(false).unwrap().status, 200, "slow, but well-formed and in time");
    }
    drop(slow);
    let lines = target.end();
    assert_eq!(lines.iter().filter(|line| line["site"] == "stranger").count(), 20);
    assert_eq!(lines.iter().filter(|line| line["site"] == "slow").count(), 10);
}
