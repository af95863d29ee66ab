//! The last requests at the two doors, for whoever asks why a hit is missing: a bounded ring in memory.
//!
//! Refusals and oddities come first; of what was stored only a sample is kept, as the stream has all of it. What
//! remembering costs is bounded by a budget for each second: a request beyond it costs one look at an atomic. Keeps no
//! address the privacy policy would not keep, no key, and nothing of who does not want to be followed.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{
    ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, DNT, HeaderName, ORIGIN, REFERER, USER_AGENT, VIA,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use onepixel_event::{EventId, Time};

use super::respond::Outcome;
use super::{Client, Gateway, PURPOSES, SEC_GPC, caller};
use crate::metrics::Door;

/// Requests remembered: some screens of a page, and with the limits below 4 MiB at the very most.
const REQUESTS_MAX: usize = 500;
/// Bytes kept of a query string and of each header: enough for any honest one, too little to fill memory with.
const QUERY_BYTES_MAX: usize = 4096;
const HEADER_BYTES_MAX: usize = 512;
/// Refusals remembered in one second: under a flood the counters tell the rest.
const REFUSED_PER_S: u64 = 100;
/// Stored requests remembered in one second.
const STORED_PER_S: u64 = 25;

/// One request as it came, and what it came to.
#[derive(Debug, Clone)]
pub struct LastRequest {
    /// When it was answered.
    pub at: Time,
    /// Which door it came to.
    pub door: Door,
    /// Its method, as sent.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query string as sent, cut at 4 KiB, without a key; `None` when there was none or it must not be kept.
    pub query: Option<String>,
    /// The client's address, after the privacy policy.
    pub address: Option<IpAddr>,
    /// The status of the answer.
    pub status: u16,
    /// Why not all of it was stored, in the word it is counted under.
    pub reason: Option<&'static str>,
    /// The same in words for a person.
    pub detail: Option<String>,
    /// The event it became; of a batch, the first.
    pub event_id: Option<EventId>,
    /// The headers that decide what an event says, as sent, cut at 512 bytes each.
    pub headers: Vec<(&'static str, String)>,
}

/// The ring. Cheap to clone; clones remember together.
#[derive(Debug, Clone, Default)]
pub struct LastRequests(Arc<Ring>);

#[derive(Debug, Default)]
struct Ring {
    requests: Mutex<VecDeque<Arc<LastRequest>>>,
    refused: Budget,
    stored: Budget,
}

/// The second in the upper bits, what was spent in it in the lower sixteen.
#[derive(Debug, Default)]
struct Budget(AtomicU64);

impl LastRequests {
    /// What is remembered, the newest first.
    pub fn newest_first(&self) -> Vec<Arc<LastRequest>> {
        let requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().rev().cloned().collect()
    }

    fn push(&self, request: LastRequest) {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() >= REQUESTS_MAX {
            requests.pop_front();
        }
        requests.push_back(Arc::new(request));
    }
}

impl Budget {
    fn is_left(&self, now: Time, per_s: u64) -> bool {
        let spent = self.0.load(Ordering::Relaxed);
        spent >> 16 != u64::try_from(now.ms()).unwrap_or(0) / 1000 || spent & 0xffff < per_s
    }

    /// Two threads may spend the same piece: it is a budget, not a count.
    fn spend(&self, now: Time, per_s: u64) -> bool {
        let second = u64::try_from(now.ms()).unwrap_or(0) / 1000;
        let spent = self.0.load(Ordering::Relaxed);
        if spent >> 16 != second {
            self.0.store(second << 16 | 1, Ordering::Relaxed);
            return true;
        }
        if spent & 0xffff >= per_s {
            return false;
        }
        self.0.store(spent + 1, Ordering::Relaxed);
        true
    }
}

impl LastRequests {
    /// Whether a request that is answered now, stored or refused, would be remembered.
    pub(super) fn has_room(&self, now: Time, stored: bool) -> bool {
        if stored {
            self.0.stored.is_left(now, STORED_PER_S)
        } else {
            self.0.refused.is_left(now, REFUSED_PER_S)
        }
    }
}

impl Gateway {
    /// Remembers a request that was answered, if there is room for it in this second.
    pub(super) fn remember(&self, door: Door, client: Client, request: &Parts, outcome: &Outcome) {
        let last = &self.shared.metrics.last;
        let Some((reason, event_id)) = told(outcome) else { return };
        let now = match outcome {
            // Spares the hot path a look at the clock.
            Outcome::Stored(id) => id.made_at(),
            _ => self.now(),
        };
        let (budget, per_s) = match reason {
            Some(_) => (&last.0.refused, REFUSED_PER_S),
            None => (&last.0.stored, STORED_PER_S),
        };
        if !budget.spend(now, per_s) {
            return;
        }
        let caller = caller(client, &request.headers);
        let ingest = &self.shared.ingest;
        let may_know = ingest.may_know(&caller);
        last.push(LastRequest {
            at: now,
            door,
            method: cut(request.method.as_str(), 32),
            path: request.uri.path().to_owned(),
            query: request.uri.query().filter(|_| may_know).map(without_keys),
            address: ingest.kept_address(&caller),
            status: outcome.status().as_u16(),
            reason,
            detail: detail(outcome),
            event_id,
            headers: if may_know { headers(&request.headers) } else { Vec::new() },
        });
    }
}

/// The reason and the first id of what is worth remembering.
fn told(outcome: &Outcome) -> Option<(Option<&'static str>, Option<EventId>)> {
    match outcome {
        Outcome::Stored(id) => Some((None, Some(*id))),
        Outcome::Accepted(taken) => {
            let reason = (!taken.rejected.is_empty()).then_some("partly_invalid");
            Some((reason, taken.ids.first().copied()))
        }
        Outcome::Dropped(why) => Some((Some(why), None)),
        Outcome::Unwanted(_) => Some((Some(crate::ingest::GPC), None)),
        Outcome::Refused(refusal) => Some((Some(refusal.reason()), None)),
        Outcome::Peeked | Outcome::Options => None,
    }
}

fn detail(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Refused(refusal) => Some(refusal.to_string()),
        Outcome::Accepted(taken) => {
            let first = taken.rejected.first()?;
            let (bad, all) = (taken.rejected.len(), taken.rejected.len() + taken.ids.len());
            Some(format!("{bad} of {all} events were not valid; event {}: {}", first.index, first.reason))
        }
        Outcome::Dropped(_) | Outcome::Unwanted(_) => Some(
            "the caller does not want to be followed (Sec-GPC or DNT), and privacy.gpc = \"drop\"".into(),
        ),
        Outcome::Stored(_) | Outcome::Peeked | Outcome::Options => None,
    }
}

