//! `/api/v1/setup`: what a snippet needs, and whether the first hit has come.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::FORWARDED;
use axum::http::request::Parts as RequestParts;
use onepixel_event::Event;
use onepixel_gateway::Client;
use onepixel_stream::Record;
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::Seen;
use super::{Api, ErrorBody, Problem, newest};

/// Hits looked at for a shared address, and how many there must be before it means anything.
const LOOK_BACK: usize = 1000;
const HITS_MIN: usize = 20;
/// The share from which one address is suspicious: a proxy that is not in `gateway.trusted_proxies`.
const SHARE: f64 = 0.9;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Setup {
    /// The whole address of the pixel.
    pixel_url: String,
    /// The whole address that takes events as JSON.
    events_url: String,
    /// The whole address of the tracker.
    script_url: String,
    pixel_path: String,
    events_path: String,
    script_path: String,
    /// Where the doors answer, as this request's host and scheme say.
    origin: String,
    address: Address,
    /// When the oldest hit that is retained was stored.
    first_hit_ms: Option<u64>,
    /// Hits since the stream began; null where there is no local stream.
    hits: Option<u64>,
    shared_address: Option<SharedAddress>,
}

/// What the local stream says of the hits so far.
#[derive(Debug, Default)]
struct Hits {
    first_ms: Option<u64>,
    count: Option<u64>,
    shared: Option<SharedAddress>,
}

/// The caller's own address as a hit from there would have it.
#[derive(Debug, Serialize, ToSchema)]
struct Address {
    seen: String,
    /// The other end of the connection.
    peer: String,
    /// The header that named the address.
    header: Option<&'static str>,
    /// The peer's headers are believed.
    trusted: bool,
}

/// Most hits share an address, so that all visitors look like one.
#[derive(Debug, Serialize, ToSchema)]
struct SharedAddress {
    address: String,
    /// 0 to 1.
    share: f64,
}

/// What the setup page shows.
#[utoipa::path(get, path = "/api/v1/setup", operation_id = "showSetup", tag = "operations",
    responses((status = 200, body = Setup), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub(super) async fn show(State(api): State<Arc<Api>>, head: RequestParts) -> Result<Json<Setup>, Problem> {
    let edge = &api.edge;
    let seen = Seen::of(&head, &edge.trusted_proxies);
    let mut known = Hits::default();
    if let Some(here) = &api.local {
        let stream = here.parts.stream();
        let (state, last) = (stream.state(), newest::last(stream, LOOK_BACK).await?);
        let first = newest::records(stream, state.oldest, 1).await?;
        let first_ms = first.first().map(|record| record.committed_at_ms);
        known = Hits { first_ms, count: Some(state.durable), shared: shared(&last) };
    }
    let origin = origin(&seen, edge.other_port);
    let own = |path: &str| format!("{origin}{path}");
    let doors = edge.elsewhere.as_ref();
    Ok(Json(Setup {
        pixel_url: doors.map_or_else(|| own(&edge.pixel_path), |doors| doors.pixel_url.clone()),
        events_url: doors.map_or_else(|| own(&edge.events_path), |doors| doors.events_url.clone()),
        script_url: doors.map_or_else(|| own(&edge.script_path), |doors| doors.script_url.clone()),
        pixel_path: edge.pixel_path.clone(),
        events_path: edge.events_path.clone(),
        script_path: edge.script_path.clone(),
        origin,
        address: address(&head, &seen),
        first_hit_ms: known.first_ms,
        hits: known.count,
        shared_address: known.shared,
    }))
}

/// The doors may have another port than this page.
fn origin(seen: &Seen, other_port: Option<u16>) -> String {
    let scheme = if seen.https { "https" } else { "http" };
    match other_port {
        None => format!("{scheme}://{}", seen.host),
        Some(port) => {
            let bare = match seen.host.rsplit_once(':') {
                Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
                _ => &seen.host,
            };
            format!("http://{bare}:{port}")
        }
    }
}

fn address(head: &RequestParts, seen: &Seen) -> Address {
    let client = head.extensions.get::<Client>();
    let text =
        |address: Option<std::net::IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let header = match () {
        () if !seen.trusted => None,
        () if head.headers.contains_key("x-forwarded-for") => Some("x-forwarded-for"),
        () => head.headers.contains_key(FORWARDED).then_some("forwarded"),
    };
    Address {
        seen: text(client.map(|client| client.address)),
        peer: text(client.map(|client| client.peer.ip().to_canonical())),
        header,
        trusted: seen.trusted,
    }
}

fn shared(records: &[Record]) -> Option<SharedAddress> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut hits = 0;
    for record in records {
        let Ok(event) = Event::decode(&record.payload) else { continue };
        // A back end reports for many from one address, rightly.
        if event.source == onepixel_event::Source::Pixel {
            hits += 1;
            if let Some(ip) = event.ip {
                *counts.entry(ip.into_owned()).or_default() += 1;
            }
        }
    }
    let (address, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let share = count as f64 / hits as f64;
    (hits >= HITS_MIN && share > SHARE).then_some(SharedAddress { address, share })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_are_where_the_page_is_unless_they_have_a_port_of_their_own() {
        fn check(host: &str, https: bool, other_port: Option<u16>, expected: &str) {
            let seen = Seen { https, host: host.into(), trusted: https };
            assert_eq!(origin(&seen, other_port), expected);
        }
        check("127.0.0.1:8080", false, None, "http://127.0.0.1:8080");
        check("stats.example", true, None, "https://stats.example");
        check("127.0.0.1:8081", false, Some(8080), "http://127.0.0.1:8080");
        check("stats.example", false, Some(8080), "http://stats.example:8080");
        check("[::1]:8081", false, Some(8080), "http://[::1]:8080");
        check("[::1]", false, Some(8080), "http://[::1]:8080");
    }
}
