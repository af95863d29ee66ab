//! A batch, counted in memory: every row of a minute that the batch changes, once, with what is to be added to it.
//!
//! Pure: knows no database. Texts have numbers that hold within the tally; the writer gives them their ids.

use std::borrow::Cow;
use std::hash::Hasher as _;

use foldhash::{HashMap, HashMapExt as _, HashSet};
use onepixel_consumer::SinkError;
use onepixel_event::{Event, EventId, ReferrerGroup, Source, Time};
use siphasher::sip::SipHasher13;

use crate::axis::{DAY_MS, Dimension, MINUTE_MS, TOTAL, class_code};

/// A text's number within one tally; 0 is no text.
pub(crate) type Local = usize;

/// The key of a rollup row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) dimension: i64,
    pub(crate) minute: i64,
    pub(crate) site: Local,
    pub(crate) class: i64,
    pub(crate) value: Local,
}

/// What is added to a rollup row.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) events: i64,
    pub(crate) views: i64,
}

/// A visitor seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Visit {
    pub(crate) minute: i64,
    pub(crate) site: Local,
    pub(crate) class: i64,
    pub(crate) visitor: i64,
}

/// An event to be kept whole.
#[derive(Debug)]
pub(crate) struct Recent<'a> {
    pub(crate) received_ms: i64,
    pub(crate) site: Local,
    pub(crate) class: i64,
    pub(crate) id: EventId,
    pub(crate) line: &'a str,
}

/// A text that rows speak of, and the newest UTC day on which they do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) local: Local,
    pub(crate) day: i64,
}

/// A batch, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally<'a> {
    /// Events that came in by the pixel, and by the API.
    pub(crate) pixel: i64,
    pub(crate) api: i64,
    pub(crate) counts: HashMap<Cell, Count>,
    pub(crate) visits: HashSet<Visit>,
    pub(crate) recent: Vec<Recent<'a>>,
    pub(crate) words: HashMap<Cow<'a, str>, Used>,
}

impl<'a> Tally<'a> {
    /// An empty tally with room for about `events` events.
    pub(crate) fn for_events(events: usize) -> Self {
        Self { counts: HashMap::with_capacity(events.saturating_mul(2)), ..Self::default() }
    }

    /// Counts `payload`. An event received before `horizon_ms` is already forgotten: it only counts in the totals.
    ///
    /// # Errors
    /// [`SinkError::Refused`] when the payload is not an event.
    pub(crate) fn add(&mut self, offset: u64, payload: &'a [u8], horizon_ms: i64) -> Result<(), SinkError> {
        let refused = |reason: String| SinkError::Refused { reason: format!("offset {offset}: {reason}") };
        let line = std::str::from_utf8(payload).map_err(|error| refused(error.to_string()))?;
        let event = Event::decode(payload).map_err(|error| refused(error.to_string()))?;
        match event.source {
            Source::Pixel => self.pixel += 1,
            Source::Api => self.api += 1,
        }
        if event.received_at.ms() >= horizon_ms {
            self.place(event, line);
        }
        Ok(())
    }

    fn place(&mut self, event: Event<'a>, line: &'a str) {
        let class = class_code(event.class);
        let day = event.received_at.ms().div_euclid(DAY_MS);
        let site = self.intern(event.site.clone(), day);
        self.recent.push(Recent { received_ms: event.received_at.ms(), site, class, id: event.id, line });
        if let Some(visitor) = &event.visitor {
            let minute = minute(event.received_at);
            self.visits.insert(Visit { minute, site, class, visitor: hash(visitor) });
        }
        self.count(event, site, class, day);
    }