/// The query with every write key taken out: the page that shows it is for people who may not have one.
fn without_keys(query: &str) -> String {
    let is_key = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default();
        form_urlencoded::parse(name.as_bytes()).any(|(name, _)| name == "key")
    };
    if !query.split('&').any(|part| is_key(&part)) {
        return cut(query, QUERY_BYTES_MAX);
    }
    let parts: Vec<&str> =
        query.split('&').map(|part| if is_key(&part) { "key=(hidden)" } else { part }).collect();
    cut(&parts.join("&"), QUERY_BYTES_MAX)
}

fn headers(from: &HeaderMap) -> Vec<(&'static str, String)> {
    let named: [(&'static str, HeaderName); 8] = [
        ("user-agent", USER_AGENT),
        ("referer", REFERER),
        ("accept-language", ACCEPT_LANGUAGE),
        ("content-type", CONTENT_TYPE),
        ("content-encoding", CONTENT_ENCODING),
        ("origin", ORIGIN),
        ("via", VIA),
        ("dnt", DNT),
    ];
    let text = |value: &HeaderValue| cut(&String::from_utf8_lossy(value.as_bytes()), HEADER_BYTES_MAX);
    let mut found: Vec<_> =
        named.into_iter().filter_map(|(name, header)| Some((name, text(from.get(header)?)))).collect();
    found.extend(PURPOSES.iter().find_map(|header| Some(("sec-purpose", text(from.get(header)?)))));
    found.extend(from.get(SEC_GPC).map(|value| ("sec-gpc", text(value))));
    found
}

fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_for_one_second() {
        let budget = Budget::default();
        let spent = |ms| (0..10).filter(|_| budget.spend(Time::from_ms(ms), 3)).count();
        assert!(budget.is_left(Time::from_ms(5_000), 3));
        assert_eq!(spent(5_000), 3);
        assert!(!budget.is_left(Time::from_ms(5_999), 3));
        assert!(budget.is_left(Time::from_ms(6_000), 3));
        assert_eq!(spent(5_999), 0);
        assert_eq!(spent(6_000), 3);
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        let at = Time::from_ms(1_770_757_445_123);
        assert_eq!(EventId::fresh(at).made_at(), at);
    }

    #[test]
    fn keys_are_taken_out_of_the_query() {
        fn check(query: &str, expected: &str) {
            assert_eq!(without_keys(query), expected);
        }
        check("site=a&page=/x", "site=a&page=/x");
        check("key=secret", "key=(hidden)");
        check("a=1&key=secret&b=2", "a=1&key=(hidden)&b=2");
        check("%6bey=secret", "key=(hidden)");
        check("monkey=1", "monkey=1");
        check("", "");
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let last = LastRequests::default();
        for ms in 0..(REQUESTS_MAX as i64 + 5) {
            last.push(LastRequest {
                at: Time::from_ms(ms),
                door: Door::Pixel,
                method: "GET".into(),
                path: "/p.gif".into(),
                query: None,
                address: None,
                status: 200,
                reason: None,
                detail: None,
                event_id: None,
                headers: Vec::new(),
            });
        }
        let kept = last.newest_first();
        assert_eq!(kept.len(), REQUESTS_MAX);
        assert_eq!((kept[0].at.ms(), kept[REQUESTS_MAX - 1].at.ms()), (REQUESTS_MAX as i64 + 4, 5));
    }
}
