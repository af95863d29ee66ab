//! The clients of the crash test: they send without pause, reconnect, and write down what was acknowledged.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Http, Random};

/// An event that the server promised to keep.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) id: String,
    pub(super) site: String,
}

/// What the clients and the killer share.
#[derive(Debug, Default)]
pub(super) struct Field {
    server: Mutex<Option<SocketAddr>>,
    round: AtomicU32,
    acknowledged: AtomicU64,
    stop: AtomicBool,
    give_up: AtomicBool,
}

/// Ends the clients when the killer panics: nobody would start another server for what they have begun.
pub(super) struct EndWith<'a>(pub(super) &'a Field);

impl Drop for EndWith<'_> {
    fn drop(&mut self) {
        self.0.give_up.store(thread::panicking(), Ordering::Relaxed);
        self.0.stop();
    }
}

impl Field {
    /// A server answers there from now on.
    pub(super) fn open(&self, server: SocketAddr) {
        self.round.fetch_add(1, Ordering::Relaxed);
        *self.server.lock().unwrap() = Some(server);
    }

    pub(super) fn close(&self) {
        *self.server.lock().unwrap() = None;
    }

    /// The clients finish what they began, then end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// True while a client that has begun something, or not, goes on.
    fn goes_on(&self, begun: bool) -> bool {
        !self.stopped() || (begun && !self.give_up.load(Ordering::Relaxed))
    }

    /// A connection, if a server is there.
    fn connect(&self) -> Option<Http> {
        let server = *self.server.lock().unwrap();
        let http = server.and_then(|server| Http::connect(server).ok());
        if http.is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        http
    }

    /// A site of its own for each client and round, so that counts can be compared in detail.
    fn site(&self, kind: &str, client: u64) -> String {
        format!("{kind}-{client}-{}", self.round.load(Ordering::Relaxed))
    }
}

/// Sends hits. One without an answer may be stored or not; it is never sent again.
pub(super) fn pixel(field: &Field, client: u64, mut random: Random) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    while field.goes_on(false) {
        let Some(mut http) = field.connect() else { continue };
        while field.goes_on(false) {
            let site = field.site("pixel", client);
            let target =
                format!("/p.gif?site={site}&page=/{}&ref=https%3A%2F%2Fexample.org%2F", random.within(0..50));
            let Ok(response) = http.get(&target) else { break };
            match response.status {
                200 => acknowledged.push(Acknowledged { id: response.event_id().unwrap(), site }),
                503 => {}
                status => panic!("{status} to a hit: {}", response.text()),
            }
            field.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
    acknowledged
}

/// A request that is sent until it is answered.
struct Post {
    site: String,
    ids: Vec<String>,
    body: Vec<u8>,
}

/// Posts batches, most with ids of its own: sent again after a failure, and now and then after success.
pub(super) fn poster(field: &Field, client: u64, mut random: Random) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    let mut seen = HashSet::new();
    let mut post = Post::new(field, client, &mut random);
    // What it has begun it brings to an end: the last server stays up for that.
    let mut open = false;
    while field.goes_on(open) {
        let Some(mut http) = field.connect() else { continue };
        while field.goes_on(open) {
            let Ok(response) = http.post("/e", &post.body) else {
                open = !post.ids.is_empty();
                if !open {
                    post = Post::new(field, client, &mut random);
                }
                break;
            };
            match response.status {
                202 => {
                    open = false;
                    let ids = post.answered(&response.json());
                    let new = ids.into_iter().filter(|id| seen.insert(id.clone()));
                    acknowledged.extend(new.map(|id| Acknowledged { id, site: post.site.clone() }));
                    field.acknowledged.fetch_add(1, Ordering::Relaxed);
                    let again = !post.ids.is_empty() && random.one_in(8);
                    if !again {
                        post = Post::new(field, client, &mut random);
                    }
                }
                503 => {}
                status => panic!("{status} to a post: {}", response.text()),
            }
        }
    }
    acknowledged
}

impl Post {
    fn new(field: &Field, client: u64, random: &mut Random) -> Self {
        let site = field.site("api", client);
        let own = !random.one_in(4);
        let count = random.within(1..9);
        let ids: Vec<String> = (0..count).filter(|_| own).map(|_| random.uuid().to_string()).collect();
        let event = |n: u64| {
            let mut event = json!({"event": "click", "site": site, "props": {"n": n, "text": "x".repeat(n as usize * 40)}});
            if let Some(id) = ids.get(n as usize) {
                event["id"] = json!(id);
            }
            event
        };
        let body = Value::from((0..count).map(event).collect::<Vec<_>>()).to_string().into_bytes();
        Self { site, ids, body }
    }

    /// The ids in the answer, which must be the ones that were given.
    fn answered(&self, answer: &Value) -> Vec<String> {
        assert_eq!(answer["rejected"], json!([]), "{answer}");
        let ids: Vec<String> =
            answer["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        assert!(self.ids.is_empty() || ids == self.ids, "{answer} instead of {:?}", self.ids);
        ids
    }
}
