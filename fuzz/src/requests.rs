//! Requests: whatever a caller sends, what is stored is an event within the limits, and nothing panics.
//!
//! The first byte chooses the door and the policies. The rest, split at zero bytes, is the query or body,
//! `User-Agent`, `Referer`, `Accept-Language`, `Purpose` and `Via`.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};

use onepixel_event::{Event, EventId, Time, limits};
use onepixel_gateway::ingest::{Caller, GpcPolicy, Ingest, IngestSettings, IpPolicy, Taken, VisitorSalt};
use onepixel_sim::disk::{Faults, SimDisk};
use onepixel_sim::kernel::Kernel;
use onepixel_sim::log::{Hand, open, settings};
use onepixel_stream::{Durability, Record, Records, Stream};
use tokio::runtime::{Builder, Runtime};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77));
const NOW_MS: i64 = 1_770_757_445_123;
/// Inputs after which the log in memory is begun again.
const INPUTS_A_LOG: u32 = 256;

thread_local! {
    static DOORS: RefCell<Option<Doors>> = const { RefCell::new(None) };
}

/// Ingest under every policy, and a log: it alone can take records apart.
struct Doors {
    ingests: Vec<(IpPolicy, Ingest)>,
    runtime: Runtime,
    stream: Stream,
    inputs: u32,
    end: u64,
}

/// Sends the bytes as a request.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    DOORS.with_borrow_mut(|doors| {
        let doors = doors.get_or_insert_with(Doors::new);
        doors.renew();
        doors.check(*choice, rest);
    });
}

fn log() -> Stream {
    let disk = SimDisk::new(Kernel::default(), Faults::default());
    let opened = open(&disk, &settings(64 << 20, Durability::Always), &Hand::default());
    opened.expect("an empty disk in memory takes a log").0
}

impl Doors {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime without threads");
        let ingest = |ip, gpc| {
            let salt = VisitorSalt::in_memory(Time::from_ms(NOW_MS));
            (ip, Ingest::new(IngestSettings { ip, gpc }, salt, None))
        };
        let ingests = vec![
            ingest(IpPolicy::Truncate, GpcPolicy::Count),
            ingest(IpPolicy::Truncate, GpcPolicy::Drop),
            ingest(IpPolicy::default(), GpcPolicy::default()),
        ];
        Self { ingests, runtime, stream: log(), inputs: 0, end: 0 }
    }

    fn renew(&mut self) {
        self.inputs += 1;
        if self.inputs.is_multiple_of(INPUTS_A_LOG) {
            self.runtime.block_on(self.stream.close());
            (self.stream, self.end) = (log(), 0);
        }
    }

    fn check(&mut self, choice: u8, rest: &[u8]) {
        let parts: Vec<&[u8]> = rest.split(|byte| *byte == 0).collect();
        let header = |nth: usize| parts.get(nth).copied().filter(|part| !part.is_empty());
        let caller = Caller {
            address: Some(ADDRESS),
            user_agent: header(1),
            referer: header(2),
            accept_language: header(3),
            purpose: header(4),
            via: header(5),
            gpc: choice & 2 != 0,
        };
        let now = Time::from_ms(NOW_MS);
        let (ip, ingest) = &self.ingests[usize::from(choice >> 2) % self.ingests.len()];
        let mut records = Records::new();
        let ids: Vec<EventId> = if choice & 1 == 0 {
            match ingest.pixel(parts[0], &caller, now, &mut records).expect("no input is too large") {
                Taken::Stored(id) => vec![id],
                Taken::Dropped(_) => Vec::new(),
            }
        } else {
            let taken = ingest.events(parts[0], &caller, now, &mut records).unwrap_or_default();
            assert!(taken.ids.len() + taken.rejected.len() <= limits::BATCH_EVENTS_MAX, "too many events");
            taken.ids
        };
        assert_eq!(records.len(), ids.len(), "records and ids");
        let truncates = *ip == IpPolicy::Truncate;
        for record in self.append(records) {
            check_record(&record, &ids, truncates);
        }
    }

    /// Through the log and back: an id that was there is left out.
    fn append(&mut self, records: Records) -> Vec<Record> {
        if records.is_empty() {
            return Vec::new();
        }
        let (stream, from) = (&self.stream, self.end);
        self.end = self.runtime.block_on(stream.append(records)).expect("the disk in memory takes it").end;
        let mut reader = stream.reader(from);
        if self.end == from {
            return Vec::new();
        }
        let count = usize::try_from(self.end - from).unwrap_or(0);
        let records = self.runtime.block_on(reader.next(count, usize::MAX)).expect("what was appended");
        assert_eq!(records.len(), count, "records of one append");
        records
    }
}

fn check_record(record: &Record, ids: &[EventId], truncates: bool) {
    let line = &record.payload[..];
    let event = match Event::decode(line) {
        Ok(event) => event,
        Err(error) => panic!("stored and not readable: {error}\n{}", String::from_utf8_lossy(line)),
    };
    assert!(line.len() <= limits::ENCODED_BYTES_MAX, "{} bytes", line.len());
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "a line end within a line");
    assert!(ids.contains(&event.id), "an id that was not told");
    assert_eq!(event.received_at, Time::from_ms(NOW_MS), "the server's time");
    assert!((1..=limits::EVENT_CHARS_MAX).contains(&event.event.chars().count()), "{}", event.event);
    assert!(event.site.len() <= limits::SITE_BYTES_MAX, "{}", event.site);
    let at_most = |text: &Option<_>, bytes_max: usize| {
        let bytes = text.as_ref().map_or(0, |text: &std::borrow::Cow<'_, str>| text.len());
        assert!(bytes <= bytes_max, "{bytes} bytes, at most {bytes_max}: {text:?}");
    };
    at_most(&event.page_url, limits::URL_BYTES_MAX);
    at_most(&event.referrer_url, limits::URL_BYTES_MAX);
    at_most(&event.title, limits::TEXT_BYTES_MAX);
    at_most(&event.utm_source, limits::TEXT_BYTES_MAX);
    at_most(&event.user_agent, limits::USER_AGENT_BYTES_MAX);
    at_most(&event.language, limits::LANGUAGE_BYTES_MAX);
    assert!(event.props.as_json().len() <= limits::PROPS_BYTES_MAX, "props");
    assert!(!truncates || event.ip.as_deref() != Some("203.0.113.77"), "the whole address");
    let mut again = Vec::new();
    event.encode(&mut again);
    assert!(again == line, "read and written, not the same");
}
