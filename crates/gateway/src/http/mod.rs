//! The edge: from a connection to an answer.
//!
//! Two paths are doors, the pixel's and the events'; they are matched byte by byte, before any router, and all
//! others go to the fallback. A door's answer is sent when the stream has made its events durable, or says
//! honestly that nothing was stored. Owns connections, limits, the throttle and every status.
//! Knows no sink and decodes no event: that is ingest's.

mod body;
mod client;
mod connection;
mod cors;
mod events;
mod fallback;
mod last;
mod limits;
mod pixel;
mod respond;
mod serve;
mod socket;
mod throttle;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header::{ALLOW, CONNECTION, HeaderName, RETRY_AFTER, VIA};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body as _, Incoming};
use onepixel_event::Time;
use onepixel_stream::{Clock, Records, Stream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use client::Client;
pub use fallback::Fallback;
pub use last::{LastRequest, LastRequests};
pub use limits::{HEADERS_MAX, Limits};
pub use serve::{Served, serve};

use crate::ingest::{Caller, Ingest};
use crate::metrics::{Door, Metrics, Raised};
use crate::settings::{InvalidSettings, Settings};
use body::Budget;
use connection::Visit;
use cors::Cors;
use fallback::Body;
use limits::CROWDED_FREE_DIVISOR;
use respond::{Outcome, Refusal};
use throttle::{Throttle, Throttled};

/// Everything a request needs. Shared by all connections of an accept loop, and but for its handle to the stream by
/// all accept loops.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
    stream: Stream,
}

/// What there is once, however many loops accept.
struct Shared {
    settings: Settings,
    cors: Cors,
    throttle: Throttle,
    bodies: Budget,
    connections: Arc<Semaphore>,
    ingest: Ingest,
    clock: Clock,
    started: Instant,
    metrics: Metrics,
    fallback: Fallback,
}

impl Gateway {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`InvalidSettings`] when a setting is impossible.
    pub fn new(
        settings: Settings,
        ingest: Ingest,
        stream: Stream,
        clock: Clock,
        metrics: Metrics,
        fallback: Fallback,
    ) -> Result<Self, InvalidSettings> {
        settings.check()?;
        let (rate, burst) = (settings.rate, settings.burst);
        let shared = Shared {
            cors: Cors::new(&settings.cors_origins),
            throttle: Throttle::new(rate, burst, settings.client_rate, settings.client_burst),
            bodies: Budget::new(settings.limits.bodies_bytes_max),
            connections: Arc::new(Semaphore::new(settings.limits.connections_max)),
            settings,
            ingest,
            clock,
            started: Instant::now(),
            metrics,
            fallback,
        };
        Ok(Self { shared: Arc::new(shared), stream })
    }

    /// The same gateway over another handle to the same stream: for an accept loop with a runtime of its own.
    #[must_use]
    pub fn with_stream(&self, stream: Stream) -> Self {
        Self { shared: Arc::clone(&self.shared), stream }
    }

    fn limits(&self) -> &Limits {
        &self.shared.settings.limits
    }

    fn door(&self, path: &str) -> Door {
        if path == self.shared.settings.pixel_path {
            Door::Pixel
        } else if path == self.shared.settings.events_path {
            Door::Events
        } else {
            Door::Other
        }
    }

    fn admit(&self, client: Client) -> Result<(), Refusal> {
        self.shared.throttle.admit(client.address, self.shared.started.elapsed()).map_err(|throttled| {
            match throttled {
                Throttled::Client(wait) => Refusal::ThrottledClient(wait),
                Throttled::All(wait) => Refusal::ThrottledAll(wait),
            }
        })
    }

    fn now(&self) -> Time {
        Time::from_ms(i64::try_from((self.shared.clock)()).unwrap_or(i64::MAX))
    }

    /// Waits until the records are durable.
    async fn append(&self, records: Records) -> Result<(), Refusal> {
        if records.is_empty() {
            return Ok(());
        }
        let events = records.len();
        let began = Instant::now();
        let appended = self.stream.append(records).await.map_err(Refusal::Append)?;
        self.shared.metrics.append.observe(began.elapsed());
        self.shared.metrics.accepted(events, appended.duplicates);
        Ok(())
    }

    fn is_crowded(&self) -> bool {
        self.shared.connections.available_permits() < self.limits().connections_max / CROWDED_FREE_DIVISOR
    }
}

