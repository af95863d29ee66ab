//! The events' door: `POST` stores a batch and answers when all of it is durable.
//!
//! Refuses in the order of cost: method, rate, key, type, encoding, announced size, body, form. Every answer but
//! a preflight's is JSON that says what was stored, or what was wrong and what to do.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::Either;
use hyper::body::{Body as _, Incoming};
use onepixel_event::EventId;
use onepixel_stream::Records;
use serde::Serialize;
use subtle::{Choice, ConstantTimeEq};

use super::body::Share;
use super::respond::{Outcome, Refusal};
use super::{Body, Client, Gateway, answer_headers, body, caller, cors};
use crate::ingest::{GPC, TakenBatch};

pub(super) const ALLOW: &str = "POST, OPTIONS";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

/// What the request came to, and whether all of it was read, so that its connection can go on.
pub(super) async fn outcome(
    gateway: &Gateway,
    client: Client,
    request: &Parts,
    body: Incoming,
) -> (Outcome, bool) {
    let encoding = match admit(gateway, client, request) {
        Ok(encoding) => encoding,
        Err(outcome) => return (outcome, spare(gateway, &request.headers, body).await),
    };
    let mut share = gateway.shared.bodies.share();
    match body::read(body, gateway.shared.settings.body_limit, gateway.limits(), &mut share).await {
        Err(refusal) => (Outcome::Refused(refusal), false),
        Ok(body) => {
            let stored = store(gateway, client, request, encoding, body, share).await;
            (stored.unwrap_or_else(Outcome::Refused), true)
        }
    }
}

/// Everything that can be decided without the body. `Err` is the answer then.
fn admit(gateway: &Gateway, client: Client, request: &Parts) -> Result<Encoding, Outcome> {
    if request.method == Method::OPTIONS {
        return Err(Outcome::Options);
    }
    if request.method != Method::POST {
        return Err(Outcome::Refused(Refusal::Method { allow: ALLOW }));
    }
    gateway.admit(client).and_then(|()| check(gateway, request)).map_err(Outcome::Refused)
}

fn check(gateway: &Gateway, request: &Parts) -> Result<Encoding, Refusal> {
    let keys = &gateway.shared.settings.write_keys;
    if !keys.is_empty() && !has_key(keys, request) {
        return Err(Refusal::Key);
    }
    if !is_event_type(request.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes)) {
        return Err(Refusal::Type);
    }
    encoding(request.headers.get(CONTENT_ENCODING)).ok_or(Refusal::Encoding)
}

fn has_key(keys: &[String], request: &Parts) -> bool {
    let bearer = request.headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let query = request.uri.query().unwrap_or_default().as_bytes();
    let in_query = form_urlencoded::parse(query).find(|(name, _)| name == "key").map(|(_, key)| key);
    bearer.is_some_and(|key| is_one_of(keys, key))
        || in_query.is_some_and(|key| is_one_of(keys, key.as_bytes()))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
}

/// Compares with every key to its end, so that the time tells nothing about them.
fn is_one_of(keys: &[String], given: &[u8]) -> bool {
    keys.iter().fold(Choice::from(0), |found, key| found | key.as_bytes().ct_eq(given)).into()
}

/// Whether a body with this `Content-Type` is taken: JSON, or what `navigator.sendBeacon` calls the string it sends.
/// Parameters are ignored: JSON is UTF-8.
pub fn is_event_type(value: Option<&[u8]>) -> bool {
    let essence = value.and_then(|value| value.split(|byte| *byte == b';').next());
    let essence = essence.unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json") || essence.eq_ignore_ascii_case(b"text/plain")
}

fn encoding(value: Option<&HeaderValue>) -> Option<Encoding> {
    let Some(value) = value else { return Some(Encoding::Identity) };
    let value = value.as_bytes().trim_ascii();
    if value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip") {
        Some(Encoding::Gzip)
    } else {
        value.eq_ignore_ascii_case(b"identity").then_some(Encoding::Identity)
    }
}

/// Takes in the body of a request that was refused without it when that is cheap. A client that asks before it
/// sends (`Expect: 100-continue`) has its answer instead.
async fn spare(gateway: &Gateway, headers: &HeaderMap, body: Incoming) -> bool {
    body.is_end_stream() || (!headers.contains_key(EXPECT) && body::discard(body, gateway.limits()).await)
}

