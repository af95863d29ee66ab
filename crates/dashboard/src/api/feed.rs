//! `GET /api/v1/live`: every hit as it becomes durable, pushed as Server-Sent Events (WHATWG HTML, section 9.2).
//!
//! `id:` is the offset, so that a client that reconnects with `Last-Event-ID` goes on behind the last hit it saw: no gap
//! and no double. What a client cannot be given is said in an event `gap`, never left out in silence: more than a thousand
//! hits while it was away, or faster than it reads. A `now` every five seconds carries an `id:`, too, so that a client with
//! a narrow filter does not come back with an old one.

mod filter;
mod tail;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use onepixel_stream::{Offset, Stream};
use onepixel_view::Query;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::questions::{Asked, AskedFeed};
use super::{Api, ErrorBody, Here, Problem, newest, now, public};
use crate::access::{Caller, Scope};
use filter::Filter;
pub(crate) use tail::Tail;
use tail::{Hit, Piece};

/// Open feeds at most: each holds a connection and what it was not given yet. Half of them are kept for those who signed in.
pub(crate) const CLIENTS_MAX: usize = 64;
pub(crate) const PUBLIC_CLIENTS_MAX: usize = 32;
/// Hits that wait for one client, and that are caught up: beyond, a `gap`.
const WAITING_MAX: usize = 1000;
/// Hits in one push, and the time between two: within a second for the eye, and what a browser can show.
const PUSH_HITS_MAX: usize = 100;
const PUSH_EVERY: Duration = Duration::from_millis(200);
/// How often the number of people on the site is told, and the caller's proof looked at again.
const NOW_EVERY: Duration = Duration::from_secs(5);
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// What is sent next.
enum Item {
    Hit(Arc<Hit>),
    /// The offsets from the first up to and without the second.
    Gap(Offset, Offset),
}

struct Feed {
    api: Arc<Api>,
    stream: Stream,
    caller: Caller,
    filter: Filter,
    query: Query,
    pieces: Receiver<Arc<Piece>>,
    waiting: VecDeque<Item>,
    /// Hits in `waiting`.
    hits: usize,
    /// Everything before this offset was taken in.
    next: Offset,
    not_before: Instant,
    now_at: Instant,
    _permit: OwnedSemaphorePermit,
}

/// Hits as they become durable, without end.
#[utoipa::path(get, path = "/api/v1/live", operation_id = "followLive", tag = "live", params(AskedFeed, ("last-event-id" = Option<u64>, Header)),
    responses((status = 200, description = "events `hit`, `gap` and `now`", body = String, content_type = "text/event-stream"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub(super) async fn follow(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut asked = Asked::new(raw.as_deref())?;
    let (query, after) = (asked.query()?, asked.offset("after")?);
    asked.finish()?;
    let permit = permit(api.here()?, &caller)?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<Offset>().ok());
    let stream = api.here()?.parts.stream().clone();
    let (pieces, position) = api.here()?.tail.subscribe();
    let from = seen.or(after).map_or(position, |last| last.saturating_add(1)).min(position);
    let now = Instant::now();
    let mut feed = Feed {
        stream,
        caller,
        filter: Filter::of(&query),
        query,
        pieces,
        waiting: VecDeque::new(),
        hits: 0,
        next: from,
        not_before: now,
        now_at: now,
        _permit: permit,
        api,
    };
    feed.catch_up(position).await?;
    let pushes = stream::unfold(feed, |mut feed| async move {
        let events = feed.push().await?;
        Some((stream::iter(events.into_iter().map(Ok::<Event, Infallible>)), feed))
    });
    let events = futures_util::StreamExt::flatten(pushes);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)).into_response())
}

fn permit(here: &Here, caller: &Caller) -> Result<OwnedSemaphorePermit, Problem> {
    let slots = match caller.scope {
        Scope::Public(_) => &here.public_feeds,
        Scope::Admin | Scope::Read => &here.feeds,
    };
    Semaphore::try_acquire_owned(slots.clone()).map_err(|_| {
        let text = "too many live feeds are open; close one and try again";
        Problem(StatusCode::SERVICE_UNAVAILABLE, text.into())
    })
}

impl Feed {
    /// Takes in what came before `position`, where the pieces begin.
    async fn catch_up(&mut self, position: Offset) -> Result<(), Problem> {
        let from = self.next.max(position.saturating_sub(WAITING_MAX as Offset));
        let count = usize::try_from(position - from).unwrap_or(WAITING_MAX);
        if count > 0 {
            let records = newest::records(&self.stream, from, count).await?;
            let hits: Vec<_> = records.iter().map(|record| Arc::new(Hit::of(record))).collect();
            if let (Some(first), Some(last)) = (hits.first(), hits.last()) {
                self.take(&Piece { first: first.offset, end: (last.offset + 1).min(position), hits });
            }
        }
        self.miss(position);
        Ok(())
    }

