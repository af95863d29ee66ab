//! From a request to its answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, StatusCode};
use lambda_runtime::LambdaEvent;
use onepixel_dashboard::pages;
use onepixel_event::{EventId, Time};
use onepixel_gateway::ingest::Ingest;
use onepixel_gateway::{PixelHit, PixelRequest, pixel_hit, pixel_not_stored, pixel_overloaded, pixel_stored};

use super::hold::Unfinished;
use super::outbox::{Full, Limits, NotStored, Offer, Outbox};
use super::settings::{Ack, Settings};
use crate::clock::Clock;
use crate::http_api::{HttpAnswer, HttpRequest, Payload};
use crate::metrics::Counters;
use crate::salt::{DaySalt, NoSalt};

/// How long an event may be delayed by a table that does not answer.
const SALT_WITHIN: Duration = Duration::from_millis(400);
/// What a hit needs: a URL, some headers, and what they are made into.
const LINE_BYTES: usize = 2048;

/// The pixel's door. One serves all invocations of an environment.
pub struct Door {
    pub(super) settings: Settings,
    pub(super) ingest: Ingest,
    pub(super) salt: DaySalt,
    pub(super) outbox: Outbox,
    pub(super) unfinished: Unfinished,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Door {
    /// Answers one request. Never fails: whatever goes wrong has a status.
    pub async fn answer(&self, event: LambdaEvent<Payload>) -> HttpAnswer {
        let LambdaEvent { payload, context } = event;
        let now_ms = (self.clock)();
        self.counters.write_seldom(now_ms);
        let request = match HttpRequest::read(&payload) {
            Ok(request) => request,
            Err(bad) => {
                self.counters.add("NotThePixel", 1);
                return bad.answer();
            }
        };
        if request.path() == self.settings.script_path {
            return tracker(&request).await;
        }
        if request.path() != self.settings.pixel_path {
            self.counters.add("NotThePixel", 1);
            return HttpAnswer::plain(
                StatusCode::NOT_FOUND,
                "this is neither the path of the pixel nor that of the tracker",
            );
        }
        let left = Duration::from_millis(context.deadline.saturating_sub(now_ms));
        let limits = Limits::within(left);
        let now = Time::from_ms(i64::try_from(now_ms).unwrap_or(i64::MAX));
        let mut line = Vec::with_capacity(LINE_BYTES);
        let response = match self.look(&request, now, &mut line).await {
            PixelHit::Answer(response, reason) => {
                if let Some(reason) = reason {
                    self.counters.add(refused(reason), 1);
                }
                *response
            }
            PixelHit::Store(id) => match self.store(id, line, limits).await {
                Ok(()) => pixel_stored(id),
                Err(NoStore::Full(Full)) => {
                    self.counters.add("Overloaded", 1);
                    pixel_overloaded()
                }
                Err(NoStore::NotStored(NotStored(reason))) => pixel_not_stored(reason),
            },
        };
        HttpAnswer::of(&response)
    }

    async fn look(&self, request: &HttpRequest, now: Time, line: &mut Vec<u8>) -> PixelHit {
        let (method, headers) = (method(request), request.headers());
        if method == Method::GET {
            match self.salt.bring(self.ingest.salt(), now, SALT_WITHIN).await {
                Ok(()) => {}
                Err(NoSalt::Resting) => self.counters.add("NoSalt", 1),
                Err(error) => {
                    self.counters.add("NoSalt", 1);
                    tracing::error!(%error, "events go on without visitors");
                }
            }
        }
        let sender = request.client(&headers, &self.settings.trusted_proxies);
        let address = sender.map(|sender| sender.address);
        let request = PixelRequest { method: &method, query: request.query(), headers: &headers, address };
        pixel_hit(&self.ingest, request, now, line)
    }

    /// In the mode `before` returns when the line is stored; in the mode `after` when it is sure to be tried.
    async fn store(&self, id: EventId, line: Vec<u8>, limits: Limits) -> Result<(), NoStore> {
        let acknowledged = self.settings.ack == Ack::After;
        let told = self.outbox.offer(Offer { id, line, limits, acknowledged })?;
        if acknowledged {
            self.unfinished.push(told);
            return Ok(());
        }
        let ended = |_| Err(NotStored("the environment ends".to_owned()));
        Ok(told.await.unwrap_or_else(ended)?)
    }
}

/// The tracker, as every other onepixel serves it.
async fn tracker(request: &HttpRequest) -> HttpAnswer {
    let method = method(request);
    let mut response = pages::tracker(&method, &request.headers());
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    HttpAnswer::whole(response).await
}

/// The method; one that is none is answered as one that is not served.
fn method(request: &HttpRequest) -> Method {
    request.method().unwrap_or(Method::CONNECT)
}

enum NoStore {
    Full(Full),
    NotStored(NotStored),
}

impl From<Full> for NoStore {
    fn from(full: Full) -> Self {
        Self::Full(full)
    }
}

impl From<NotStored> for NoStore {
    fn from(not_stored: NotStored) -> Self {
        Self::NotStored(not_stored)
    }
}

/// The metric for what was refused or dropped, by the gateway's word for it.
fn refused(reason: &'static str) -> &'static str {
    match reason {
        "method" => "RefusedMethod",
        "gpc" => "DroppedGpc",
        _ => "Refused",
    }
}
