//! The pixel's door without the rest of the edge: for a function behind somebody else's gateway, which brings a request
//! and stores the line itself.
//!
//! Promises the same ingest and the same answers as the door of [`Gateway`](super::Gateway). Has no throttle, which is
//! the business of the gateway in front, and stores nothing: an answer that says so is the caller's to send, when it is
//! true.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use onepixel_event::{EventId, Time};
use onepixel_stream::AppendError;

use super::respond::{Outcome, Refusal};
use super::{pixel, told};
use crate::ingest::{Caller, Ingest, Taken};

/// A request for the pixel.
#[derive(Debug, Clone, Copy)]
pub struct PixelRequest<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its query string, without the question mark.
    pub query: &'a [u8],
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Who sent it; see [`Client::of`](super::Client::of) for proxies in between.
    pub address: Option<IpAddr>,
}

/// What is to be done about a request.
#[derive(Debug)]
pub enum PixelHit {
    /// Answer this: there is nothing to store. The word is the reason, as the gateway counts it; none where nothing
    /// was refused.
    Answer(Box<Response<Bytes>>, Option<&'static str>),
    /// Store the line, then answer [`pixel_stored`], or [`pixel_not_stored`].
    Store(EventId),
}

/// Looks at a request; the line of an event to store is appended to `line`, without a line end.
pub fn pixel_hit(ingest: &Ingest, request: PixelRequest<'_>, now: Time, line: &mut Vec<u8>) -> PixelHit {
    let outcome = match *request.method {
        Method::GET => {
            let caller = Caller { address: request.address, ..told(request.headers) };
            match ingest.pixel_line(request.query, &caller, now, line) {
                Taken::Stored(id) => return PixelHit::Store(id),
                Taken::Dropped(why) => Outcome::Dropped(why),
            }
        }
        _ => pixel::without_event(request.method),
    };
    PixelHit::Answer(Box::new(response(&outcome)), reason(&outcome))
}

/// The answer for an event that is stored.
pub fn pixel_stored(id: EventId) -> Response<Bytes> {
    response(&Outcome::Stored(id))
}

/// The answer for an event that could not be stored, and may be later.
pub fn pixel_not_stored(reason: String) -> Response<Bytes> {
    response(&Outcome::Refused(Refusal::Append(AppendError::NotWritten { reason })))
}

/// The answer for an event that found no room to wait in.
pub fn pixel_overloaded() -> Response<Bytes> {
    response(&Outcome::Refused(Refusal::Append(AppendError::Overloaded)))
}

fn response(outcome: &Outcome) -> Response<Bytes> {
    let (headers, body) = pixel::answer(outcome);
    let mut response = Response::new(body);
    *response.status_mut() = outcome.status();
    *response.headers_mut() = headers;
    response
}

fn reason(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Refused(refusal) => Some(refusal.reason()),
        Outcome::Dropped(why) => Some(why),
        Outcome::Stored(_)
        | Outcome::Peeked
        | Outcome::Accepted(_)
        | Outcome::Unwanted(_)
        | Outcome::Options => None,
    }
}
