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
mod delivery;
mod elsewhere;
mod events;
mod fallback;
mod last;
mod limits;
mod line;
mod pixel;
mod plain;
mod respond;
mod serve;
mod socket;
mod throttle;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{ALLOW, CONNECTION, HeaderName, RETRY_AFTER, VIA};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body as _, Incoming};
use onepixel_event::Time;
use onepixel_stream::{AppendError, Clock, Lane, Records, Stream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

pub use client::Client;
pub use elsewhere::{PixelHit, PixelRequest, pixel_hit, pixel_not_stored, pixel_overloaded, pixel_stored};
pub use events::is_event_type;
pub use fallback::Fallback;
pub use last::{LastRequest, LastRequests};
pub use limits::{HEADERS_MAX, Limits};
pub use serve::{Served, serve};

use crate::ingest::{Caller, Ingest, Taken};
use crate::metrics::{Door, Metrics, Raised};
use crate::settings::{InvalidSettings, Settings};
use body::Budget;
use connection::Visit;
use cors::Cors;
use delivery::{Hit, Waiter};
use fallback::Body;
use limits::CROWDED_FREE_DIVISOR;
use line::Line;
use plain::Plain;
use respond::{Outcome, Refusal};
use throttle::{Throttle, Throttled};

/// Everything a request needs. Shared by all connections of an accept loop, and but for its lane into the stream by all
/// accept loops.
pub struct Gateway {
    shared: Arc<Shared>,
    lane: Lane<Waiter>,
    /// Where a plain hit's event is written, before the lane takes it.
    records: Mutex<Records>,
}

/// What there is once, however many loops accept.
struct Shared {
    settings: Settings,
    stream: Stream,
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
            stream,
            ingest,
            clock,
            started: Instant::now(),
            metrics,
            fallback,
        };
        Ok(Self::over(Arc::new(shared)))
    }

    /// The same gateway with a lane of its own: for an accept loop with a runtime of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::over(Arc::clone(&self.shared))
    }

    fn over(shared: Arc<Shared>) -> Self {
        let lane = shared.stream.lane();
        Self { shared, lane, records: Mutex::default() }
    }

    /// The thread has nothing else to do. For a single-threaded runtime to call before it parks; without it answers may
    /// take a millisecond longer.
    pub fn rest(&self) {
        self.lane.rest();
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
        let (asked, answer) = oneshot::channel();
        self.lane.append(&records, Waiter::Request(asked), None).map_err(Refusal::Append)?;
        drop(records);
        let stopped = |_| Err(AppendError::Failed { reason: "the gateway stopped".to_owned() });
        let appended = answer.await.unwrap_or_else(stopped).map_err(Refusal::Append)?;
        self.shared.metrics.append.observe(began.elapsed());
        self.shared.metrics.accepted(events, appended.duplicates);
        Ok(())
    }

    /// Gives a plain hit to the lane, which will see to its answer. An error is the answer, now.
    fn take(
        &self,
        client: Client,
        plain: &Plain<'_>,
        head: &[u8],
        line: &Arc<Line>,
        began: Instant,
    ) -> Result<(), Outcome> {
        self.admit(client).map_err(Outcome::Refused)?;
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.clear();
        let now = self.now();
        let taken = self.shared.ingest.pixel(plain.query, &plain.caller, now, &mut records);
        let id = match taken {
            Ok(Taken::Stored(id)) => id,
            Ok(Taken::Dropped(why)) => return Err(Outcome::Dropped(why)),
            Err(error) => return Err(Outcome::Refused(error.into())),
        };
        let request = self.shared.metrics.last.has_room(now, true).then(|| plain::parts(head)).flatten();
        let request = request.map(|request| Box::new((client, request)));
        let hit = Hit { line: Arc::clone(line), id, began, closes: plain.closes, request };
        let before = line.seen_in(self.lane.round());
        let appended = self.lane.append(&records, Waiter::Hit(hit), before);
        appended.map_err(|error| Outcome::Refused(Refusal::Append(error)))
    }

    fn is_crowded(&self) -> bool {
        self.shared.connections.available_permits() < self.limits().connections_max / CROWDED_FREE_DIVISOR
    }
}

/// Takes a hit in its plainest form from a line; false when `head` is not one, and for hyper to read.
fn plain_hit(gateway: &Gateway, peer: SocketAddr, line: &Arc<Line>, head: &[u8], began: Instant) -> bool {
    let settings = &gateway.shared.settings;
    if head.len() > settings.limits.head_bytes_max {
        return false;
    }
    let Some(mut plain) = plain::read(head, &settings.pixel_path) else { return false };
    let address = client::address(peer.ip(), &plain.forwarded, &settings.trusted_proxies);
    plain.caller.address = Some(address);
    gateway.shared.metrics.in_flight.inc();
    line.begin();
    let client = Client { address, peer, encrypted: false };
    if let Err(outcome) = gateway.take(client, &plain, head, line, began) {
        gateway.shared.metrics.in_flight.dec();
        if gateway.shared.metrics.last.has_room(gateway.now(), false)
            && let Some(request) = plain::parts(head)
        {
            gateway.remember(Door::Pixel, client, &request, &outcome);
        }
        gateway.say(line, &outcome, gateway.is_last(line, plain.closes));
    }
    true
}

/// Answers one request. Never fails: whatever goes wrong has a status.
async fn answer(visit: Arc<Visit>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let gateway = &*visit.gateway;
    let _in_flight = Raised::new(&gateway.shared.metrics.in_flight);
    if !request.body().is_end_stream() {
        visit.had_body.store(true, Ordering::Relaxed);
    }
    let (peer, settings) = (visit.peer, &gateway.shared.settings);
    let client = Client::of(peer, request.headers(), &settings.trusted_proxies, settings.tls.is_some());
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
        Outcome::Unwanted(_) => metrics.rejected(crate::ingest::GPC),
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
    Caller { address: Some(client.address), ..told(headers) }
}

/// What the headers tell of a caller.
fn told(headers: &HeaderMap) -> Caller<'_> {
    let text = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let is_one = |name: &HeaderName| text(name) == Some(b"1");
    Caller {
        address: None,
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
