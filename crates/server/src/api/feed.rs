//! `GET /api/v1/live`: every hit as it becomes durable, pushed as Server-Sent Events (WHATWG HTML, section 9.2).
//!
//! Each client reads the stream for itself, so a slow one delays nobody. A client that reconnects with
//! `Last-Event-ID` goes on where it was. When hits come faster than a person can read, the oldest are left out and
//! their number is told.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use onepixel_stream::{Offset, ReadError, Reader, Record};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Api, Asked, Problem};

/// Open feeds at most: each holds a connection and a frame of the log (up to 4 MiB), and reads the log for itself on
/// the threads that also take hits.
pub(crate) const CLIENTS_MAX: usize = 32;
/// Hits in one push at most; what is older at that moment is left out.
const HITS_MAX: usize = 50;
/// Bytes of hits in one push, whichever comes first: what a client that does not read makes us hold. Fifty ordinary
/// hits are 40 KiB.
const BYTES_MAX: usize = 96 << 10;
/// Time between two pushes: well within a second for the eye, and few wake-ups under load.
const PUSH_EVERY: Duration = Duration::from_millis(200);
/// The same after a push that left hits out: nobody can read them anyway, and each jump ahead in the log costs far
/// more than reading on.
const PUSH_EVERY_SKIPPING: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
pub(crate) struct From {
    /// The offset of the first hit wanted; without it, from now on.
    from: Option<Offset>,
}

struct Feed {
    reader: Reader,
    /// The offset of the next hit.
    next: Offset,
    /// The next push is not before this moment.
    not_before: Option<Instant>,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

/// Answers with an endless stream of `hit` and `skipped` events, or 503 when too many are open.
pub(crate) async fn follow(
    State(api): State<Arc<Api>>,
    Asked(query): Asked<From>,
    headers: HeaderMap,
) -> Response {
    let Ok(permit) = Semaphore::try_acquire_owned(api.feeds.clone()) else {
        let message = format!("{CLIENTS_MAX} live feeds are open; close one and try again");
        return Problem(StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    };
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<Offset>().ok());
    let end = api.stream.state().durable;
    let from = seen.map_or(query.from.unwrap_or(end), |offset| offset.saturating_add(1)).min(end);
    let reader = api.stream.reader(from);
    let feed = Feed { reader, next: from, not_before: None, stop: api.stop.clone(), _permit: permit };
    let pushes = stream::unfold(feed, |mut feed| async move {
        let events = feed.next().await?;
        Some((stream::iter(events.into_iter().map(Ok::<Event, Infallible>)), feed))
    });
    let events = futures_util::StreamExt::flatten(pushes);
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

impl Feed {
    /// The next push, or `None` when the server stops.
    async fn next(&mut self) -> Option<Vec<Event>> {
        if let Some(at) = self.not_before {
            tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = self.stop.cancelled() => return None,
            }
        }
        loop {
            let skipped = self.skip();
            let records = tokio::select! {
                records = self.reader.next(HITS_MAX, BYTES_MAX) => records,
                () = self.stop.cancelled() => return None,
            };
            match records {
                Ok(records) => {
                    let pause = if skipped > 0 { PUSH_EVERY_SKIPPING } else { PUSH_EVERY };
                    self.not_before = Some(Instant::now() + pause);
                    self.next = records.last().map_or(self.next, |last| last.offset + 1);
                    let mut events: Vec<Event> = records.iter().map(hit).collect();
                    if skipped > 0 {
                        events.insert(0, Event::default().event("skipped").data(skipped.to_string()));
                    }
                    return Some(events);
                }
                Err(ReadError::Gone { oldest, .. }) => {
                    self.next = oldest;
                    self.reader.seek(oldest);
                }
                Err(ReadError::Closed) => return None,
                Err(error) => {
                    tracing::warn!(%error, "a live feed ends: the stream cannot be read");
                    return None;
                }
            }
        }
    }

    /// Leaves out what is too much for one push; returns how many.
    fn skip(&mut self) -> Offset {
        let newest = self.reader.end().saturating_sub(HITS_MAX as Offset);
        let skipped = newest.saturating_sub(self.next);
        if skipped > 0 {
            self.reader.seek(newest);
        }
        skipped
    }
}

fn hit(record: &Record) -> Event {
    // The payload is one line of UTF-8 by the codec's promise.
    let line = String::from_utf8_lossy(&record.payload);
    Event::default().id(record.offset.to_string()).event("hit").data(line.replace(['\n', '\r'], " "))
}
