//! The raw body of a `POST /e` that went from API Gateway straight into Kinesis.
//!
//! The template writes one JSON object. Whatever a caller chose is base64 in it, so that nothing can break out; the
//! decoded bytes are the caller's and to be judged as a request's are.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onepixel_event::Time;
use serde::Deserialize;

use super::Poison;

/// A request's body and what API Gateway knows of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBody {
    /// When the request came (`requestTimeEpoch`).
    pub at: Time,
    /// Who sent it, as API Gateway saw them.
    pub address: Option<IpAddr>,
    /// Headers, undecoded.
    pub headers: RawHeaders,
    /// True with `Sec-GPC: 1` or `DNT: 1`.
    pub gpc: bool,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

/// The headers that matter; an empty one counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawHeaders {
    /// `User-Agent`
    pub user_agent: Option<Vec<u8>>,
    /// `Content-Type`
    pub content_type: Option<Vec<u8>>,
    /// `Referer`
    pub referer: Option<Vec<u8>>,
    /// `Accept-Language`
    pub language: Option<Vec<u8>>,
}

/// The form on the wire. Unknown fields are no mistake: a newer template may say more.
#[derive(Deserialize)]
struct Wire<'a> {
    raw: u32,
    at: i64,
    #[serde(default)]
    ip: &'a str,
    #[serde(default)]
    ua64: &'a str,
    #[serde(default)]
    type64: &'a str,
    #[serde(default)]
    referer64: &'a str,
    #[serde(default)]
    language64: &'a str,
    #[serde(default)]
    gpc: &'a str,
    body64: &'a str,
}

impl RawBody {
    /// Reads the object.
    ///
    /// # Errors
    /// [`Poison`] when it is not one that the template writes.
    pub(super) fn read(data: &[u8]) -> Result<Self, Poison> {
        let poison = |what: String| Poison { reason: format!("not a raw body: {what}") };
        let wire: Wire<'_> = serde_json::from_slice(data).map_err(|error| poison(error.to_string()))?;
        if wire.raw != 1 {
            return Err(poison(format!("it has version {}, and this program knows version 1", wire.raw)));
        }
        let decode = |name: &str, text: &str| {
            STANDARD.decode(text).map_err(|error| poison(format!("{name} is not base64: {error}")))
        };
        let header = |name: &str, text: &str| {
            Ok::<_, Poison>(Some(decode(name, text)?).filter(|bytes| !bytes.is_empty()))
        };
        Ok(Self {
            at: Time::from_ms(wire.at),
            address: wire.ip.parse().ok(),
            headers: RawHeaders {
                user_agent: header("ua64", wire.ua64)?,
                content_type: header("type64", wire.type64)?,
                referer: header("referer64", wire.referer64)?,
                language: header("language64", wire.language64)?,
            },
            gpc: wire.gpc == "1",
            body: decode("body64", wire.body64)?,
        })
    }
}