    /// The next events, or `None` when the feed ends: the server stops, or the caller may not look any more.
    async fn push(&mut self) -> Option<Vec<Event>> {
        let stop = self.api.stop.clone();
        stop.run_until_cancelled(tokio::time::sleep_until(self.not_before)).await?;
        loop {
            self.take_all()?;
            if Instant::now() >= self.now_at {
                if !self.api.access.still(&self.caller) {
                    return None;
                }
                self.now_at = Instant::now() + NOW_EVERY;
                let mut events = self.waiting();
                events.extend(self.now().await);
                if !events.is_empty() {
                    return Some(events);
                }
            }
            if !self.waiting.is_empty() {
                return Some(self.waiting());
            }
            tokio::select! {
                piece = self.pieces.recv() => match piece {
                    Ok(piece) => self.take(&piece),
                    // The next piece shows from where to where.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep_until(self.now_at) => {}
                () = stop.cancelled() => return None,
            }
        }
    }

    fn take_all(&mut self) -> Option<()> {
        loop {
            match self.pieces.try_recv() {
                Ok(piece) => self.take(&piece),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty) => return Some(()),
                Err(TryRecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, piece: &Piece) {
        self.miss(piece.first);
        for hit in &piece.hits {
            if hit.offset >= self.next && self.filter.wants(hit.fields.as_ref()) {
                self.make_room();
                self.waiting.push_back(Item::Hit(hit.clone()));
                self.hits += 1;
            }
        }
        self.next = self.next.max(piece.end);
    }

    /// Notes that nothing is known of the offsets up to `first`.
    fn miss(&mut self, first: Offset) {
        if first > self.next {
            match self.waiting.back_mut() {
                Some(Item::Gap(_, end)) if *end == self.next => *end = first,
                _ => self.waiting.push_back(Item::Gap(self.next, first)),
            }
            self.next = first;
        }
    }

    /// The client does not read: the oldest hit becomes part of a gap.
    fn make_room(&mut self) {
        if self.hits < WAITING_MAX {
            return;
        }
        let mut from = None;
        let mut until = 0;
        while let Some(item) = self.waiting.pop_front() {
            match item {
                Item::Gap(first, end) => {
                    from.get_or_insert(first);
                    until = end;
                }
                Item::Hit(hit) => {
                    from.get_or_insert(hit.offset);
                    until = hit.offset + 1;
                    self.hits -= 1;
                    break;
                }
            }
        }
        self.waiting.push_front(Item::Gap(from.unwrap_or(until), until));
    }

    /// What waits, as far as it goes into one push.
    fn waiting(&mut self) -> Vec<Event> {
        self.not_before = Instant::now() + PUSH_EVERY;
        let count = self.waiting.len().min(PUSH_HITS_MAX);
        let items: Vec<Item> = self.waiting.drain(..count).collect();
        self.hits -= items.iter().filter(|item| matches!(item, Item::Hit(_))).count();
        items.iter().map(|item| self.event(item)).collect()
    }

    fn event(&self, item: &Item) -> Event {
        match item {
            Item::Hit(hit) => {
                let data = match self.caller.scope {
                    Scope::Public(_) => {
                        format!(r#"{{"offset":{},"event":{}}}"#, hit.offset, public::redacted(&hit.line))
                    }
                    Scope::Admin | Scope::Read => {
                        format!(r#"{{"offset":{},"event":{}}}"#, hit.offset, hit.line)
                    }
                };
                Event::default().id(hit.offset.to_string()).event("hit").data(data)
            }
            Item::Gap(from, end) => {
                let (missed, to) = (end - from, end.saturating_sub(1));
                let data = format!(r#"{{"missed":{missed},"from":{from},"to":{to}}}"#);
                Event::default().id(to.to_string()).event("gap").data(data)
            }
        }
    }

    /// How many people are on the site; nothing while the live view cannot say.
    async fn now(&self) -> Option<Event> {
        let now = now::count(&self.api, &self.query).await?;
        let event = Event::default().event("now").data(format!(r#"{{"now":{now}}}"#));
        // Only when nothing waits that would come after it.
        let seen = self.next.checked_sub(1).filter(|_| self.waiting.is_empty());
        Some(match seen {
            Some(offset) => event.id(offset.to_string()),
            None => event,
        })
    }
}