/// Answers one request. Never fails: whatever goes wrong has a status.
async fn answer(visit: Arc<Visit>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let gateway = &*visit.gateway;
    let _in_flight = Raised::new(&gateway.shared.metrics.in_flight);
    if !request.body().is_end_stream() {
        visit.had_body.store(true, Ordering::Relaxed);
    }
    let client = Client::of(visit.peer, request.headers(), &gateway.shared.settings.trusted_proxies);
    let door = gateway.door(request.uri().path());
    let (mut response, keep) = match door {
        Door::Pixel => {
            let (request, _) = request.into_parts();
            let outcome = pixel::outcome(gateway, client, &request).await;
            count(&gateway.shared.metrics, &outcome);
            gateway.remember(door, client, &request, &outcome);
            (pixel::response(&outcome), true)
        }
        Door::Events => {
            let (request, body) = request.into_parts();
            let (outcome, read) = events::outcome(gateway, client, &request, body).await;
            count(&gateway.shared.metrics, &outcome);
            gateway.remember(door, client, &request, &outcome);
            (events::response(&outcome, gateway.shared.cors.answer(&request.headers)), read)
        }
        Door::Other => (other(gateway, client, request).await, true),
    };
    gateway.shared.metrics.answered(door, response.status().as_u16());
    if !keep || gateway.is_crowded() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

async fn other(gateway: &Gateway, client: Client, mut request: Request<Incoming>) -> Response<Body> {
    request.extensions_mut().insert(client);
    gateway.shared.fallback.answer(request).await
}

fn count(metrics: &Metrics, outcome: &Outcome) {
    match outcome {
        Outcome::Refused(refusal) => {
            tracing::debug!(reason = refusal.reason(), "refused: {refusal}");
            metrics.rejected(refusal.reason());
        }
        Outcome::Dropped(why) => metrics.rejected(why),
        Outcome::Unwanted(_) => metrics.rejected(events::GPC),
        Outcome::Stored(_) | Outcome::Peeked | Outcome::Accepted(_) | Outcome::Options => {}
    }
}

/// The headers an outcome has at both doors.
fn answer_headers(outcome: &Outcome, allow: &'static str, headers: &mut HeaderMap) {
    match outcome {
        Outcome::Refused(refusal) => {
            if let Refusal::Method { allow } = refusal {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            headers.extend(refusal.retry_after_s().map(|seconds| (RETRY_AFTER, seconds.into())));
        }
        Outcome::Options => {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        Outcome::Stored(_)
        | Outcome::Peeked
        | Outcome::Dropped(_)
        | Outcome::Accepted(_)
        | Outcome::Unwanted(_) => {}
    }
}

/// What ingest wants to know about who sent a request.
fn caller(client: Client, headers: &HeaderMap) -> Caller<'_> {
    let text = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let is_one = |name: &HeaderName| text(name) == Some(b"1");
    Caller {
        address: Some(client.address),
        user_agent: text(&http::header::USER_AGENT),
        referer: text(&http::header::REFERER),
        accept_language: text(&http::header::ACCEPT_LANGUAGE),
        purpose: PURPOSES.iter().find_map(text),
        via: text(&VIA),
        gpc: is_one(&SEC_GPC) || is_one(&http::header::DNT),
    }
}

/// How browsers say that they fetch ahead of a visit: today's header first, then what older ones send.
const PURPOSES: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// Global Privacy Control, a W3C draft.
const SEC_GPC: HeaderName = HeaderName::from_static("sec-gpc");
