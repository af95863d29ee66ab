//! What is sent, and what has to come of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onepixel_aws_tests::freeze::{HttpAnswer, HttpRequest};
use onepixel_event::{EventId, Time};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::found::Stored;
use super::stage::Stage;
use crate::archive::{files, raw};
use crate::batches;

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
];

/// Everything that was sent.
#[derive(Default)]
pub(super) struct Sent {
    next: usize,
    /// The ids of answered hits, with the number each carries.
    hits: HashMap<String, String>,
    /// The numbers of posted events; how many events each makes.
    posted: BTreeMap<String, usize>,
    /// The ids that posted events brought.
    own: HashMap<String, String>,
    /// Events that were put as lines.
    lines: BTreeSet<String>,
    /// `{shard}-{sequence}-{index}` of what is no event, and a word of the reason.
    poison: BTreeMap<String, &'static str>,
}

impl Sent {
    /// Sends so many events: hits through the function, every tenth past it, and poison among them.
    pub(super) async fn send(&mut self, stage: &Stage, rng: &mut StdRng, events: usize) {
        let end = self.next + events;
        let mut calls = JoinSet::new();
        while self.next < end {
            if rng.random_bool(0.04) {
                self.post(stage, rng, end).await;
            } else {
                let (number, request) = (format!("n{}", self.next), hit(self.next, rng));
                self.next += 1;
                let ingest = Arc::clone(&stage.ingest);
                calls.spawn(async move {
                    let called = ingest.invoke(request.payload()).await;
                    (number, HttpAnswer::of(&called.answer).unwrap())
                });
            }
            if rng.random_bool(0.01) {
                self.poison(stage, rng).await;
            }
            while calls.len() >= 32 {
                self.answered(calls.join_next().await.unwrap().unwrap());
            }
        }
        while let Some(called) = calls.join_next().await {
            self.answered(called.unwrap());
        }
    }

    fn answered(&mut self, (number, answer): (String, HttpAnswer)) {
        // Faults are the consumers' here; what is not stored must say so, and nothing else is counted on.
        if answer.status == 200 {
            let id = answer.header("x-event-id").unwrap_or_else(|| panic!("{answer:?}"));
            assert!(self.hits.insert(id.to_owned(), number).is_none());
        } else {
            assert!(answer.status >= 500, "{answer:?}");
        }
    }

    /// A body of some events, as API Gateway puts it; now and then put twice, as after a lost answer.
    async fn post(&mut self, stage: &Stage, rng: &mut StdRng, end: usize) {
        let count = rng.random_range(1..=5).min(end - self.next);
        let own = rng.random_bool(0.5);
        let times = if rng.random_bool(0.2) { 2 } else { 1 };
        let mut events = Vec::new();
        for _ in 0..count {
            let number = format!("n{}", self.next);
            self.next += 1;
            let name = ["signed_up", "pageview"][rng.random_range(0..2)];
            let mut event = json!({
                "event": name, "site": "shop", "page": "/join",
                "props": { "n": number, "deep": { "list": [1, null, "\u{e9}'\""] } },
            });
            if own {
                let id = EventId::fresh(batches::now()).to_string();
                event["id"] = json!(id);
                self.own.insert(id, number.clone());
            }
            events.push(event);
            self.posted.insert(number, if own { 1 } else { times });
        }
        let agent = AGENTS.choose(rng).unwrap();
        let fields =
            json!({ "ua64": STANDARD.encode(agent), "language64": STANDARD.encode("fr-CA,fr;q=0.5") });
        let data = raw(batches::now(), &fields, Value::Array(events).to_string().as_bytes());
        for _ in 0..times {
            stage.stream.put(&key(rng), &data).await.unwrap();
        }
    }

