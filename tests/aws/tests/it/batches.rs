//! Events, and invocations as an event source mapping makes them of records.

use std::time::Duration;

use aws_lambda_events::event::kinesis::KinesisEvent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onepixel_aws::clock::system_clock;
use onepixel_aws::consumer::{SaltUnavailable, Salts};
use onepixel_event::{Class, Device, Event, EventId, ReferrerGroup, Source, Time};
use onepixel_gateway::ingest::VisitorSalt;
use rand::{Rng, RngExt};
use serde_json::json;
use tokio::time::Instant;

/// Salts that no other function shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnSalts;

impl Salts for OwnSalts {
    async fn salt(&self, at: Time) -> Result<VisitorSalt, SaltUnavailable> {
        Ok(VisitorSalt::in_memory(at))
    }
}

/// Now.
pub(crate) fn now() -> Time {
    Time::from_ms(i64::try_from(system_clock()()).unwrap())
}

/// So long from now.
pub(crate) fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// One record: its sequence number and its data.
pub(crate) type Record = (u64, Vec<u8>);

/// An invocation with these records of a shard, which arrived now.
pub(crate) fn invocation(shard: u32, records: &[Record]) -> KinesisEvent {
    let arrived = now().ms() as f64 / 1000.0;
    let record = |(sequence, data): &Record| {
        json!({
            "eventID": format!("shardId-{shard:012}:{sequence}"),
            "eventSource": "aws:kinesis",
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "key",
                "sequenceNumber": sequence.to_string(),
                "data": STANDARD.encode(data),
                "approximateArrivalTimestamp": arrived,
            },
        })
    };
    let records: Vec<_> = records.iter().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

/// A believable event, with values that repeat and now and then one that does not.
pub(crate) fn event(rng: &mut impl Rng, at: Time) -> Event<'static> {
    let mut event = Event::new(EventId::fresh(at), at, Source::Pixel, "pageview", "blog");
    if rng.random_bool(0.3) {
        event.site = ["shop", "a#b", "blog#", "été", "*"][rng.random_range(0..5)].into();
    }
    if rng.random_bool(0.1) {
        event.event = "signed_up".into();
    }
    event.page_path = Some(format!("/{}", rng.random_range(0_u32..12).pow(2) / 12).into());
    if rng.random_bool(0.02) {
        event.page_path = Some(format!("/{}{}", "é".repeat(700), rng.random_range(0..3)).into());
    }
    event.page_host = Some("blog.example".into());
    if rng.random_bool(0.4) {
        event.referrer_host = Some(["www.google.com", "news.example"][rng.random_range(0..2)].into());
        event.referrer_group = Some(ReferrerGroup::ALL[rng.random_range(0..ReferrerGroup::ALL.len())]);
    }
    event.browser = Some(["Chrome", "Firefox", "Safari"][rng.random_range(0..3)].into());
    event.device = Some(Device::ALL[rng.random_range(0..3)]);
    event.class = if rng.random_bool(0.8) { Class::Human } else { Class::ALL[rng.random_range(0..6)] };
    if rng.random_bool(0.1) {
        event.utm_source = Some("news".into());
    }
    event
}

/// The line of an event, with its line end.
pub(crate) fn line(event: &Event<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    event.encode(&mut line);
    line.push(b'\n');
    line
}

/// Runs `sources` on a stream of events, shard by shard: records of one to eight events.
pub(crate) fn packed(rng: &mut impl Rng, events: &[Event<'_>]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let (some, more) = rest.split_at(rng.random_range(1..=8).min(rest.len()));
        records.push(some.iter().flat_map(line).collect());
        rest = more;
    }
    records
}
