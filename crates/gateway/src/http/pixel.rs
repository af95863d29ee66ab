//! The pixel's door: `GET` stores one event and answers with 43 bytes that no cache keeps.
//!
//! Whatever happens, an image is answered, as the page shows whatever comes; the status tells the truth.
//! `HEAD` gets the same headers and stores nothing.

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, EXPIRES, HeaderName, PRAGMA};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::Either;
use onepixel_stream::Records;

use super::respond::{Outcome, Refusal};
use super::{Body, Client, Gateway, answer_headers, caller, cors};
use crate::ingest::Taken;

pub(super) const ALLOW: &str = "GET, HEAD, OPTIONS";

const X_EVENT_ID: HeaderName = HeaderName::from_static("x-event-id");
const X_ONEPIXEL_DROPPED: HeaderName = HeaderName::from_static("x-onepixel-dropped");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// One transparent pixel (GIF89a specification, 1990).
const GIF: &[u8; 43] = &[
    b'G',
    b'I',
    b'F',
    b'8',
    b'9',
    b'a', // Signature and version.
    1,
    0,
    1,
    0, // A screen of 1 by 1.
    0b1000_0000,
    0,
    0, // With a global table of 2 colours; background and aspect ratio 0.
    0,
    0,
    0,
    255,
    255,
    255, // Black and white.
    0x21,
    0xF9,
    4,
    1,
    0,
    0,
    0,
    0, // Graphic control: colour 0 is transparent.
    0x2C,
    0,
    0,
    0,
    0,
    1,
    0,
    1,
    0,
    0, // An image of 1 by 1 at the corner.
    2,
    2,
    0x44,
    1,
    0,    // LZW from 2 bits: clear, colour 0, end.
    0x3B, // Trailer.
];

pub(super) async fn outcome(gateway: &Gateway, client: Client, request: &Parts) -> Outcome {
    match request.method {
        Method::GET => store(gateway, client, request).await.unwrap_or_else(Outcome::Refused),
        _ => without_event(&request.method),
    }
}

/// What a request that brings no event comes to.
pub(super) fn without_event(method: &Method) -> Outcome {
    match *method {
        Method::HEAD => Outcome::Peeked,
        Method::OPTIONS => Outcome::Options,
        _ => Outcome::Refused(Refusal::Method { allow: ALLOW }),
    }
}

async fn store(gateway: &Gateway, client: Client, request: &Parts) -> Result<Outcome, Refusal> {
    gateway.admit(client)?;
    let mut records = Records::new();
    let query = request.uri.query().unwrap_or_default().as_bytes();
    // From here to the stream without waiting, so that the stream's order is the order of the times.
    let caller = caller(client, &request.headers);
    match gateway.shared.ingest.pixel(query, &caller, gateway.now(), &mut records)? {
        Taken::Dropped(why) => Ok(Outcome::Dropped(why)),
        Taken::Stored(id) => {
            gateway.append(records).await?;
            Ok(Outcome::Stored(id))
        }
    }
}

pub(super) fn response(outcome: &Outcome) -> Response<Body> {
    let (headers, body) = answer(outcome);
    let mut response = Response::new(Either::Left(body.into()));
    *response.status_mut() = outcome.status();
    *response.headers_mut() = headers;
    response
}

/// The headers and the body.
pub(super) fn answer(outcome: &Outcome) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/gif"));
    let no_store = "no-store, no-cache, must-revalidate, private, max-age=0";
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(no_store));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    answer_headers(outcome, ALLOW, &mut headers);
    let mut body = Bytes::from_static(GIF);
    match outcome {
        Outcome::Stored(id) => {
            let mut text = [0; 36];
            // A UUID's characters can all stand in a header.
            headers.extend(HeaderValue::from_str(id.encode(&mut text)).ok().map(|id| (X_EVENT_ID, id)));
        }
        Outcome::Dropped(why) => {
            headers.insert(X_ONEPIXEL_DROPPED, HeaderValue::from_static(why));
        }
        Outcome::Options => {
            headers.remove(CONTENT_TYPE);
            cors::preflight(&mut headers, ALLOW);
            body = Bytes::new();
        }
        Outcome::Peeked | Outcome::Accepted(_) | Outcome::Unwanted(_) | Outcome::Refused(_) => {}
    }
    (headers, body)
}

#[cfg(test)]
mod tests {
    use super::GIF;

    /// Walks the blocks as a decoder would: every length must lead exactly to the next block.
    #[test]
    fn the_image_is_a_whole_gif_of_one_transparent_pixel() {
        assert_eq!(&GIF[..6], b"GIF89a");
        assert_eq!(GIF[6..10], [1, 0, 1, 0]);
        let colors = 2usize << (GIF[10] & 0b111);
        let control = 13 + 3 * colors;
        assert_eq!(GIF[control..control + 3], [0x21, 0xF9, 4]);
        assert_eq!(GIF[control + 3] & 1, 1, "transparent");
        assert_eq!(GIF[control + 6], 0, "colour 0 is the transparent one");
        let image = control + 8;
        assert_eq!(GIF[image..image + 10], [0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0]);
        let (code_bits, data_bytes) = (GIF[image + 10] + 1, usize::from(GIF[image + 11]));
        let data = u16::from_le_bytes([GIF[image + 12], GIF[image + 13]]);
        let codes = [data & 7, data >> code_bits & 7, data >> (2 * code_bits) & 7];
        assert_eq!((code_bits, data_bytes, codes), (3, 2, [4, 0, 5]), "clear, colour 0, end");
        assert_eq!(GIF[image + 14..], [0, 0x3B]);
    }
}
