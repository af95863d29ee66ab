//! `/api/v1/requests`, the inspector: the last requests at the two doors, what became of each, and why.
//!
//! Two sources side by side: what the gateway remembers in memory (refusals, and a sample of what was stored, with the raw
//! query), and the last records of the stream (everything that was stored). A request that both know stands once.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onepixel_event::Event;
use onepixel_gateway::LastRequest;
use onepixel_stream::Record;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{Api, Asked, ErrorBody, Problem, newest};
use crate::Edge;

/// Requests in one answer.
const LIMIT_MAX: usize = 1000;
/// Records of the stream looked through: for the newest ones, and when something is looked for.
const LOOK_BACK: usize = 1000;
const SEARCH_BACK: usize = 20_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Requests at most, up to 1000.
    #[serde(default = "hundred")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
    /// Only the request of this event.
    id: Option<String>,
    /// Only requests from this address, as far as the privacy policy keeps addresses.
    address: Option<String>,
}

fn hundred() -> usize {
    100
}

/// One request and what it came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RequestState {
    at_ms: i64,
    /// `pixel` or `events`.
    door: &'static str,
    method: String,
    path: String,
    /// As sent; empty when there was none, or when it was not kept.
    query: String,
    /// After the privacy policy.
    address: Option<String>,
    status: u16,
    /// Why not all of it was stored.
    reason: Option<&'static str>,
    /// The same in words.
    detail: Option<String>,
    offset: Option<u64>,
    event_id: Option<String>,
    class: Option<&'static str>,
    /// Those that decide what an event says, as sent.
    headers: HashMap<&'static str, String>,
    /// The event it became, as it is stored.
    #[schema(value_type = Option<Object>)]
    event: Option<Box<RawValue>>,
}

/// The last requests, the newest first.
#[utoipa::path(get, path = "/api/v1/requests", operation_id = "listRequests", tag = "operations", params(Which),
    responses((status = 200, body = Vec<RequestState>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<RequestState>>, Problem> {
    let bad = |text: String| Problem(StatusCode::BAD_REQUEST, text);
    let limit = Some(which.limit).filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let limit = limit.ok_or_else(|| bad(format!("limit: give 1 to {LIMIT_MAX}")))?;
    let id = match which.id.filter(|id| !id.is_empty()) {
        None => None,
        Some(text) => {
            let id = onepixel_event::EventId::parse(&text);
            Some(id.map_err(|_| bad(format!("id: {text:?} is not the id of an event, a UUID")))?.to_string())
        }
    };
    let address = match which.address.filter(|address| !address.is_empty()) {
        None => None,
        Some(text) => {
            let address: IpAddr =
                text.trim().parse().map_err(|_| bad(format!("address: {text:?} is not an IP address")))?;
            let kept = api.edge.ip_policy.kept(address);
            Some(
                kept.ok_or_else(|| bad("address: privacy.ip = \"drop\" keeps no address".into()))?
                    .to_string(),
            )
        }
    };
    let back = if id.is_some() || address.is_some() { SEARCH_BACK } else { LOOK_BACK.max(limit) };
    let here = &api.here()?.parts;
    let records = newest::last(here.stream(), back).await?;
    let mut requests = joined(here.last_requests().newest_first(), &records, &api.edge);
    requests.retain(|request| {
        (id.is_none() || request.event_id == id) && (address.is_none() || request.address == address)
    });
    // Stable: of one millisecond's, the one that was answered last stays first.
    requests.sort_by_key(|request| Reverse(request.at_ms));
    requests.truncate(limit);
    Ok(Json(requests))
}

/// What is remembered with the event it became, and every other record; each the newest first.
fn joined(remembered: Vec<Arc<LastRequest>>, records: &[Record], edge: &Edge) -> Vec<RequestState> {
    let mut by_id: HashMap<String, RequestState> = HashMap::with_capacity(records.len());
    for record in records {
        if let Some(state) = stored(record, edge) {
            by_id.insert(state.event_id.clone().unwrap_or_default(), state);
        }
    }
    let mut requests = Vec::with_capacity(remembered.len() + by_id.len());
    for request in remembered {
        let event = request.event_id.and_then(|id| by_id.remove(&id.to_string()));
        requests.push(with_query(&request, event));
    }
    let mut others: Vec<RequestState> = by_id.into_values().collect();
    others.sort_by_key(|request| Reverse(request.offset));
    requests.extend(others);
    requests
}

fn with_query(request: &LastRequest, event: Option<RequestState>) -> RequestState {
    let (offset, class, event) =
        event.map_or((None, None, None), |found| (found.offset, found.class, found.event));
    RequestState {
        at_ms: request.at.ms(),
        door: request.door.as_str(),
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone().unwrap_or_default(),
        address: request.address.map(|address| address.to_string()),
        status: request.status,
        reason: request.reason,
        detail: request.detail.clone(),
        offset,
        event_id: request.event_id.map(|id| id.to_string()),
        class,
        headers: request.headers.iter().cloned().collect(),
        event,
    }
}

/// A request of which only the event is known.
fn stored(record: &Record, edge: &Edge) -> Option<RequestState> {
    let event = Event::decode(&record.payload).ok()?;
    let (method, path, status) = match event.source {
        onepixel_event::Source::Pixel => ("GET", &edge.pixel_path, 200),
        onepixel_event::Source::Api => ("POST", &edge.events_path, 202),
    };
    let agent = event.user_agent.as_deref().map(|agent| ("user-agent", agent.to_owned()));
    Some(RequestState {
        at_ms: event.received_at.ms(),
        door: if status == 200 { "pixel" } else { "events" },
        method: method.to_owned(),
        path: path.clone(),
        query: String::new(),
        address: event.ip.as_deref().map(str::to_owned),
        status,
        reason: None,
        detail: None,
        offset: Some(record.offset),
        event_id: Some(event.id.to_string()),
        class: Some(event.class.as_str()),
        headers: agent.into_iter().collect(),
        event: Some(newest::line(record)),
    })
}