    /// Something that is no event, alone or among events.
    async fn poison(&mut self, stage: &Stage, rng: &mut StdRng) {
        let now = batches::now();
        let event = batches::event(rng, now);
        let line = batches::line(&event);
        let (data, index, reason) = match rng.random_range(0..5) {
            0 => (b"\x00\xff not an event".to_vec(), 0, "not UTF-8"),
            1 => ([&line[..], b"{\"id\":1}\n"].concat(), 1, "not an event"),
            2 => (raw(now, &json!({}), b"[{\"event\":\"\"}]"), 0, "event: missing"),
            3 => (raw(now, &json!({ "type64": "" }), b"{\"event\":\"x\"}"), 0, "Content-Type"),
            _ => (raw(Time::from_ms(0), &json!({}), b"{\"event\":\"x\"}"), 0, "received_at"),
        };
        if index == 1 {
            self.lines.insert(event.id.to_string());
        }
        let (shard, sequence) = stage.stream.put(&key(rng), &data).await.unwrap();
        self.poison.insert(format!("{shard}-{sequence}-{index}"), reason);
    }

    /// Each event is there once, and nothing else is.
    pub(super) fn check_archive(&self, stored: &Stored) {
        let mut posted: BTreeMap<String, usize> = BTreeMap::new();
        let mut unanswered = 0;
        let mut lines = BTreeSet::new();
        let mut hits = 0;
        for (id, event) in &stored.events {
            if let Some(number) = self.hits.get(id) {
                assert_eq!(event["props"]["n"], json!(number), "{event}");
                hits += 1;
            } else if event["source"] == "api" {
                let number = event["props"]["n"].as_str().unwrap();
                assert_eq!(self.own.get(id).map_or(number, String::as_str), number);
                *posted.entry(number.to_owned()).or_default() += 1;
            } else if event["props"]["n"].is_string() {
                // Stored, and the answer said otherwise: allowed, since its sender was told to try again.
                unanswered += 1;
            } else {
                lines.insert(id.clone());
            }
        }
        println!(
            "{hits} hits acknowledged, {unanswered} stored without, {} posted, {} poison",
            posted.len(),
            self.poison.len()
        );
        assert_eq!(hits, self.hits.len(), "acknowledged and not in the archive");
        assert_eq!(posted, self.posted);
        assert_eq!(lines, self.lines);
    }

    /// They are the poison, with reasons, at both consumers.
    pub(super) fn check_dead_letters(&self, bucket: &Path) {
        for consumer in ["archive", "live"] {
            let mut found = BTreeMap::new();
            let folder = bucket.join("dead-letter").join(consumer);
            std::fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in files(&folder) {
                let letter: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(letter["consumer"], consumer);
                found.insert(
                    name.trim_end_matches(".json").to_owned(),
                    letter["reason"].as_str().unwrap().to_owned(),
                );
            }
            assert!(found.keys().eq(self.poison.keys()), "{consumer}: {found:?}, expected {:?}", self.poison);
            for (name, expected) in &self.poison {
                assert!(found[name].contains(expected), "{name}: {}, expected {expected}", found[name]);
            }
        }
    }
}

fn key(rng: &mut impl Rng) -> String {
    rng.random::<u64>().to_string()
}

fn hit(number: usize, rng: &mut StdRng) -> HttpRequest {
    let site = ["blog", "docs", "a%23b"].choose(rng).unwrap();
    let page = rng.random_range(0..20);
    let referrer = ["", "&ref=https://www.google.com/", "&ref=https://news.example/x"].choose(rng).unwrap();
    let campaign =
        if rng.random_bool(0.1) { "&utm_source=news&utm_medium=email&utm_campaign=may" } else { "" };
    let target =
        format!("/p.gif?site={site}&page=https://{site}.example/p/{page}&n=n{number}{referrer}{campaign}");
    HttpRequest::get(&target.replace("https://a%23b", "https://ab"))
        .header("user-agent", AGENTS.choose(rng).unwrap())
        .header("accept-language", ["de-DE", "en-US,en;q=0.9"].choose(rng).unwrap())
}