    fn count(&mut self, event: Event<'a>, site: Local, class: i64, day: i64) {
        let minute = minute(event.received_at);
        let views = i64::from(event.event == "pageview");
        let mut cell = Cell { dimension: TOTAL, minute, site, class, value: 0 };
        self.bump(cell, views);
        for (dimension, value) in values(event) {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                cell.dimension = dimension.code();
                cell.value = self.intern(value, day);
                self.bump(cell, views);
            }
        }
    }

    fn bump(&mut self, cell: Cell, views: i64) {
        let count = self.counts.entry(cell).or_default();
        count.events += 1;
        count.views += views;
    }

    fn intern(&mut self, text: Cow<'a, str>, day: i64) -> Local {
        let next = self.words.len() + 1;
        let used = self.words.entry(text).or_insert(Used { local: next, day });
        used.day = used.day.max(day);
        used.local
    }
}

fn minute(time: Time) -> i64 {
    time.ms().div_euclid(MINUTE_MS)
}

/// What the event says along each dimension that has rows of its own. A page of the same site is no referrer.
fn values(event: Event<'_>) -> [(Dimension, Option<Cow<'_, str>>); 12] {
    let from_elsewhere = event.referrer_group != Some(ReferrerGroup::Direct);
    let referrer_host = event.referrer_host.filter(|_| from_elsewhere);
    [
        (Dimension::Page, page(event.page_host, event.page_path)),
        (Dimension::ReferrerHost, referrer_host),
        (Dimension::ReferrerGroup, event.referrer_group.map(|group| group.as_str().into())),
        (Dimension::Browser, event.browser),
        (Dimension::Os, event.os),
        (Dimension::Device, event.device.map(|device| device.as_str().into())),
        (Dimension::Country, event.country),
        (Dimension::Language, event.language),
        (Dimension::Event, Some(event.event)),
        (Dimension::Source, event.utm_source),
        (Dimension::Medium, event.utm_medium),
        (Dimension::Campaign, event.utm_campaign),
    ]
}

fn page<'a>(host: Option<Cow<'a, str>>, path: Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    match (host, path) {
        (Some(host), Some(path)) => Some(host + path),
        (host, path) => host.or(path),
    }
}

/// 64 bits of the visitor's id, the same in every process: they are stored.
fn hash(visitor: &str) -> i64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(visitor.as_bytes());
    hasher.finish().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        format!(
            r#"{{"id":"0197c5f0-7000-7000-8000-000000000000","received_at":"1970-01-01T02:03:04Z",{text},"class":"bot"}}"#
        )
    }

    #[test]
    fn an_event_counts_in_its_minute_along_each_dimension_it_speaks_of() {
        let text =
            line(r#""source":"api","event":"pageview","site":"s","page_host":"h","page_path":"/p","os":"""#);
        let mut tally = Tally::default();
        tally.add(0, text.as_bytes(), 0).unwrap();
        let mut cells: Vec<_> = tally.counts.keys().map(|c| (c.dimension, c.minute)).collect();
        cells.sort_unstable();
        let minute = 2 * 60 + 3;
        assert_eq!(
            cells,
            [(TOTAL, minute), (Dimension::Page.code(), minute), (Dimension::Event.code(), minute)]
        );
        assert!(tally.words.contains_key("h/p"));
        assert_eq!((tally.pixel, tally.api, tally.recent.len()), (0, 1, 1));
    }

    #[test]
    fn what_is_forgotten_already_counts_only_in_the_totals() {
        let text = line(r#""source":"pixel","event":"x","site":"s","visitor":"v""#);
        let mut tally = Tally::default();
        tally.add(0, text.as_bytes(), i64::MAX).unwrap();
        assert_eq!((tally.pixel, tally.counts.len(), tally.visits.len(), tally.recent.len()), (1, 0, 0, 0));
    }

    #[test]
    fn a_payload_that_is_no_event_is_refused_with_its_offset() {
        for payload in [&b"{}"[..], b"", b"\xff", b"{\"id\":1}", br#"{"x":"\xff"}"#] {
            match Tally::default().add(17, payload, 0) {
                Err(SinkError::Refused { reason }) => assert!(reason.starts_with("offset 17: "), "{reason}"),
                other => panic!("{payload:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_visitor_has_the_same_number_in_every_process() {
        assert_eq!(hash("visitor"), -1_737_284_817_600_620_860);
    }
}
