//! The relay: the consumers' contract, and order per lane whatever fails.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use onepixel_aws::kinesis::Patience;
use onepixel_aws::record::UNIT_BYTES;
use onepixel_aws::relay::Relay;
use onepixel_consumer::conformance::{self, Fixture};
use onepixel_consumer::{Batch, Record, Sink, SinkError};
use onepixel_event::{Event, EventId, Source, Time};

use crate::scripted::{Scripted, Step};

const PATIENCE: Patience = Patience {
    attempt: Duration::from_millis(500),
    wait_first: Duration::from_millis(1),
    wait_max: Duration::from_millis(5),
};

/// The event of record `n`, of one of ten visitors.
fn payload(n: u64) -> Vec<u8> {
    let at = Time::from_ms(1_770_757_445_123 + i64::try_from(n).unwrap() * 400_000);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let mut event = Event::new(EventId::at(at, random), at, Source::Api, "event", n.to_string());
    event.visitor = Some(format!("visitor-{}", n % 10).into());
    let mut line = Vec::new();
    event.encode(&mut line);
    line
}

fn batch(range: std::ops::Range<u64>) -> Batch {
    let record = |n| Record { offset: n, committed_at_ms: 0, key: None, payload: payload(n).into() };
    Batch { partition: 0, range: range.clone(), records: range.map(record).collect() }
}

/// The numbers in the stream in the order of arrival, by partition key.
fn held(service: &Scripted) -> BTreeMap<String, Vec<u64>> {
    let mut held: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (key, data) in service.stored_by_key() {
        assert!(data.len() + key.len() <= UNIT_BYTES);
        for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let number = Event::decode(line).unwrap().site.parse().unwrap();
            held.entry(key.clone()).or_default().push(number);
        }
    }
    held
}

/// A reader that counts each id once, as all of ours do.
#[derive(Default)]
struct Reader {
    service: Option<Scripted>,
}

impl Fixture for Reader {
    type Sink = Relay;

    async fn open(&mut self) -> Relay {
        if self.service.is_none() {
            self.service = Some(Scripted::start([]).await);
        }
        Relay::over(self.service.as_ref().unwrap().client(), "stream", PATIENCE)
    }

    async fn held(&mut self) -> Vec<u64> {
        let numbers: HashSet<u64> = held(self.service.as_ref().unwrap()).into_values().flatten().collect();
        numbers.into_iter().collect()
    }

    fn payload(&self, n: u64) -> Vec<u8> {
        payload(n)
    }

    fn poison(&self) -> Option<Vec<u8>> {
        Some(b"no event".to_vec())
    }
}

#[tokio::test]
async fn the_sink_keeps_its_contract() {
    conformance::all(Reader::default).await;
}

/// In every lane the first copies come in order.
fn expect_order(service: &Scripted, count: u64) {
    let mut seen = HashSet::new();
    for (key, numbers) in held(service) {
        let firsts: Vec<_> = numbers.into_iter().filter(|number| seen.insert(*number)).collect();
        assert!(firsts.is_sorted(), "{key}: {firsts:?}");
    }
    assert_eq!(seen.len() as u64, count);
}

#[tokio::test]
async fn order_is_kept_per_lane_whatever_fails() {
    let throttled = "ProvisionedThroughputExceededException";
    let script = [
        Step::Partly(vec![0, 2, 4], throttled),
        Step::Partly(vec![1], "InternalFailure"),
        Step::Answer(500, "InternalFailure"),
        Step::StoreAndBreak,
        Step::Store,
        Step::Partly(vec![0], throttled),
        Step::Break,
        Step::Short,
    ];
    let service = Scripted::start(script).await;
    let mut relay = Relay::over(service.client(), "stream", PATIENCE);
    relay.write(&batch(0..400)).await.unwrap();
    relay.write(&batch(400..500)).await.unwrap();
    expect_order(&service, 500);
    let held = held(&service);
    assert!(held.len() <= 10, "a visitor is in one lane");
    let mut lanes: HashMap<u64, &str> = HashMap::new();
    for (key, numbers) in &held {
        numbers.iter().for_each(|number| assert_eq!(*lanes.entry(number % 10).or_insert(key), key.as_str()));
    }
}

#[tokio::test]
async fn what_was_begun_goes_on_where_it_stopped() {
    let refused = || Step::Answer(400, "AccessDeniedException");
    let service = Scripted::start([Step::Store, refused(), Step::Store, refused()]).await;
    let mut relay = Relay::over(service.client(), "stream", PATIENCE);
    // Events of seven hours and more: several records for each lane.
    let whole = batch(0..100);
    let mut failures = 0;
    while let Err(error) = relay.write(&whole).await {
        assert!(matches!(&error, SinkError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("did not take everything"), "{error}");
        failures += 1;
        assert!(failures <= 2);
    }
    assert_eq!(failures, 2);
    let all: usize = held(&service).into_values().map(|numbers| numbers.len()).sum();
    assert_eq!(all, 100, "no record was sent twice");
    expect_order(&service, 100);

    // Another relay, after a crash, makes the same records.
    let mut again = Relay::over(service.client(), "stream", PATIENCE);
    again.write(&whole).await.unwrap();
    let mut records: HashMap<Vec<u8>, usize> = HashMap::new();
    service.stored().into_iter().for_each(|data| *records.entry(data).or_default() += 1);
    assert!(records.values().all(|times| *times == 2), "{:?}", records.values());
}