async fn store(
    gateway: &Gateway,
    client: Client,
    request: &Parts,
    encoding: Encoding,
    mut body: Bytes,
    mut share: Share<'_>,
) -> Result<Outcome, Refusal> {
    if encoding == Encoding::Gzip {
        body = body::inflate(&body, gateway.shared.settings.body_limit, &mut share)?;
    }
    let mut records = Records::new();
    // From here to the stream without waiting, so that the stream's order is the order of the times.
    let caller = caller(client, &request.headers);
    let taken = gateway.shared.ingest.events(&body, &caller, gateway.now(), &mut records);
    drop((body, share));
    let taken = taken.map_err(Refusal::Malformed)?;
    gateway.shared.metrics.events_rejected(taken.rejected.len());
    if taken.ids.is_empty() && !taken.rejected.is_empty() {
        // Policy is no mistake of the sender's, who should not be told to correct anything.
        let unwanted = taken.rejected.iter().all(|event| event.reason == GPC);
        return if unwanted { Ok(Outcome::Unwanted(taken)) } else { Err(Refusal::NoneValid(taken)) };
    }
    gateway.append(records).await?;
    Ok(Outcome::Accepted(taken))
}

pub(super) fn response(outcome: &Outcome, mut headers: HeaderMap) -> Response<Body> {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer_headers(outcome, ALLOW, &mut headers);
    let mut json = Vec::new();
    match outcome {
        Outcome::Accepted(taken) | Outcome::Unwanted(taken) => json = encode(&Report::of(None, taken)),
        Outcome::Refused(refusal) => {
            let error = Some(refusal.to_string());
            json = match refusal {
                Refusal::NoneValid(taken) => encode(&Report::of(error, taken)),
                Refusal::Key => {
                    let bearer = HeaderValue::from_static("Bearer realm=\"onepixel\"");
                    headers.insert(WWW_AUTHENTICATE, bearer);
                    encode(&Problem { error })
                }
                _ => encode(&Problem { error }),
            };
        }
        Outcome::Options => cors::preflight(&mut headers, ALLOW),
        Outcome::Stored(_) | Outcome::Peeked | Outcome::Dropped(_) => {}
    }
    if !json.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    let mut response = Response::new(Either::Left(json.into()));
    *response.status_mut() = outcome.status();
    *response.headers_mut() = headers;
    response
}

#[derive(Serialize)]
struct Problem {
    error: Option<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    accepted: usize,
    ids: &'a [EventId],
    rejected: Vec<Invalid<'a>>,
}

#[derive(Serialize)]
struct Invalid<'a> {
    index: usize,
    reason: &'a str,
}

impl<'a> Report<'a> {
    fn of(error: Option<String>, taken: &'a TakenBatch) -> Self {
        let invalid = taken.rejected.iter();
        let rejected = invalid.map(|event| Invalid { index: event.index, reason: &event.reason }).collect();
        Self { error, accepted: taken.ids.len(), ids: &taken.ids, rejected }
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    // Plain structs into memory: there is nothing that could fail. If it did, the status would still be true.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check_key(authorization: Option<&str>, uri: &str, expected: bool) {
        let mut request = Request::builder().uri(uri);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let (request, ()) = request.body(()).unwrap().into_parts();
        let keys = ["first-key".to_owned(), "k+2&".to_owned()];
        assert_eq!(has_key(&keys, &request), expected, "{authorization:?} {uri}");
    }

    #[test]
    fn a_key_comes_in_the_header_or_the_query() {
        check_key(None, "/e", false);
        check_key(Some("Bearer first-key"), "/e", true);
        check_key(Some("bearer  k+2& "), "/e", true);
        check_key(Some("Bearer first-ke"), "/e", false);
        check_key(Some("Bearer first-keys"), "/e", false);
        check_key(Some("Bearer "), "/e", false);
        check_key(Some("Bearer"), "/e", false);
        check_key(Some("Basic first-key"), "/e", false);
        check_key(Some("first-key"), "/e", false);
        check_key(None, "/e?a=b&key=k%2B2%26", true);
        check_key(None, "/e?key=first-key2", false);
        check_key(None, "/e?key=", false);
        check_key(Some("Bearer wrong"), "/e?key=first-key", true);
    }

    #[test]
    fn types_and_encodings() {
        let check = |value: &'static str, type_expected, encoding_expected| {
            let value = HeaderValue::from_static(value);
            assert_eq!(is_event_type(Some(value.as_bytes())), type_expected, "{value:?}");
            assert_eq!(encoding(Some(&value)), encoding_expected, "{value:?}");
        };
        check("application/json", true, None);
        check("Application/JSON ; charset=utf-8", true, None);
        check("text/plain;charset=UTF-8", true, None);
        check("application/jsonp", false, None);
        check("text/html", false, None);
        check("", false, None);
        check("GZIP", false, Some(Encoding::Gzip));
        check("identity", false, Some(Encoding::Identity));
        check("br", false, None);
        check("gzip, gzip", false, None);
        assert!(!is_event_type(None));
        assert_eq!(encoding(None), Some(Encoding::Identity));
    }
}
