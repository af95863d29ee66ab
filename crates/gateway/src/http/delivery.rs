//! Delivery: everyone who waits for a commit is told what became of it, hits by their answer itself.
//!
//! The answers of a commit are written one after the other on the thread on which their requests came. Nearly all of
//! them differ only in the event's id: those are kept ready as bytes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use onepixel_event::{EventId, Time};
use onepixel_stream::{AppendError, Appended};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::line::Line;
use super::respond::{Outcome, Refusal};
use super::{Client, Gateway, count, pixel};
use crate::metrics::Door;

/// What the stream says to an append.
pub(super) type Answer = Result<Appended, AppendError>;

/// Who waits for a commit.
pub(super) enum Waiter {
    /// A hit on a line.
    Hit(Hit),
    /// A request that hyper reads.
    Request(oneshot::Sender<Answer>),
}

/// A hit that waits for its answer.
pub(super) struct Hit {
    pub(super) line: Arc<Line>,
    pub(super) id: EventId,
    pub(super) began: Instant,
    /// The client wants no further answer.
    pub(super) closes: bool,
    /// The request, if it is to be remembered.
    pub(super) request: Option<Box<(Client, Parts)>>,
}

/// The answers that are kept ready.
pub(super) struct Ready {
    stays: Stored,
    closes: Stored,
    /// The second the date was written for.
    second: i64,
}

impl Gateway {
    /// Tells everyone who waits on this gateway's lane, for ever.
    pub(super) async fn deliver(&self) -> Infallible {
        let mut ready = Ready::new();
        self.lane
            .deliver(|told| {
                let now = Instant::now();
                ready.refresh(self.now().ms());
                for (waiter, answer) in told {
                    match waiter {
                        Waiter::Hit(hit) => self.tell(&mut ready, hit, answer, now),
                        // Nobody waits any more: the records are stored all the same.
                        Waiter::Request(request) => drop(request.send(answer)),
                    }
                }
            })
            .await
    }

    fn tell(&self, ready: &mut Ready, hit: Hit, answer: Answer, now: Instant) {
        let metrics = &self.shared.metrics;
        metrics.in_flight.dec();
        let last = self.is_last(&hit.line, hit.closes);
        let remember = |outcome: &Outcome| {
            if let Some((client, request)) = hit.request.as_deref() {
                self.remember(Door::Pixel, *client, request, outcome);
            }
        };
        match answer {
            Ok(appended) => {
                remember(&Outcome::Stored(hit.id));
                metrics.append.observe(now.saturating_duration_since(hit.began));
                metrics.accepted(1, appended.duplicates);
                metrics.answered(Door::Pixel, 200);
                hit.line.answer(ready.stored(hit.id, last), last);
            }
            Err(error) => {
                let outcome = Outcome::Refused(Refusal::Append(error));
                remember(&outcome);
                self.say(&hit.line, &outcome, last);
            }
        }
    }

    /// Answers a hit with anything but the usual.
    pub(super) fn say(&self, line: &Line, outcome: &Outcome, last: bool) {
        count(&self.shared.metrics, outcome);
        self.shared.metrics.answered(Door::Pixel, outcome.status().as_u16());
        line.answer(&written(outcome, last, &date(self.now().ms())), last);
    }

    /// Whether an answer is the last on its connection.
    pub(super) fn is_last(&self, line: &Line, closes: bool) -> bool {
        closes || self.is_crowded() || line.is_stopping()
    }
}

impl Ready {
    fn new() -> Self {
        Self { stays: Stored::new(false), closes: Stored::new(true), second: i64::MIN }
    }

    fn refresh(&mut self, now_ms: i64) {
        let second = now_ms.div_euclid(1000);
        if self.second != second {
            self.second = second;
            let date = date(now_ms);
            self.stays.set_date(&date);
            self.closes.set_date(&date);
        }
    }

    fn stored(&mut self, id: EventId, last: bool) -> &[u8] {
        let stored = if last { &mut self.closes } else { &mut self.stays };
        let mut text = [0; 36];
        stored.set_id(id.encode(&mut text));
        &stored.bytes
    }
}

/// The answer to a stored hit, with a place for its id and one for the date.
struct Stored {
    bytes: Vec<u8>,
    id_at: usize,
    date_at: usize,
}

impl Stored {
    fn new(last: bool) -> Self {
        let id = EventId::at(Time::from_ms(1), [0xA5; 10]);
        // No other header holds this moment.
        let date = date(981_173_106_000);
        let bytes = written(&Outcome::Stored(id), last, &date);
        let (id_at, date_at) = (place(&bytes, id.encode(&mut [0; 36])), place(&bytes, &date));
        Self { bytes, id_at, date_at }
    }

    fn set_id(&mut self, id: &str) {
        self.bytes[self.id_at..self.id_at + id.len()].copy_from_slice(id.as_bytes());
    }

    fn set_date(&mut self, date: &str) {
        self.bytes[self.date_at..self.date_at + date.len()].copy_from_slice(date.as_bytes());
    }
}

/// Where `part` begins; it is there, as it was written.
fn place(bytes: &[u8], part: &str) -> usize {
    let found = bytes.windows(part.len()).position(|window| window == part.as_bytes());
    debug_assert!(found.is_some(), "{part} is not in the answer");
    found.unwrap_or_default()
}

/// An answer as it goes over the wire.
fn written(outcome: &Outcome, last: bool, date: &str) -> Vec<u8> {
    let (mut headers, body) = pixel::answer(outcome);
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.extend(HeaderValue::from_str(date).ok().map(|date| (DATE, date)));
    if last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    wire(outcome.status(), &headers, &body)
}

fn wire(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The 29 characters of a date in a header (RFC 9110, 5.6.7).
fn date(ms: i64) -> String {
    // The format ends with the year 9999, and the library refuses to write a later one.
    let ms = u64::try_from(ms).unwrap_or_default().min(253_402_300_799_000);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
}
