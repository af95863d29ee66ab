//! What a hit costs between its request and the buffer that is appended: parse, enrich, encode.
//!
//! `cargo bench --package onepixel-gateway --bench ingest` tells times; `count PART EVENTS` behind `--` takes as many
//! events and says nothing, for `cargo xtask bench instructions`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput};
use onepixel_event::Time;
use onepixel_gateway::ingest::{Caller, GpcPolicy, Ingest, IngestSettings, IpPolicy, VisitorSalt};
use onepixel_stream::Records;

const NOW_MS: i64 = 1_770_757_445_123;
const QUERY: &[u8] = b"site=shop&page=%2Fprices";
const EVENTS_PER_BODY: usize = 100;

/// What takes turns where nothing may be found in a cache.
const PAGES: usize = 10_000;

const CALLER: Caller<'_> = Caller {
    address: Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7))),
    user_agent: Some(b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    referer: Some(b"https://example.org/prices"),
    accept_language: Some(b"de-CH,de;q=0.9,en;q=0.8"),
    purpose: None,
    via: None,
    gpc: false,
};

/// Takes this many events in one way.
type Part = fn(&Ingest, usize);

/// Every way, and how many events it takes at least.
const PARTS: [(&str, Part, usize); 3] =
    [("pixel", pixel, 1), ("pixel-new-page", pixel_new_page, 1), ("events", events, EVENTS_PER_BODY)];

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let policies = IngestSettings { ip: IpPolicy::Truncate, gpc: GpcPolicy::Count };
    let ingest = Ingest::new(policies, VisitorSalt::in_memory(Time::from_ms(NOW_MS)), None);
    if let [_, command, part, count] = words.as_slice()
        && command == "count"
    {
        let count = count.parse().unwrap_or(0);
        PARTS.iter().filter(|(name, ..)| name == part).for_each(|(_, take, _)| take(&ingest, count));
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("ingest");
    for (name, take, events) in PARTS {
        // Enough that making what is sent is not what is measured.
        let events = events.max(PAGES);
        group.throughput(Throughput::Elements(events as u64));
        group.bench_function(name, |bencher| bencher.iter(|| take(&ingest, events)));
    }
    group.finish();
    criterion.final_summary();
}

fn pixel(ingest: &Ingest, count: usize) {
    let mut records = Records::new();
    for _ in 0..count {
        start_anew_when_full(&mut records);
        let _taken = black_box(ingest.pixel(black_box(QUERY), &CALLER, Time::from_ms(NOW_MS), &mut records));
    }
}

fn pixel_new_page(ingest: &Ingest, count: usize) {
    let mut records = Records::new();
    for number in 0..count {
        start_anew_when_full(&mut records);
        let number = number % PAGES;
        let query = format!(
            "site=shop&page=https%3A%2F%2Fshop.example.org%2Fproducts%2Fitem-{number}%3Fcolour%3Dred\
             &ref=https%3A%2F%2Fwww.search.example%2Ffind%3Fq%3Ditem%2B{number}&title=Item%20{number}"
        );
        let at = Time::from_ms(NOW_MS);
        let _taken = black_box(ingest.pixel(black_box(query.as_bytes()), &CALLER, at, &mut records));
    }
}

fn events(ingest: &Ingest, count: usize) {
    let event = |number: usize| {
        format!(
            r#"{{"event":"signup","site":"shop","page":"/prices","props":{{"plan":"pro","step":{number}}}}}"#
        )
    };
    let list: Vec<String> = (0..EVENTS_PER_BODY).map(event).collect();
    let body = format!("[{}]", list.join(","));
    for _ in 0..count / EVENTS_PER_BODY {
        let mut records = Records::new();
        let _taken = black_box(ingest.events(
            black_box(body.as_bytes()),
            &CALLER,
            Time::from_ms(NOW_MS),
            &mut records,
        ));
    }
}

/// A batch as full as a busy commit's.
fn start_anew_when_full(records: &mut Records) {
    if records.len() == 64 {
        *records = Records::with_capacity(records.bytes());
    }
}
