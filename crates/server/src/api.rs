//! `/api/v1`: the dashboard's questions as JSON, and the live feed.
//!
//! Moments are milliseconds since the Unix epoch. An error is `{"error": "..."}` with a status that says whose it is.

mod csv;
mod feed;
mod questions;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts as RequestParts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use onepixel_live::LiveStore;
use onepixel_stream::{Status, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::app::Parts;

/// What the handlers share.
pub(crate) struct Api {
    parts: Arc<Parts>,
    stream: Stream,
    stop: CancellationToken,
    store: Option<Arc<LiveStore>>,
    feeds: Arc<Semaphore>,
}

/// The routes. Without `store` the live view is off and its questions answer 404.
pub(crate) fn routes(parts: Arc<Parts>, store: Option<Arc<LiveStore>>) -> Router {
    let api = Api {
        stream: parts.stream.clone(),
        stop: parts.stop.clone(),
        parts,
        store,
        feeds: Arc::new(Semaphore::new(feed::CLIENTS_MAX)),
    };
    Router::new()
        .route("/api/v1/pipeline", get(pipeline))
        .route("/api/v1/live", get(feed::follow))
        .merge(questions::routes())
        .with_state(Arc::new(api))
}

/// A query string taken apart; one that is wrong is answered with what is wrong.
struct Asked<T>(T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(request: &mut RequestParts, _state: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&request.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem(StatusCode::BAD_REQUEST, error.body_text())),
        }
    }
}

/// An error as an answer.
struct Problem(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(serde_json::json!({ "error": self.1 }))).into_response()
    }
}

/// Where the stream and its consumers stand.
#[derive(Debug, Serialize)]
struct PipelineState {
    /// `ready`, or why no event can be stored.
    status: String,
    /// Events that are durable, since the stream began.
    durable: u64,
    /// The first offset that is retained.
    oldest: u64,
    stored_bytes: u64,
    free_bytes: u64,
    /// Where the pixel answers: what a snippet needs.
    pixel_path: String,
    /// The port of the pixel, if the page itself has another.
    pixel_port: Option<u16>,
    consumers: Vec<ConsumerState>,
}

#[derive(Debug, Serialize)]
struct ConsumerState {
    name: &'static str,
    committed: u64,
    lag: u64,
    dead_lettered: u64,
    skipped: u64,
    error: Option<String>,
}

async fn pipeline(State(api): State<Arc<Api>>) -> Json<PipelineState> {
    let state = api.stream.state();
    let status = match state.status {
        Status::Ready => "ready".to_owned(),
        Status::DiskFull => "free disk space is below the watermark".to_owned(),
        Status::Failed(reason) => reason,
        Status::Closed => "stopping".to_owned(),
    };
    let consumers = api.parts.progress.iter().map(|(name, progress)| {
        let at = progress.snapshot();
        ConsumerState {
            name,
            committed: at.committed,
            lag: state.durable.saturating_sub(at.committed),
            dead_lettered: at.dead_lettered,
            skipped: at.skipped,
            error: at.last_error.map(|error| error.text),
        }
    });
    let broken = api.parts.broken.iter().map(|(name, error)| ConsumerState {
        name,
        committed: 0,
        lag: state.durable,
        dead_lettered: 0,
        skipped: 0,
        error: Some(error.clone()),
    });
    Json(PipelineState {
        status,
        durable: state.durable,
        oldest: state.oldest,
        stored_bytes: state.stored_bytes,
        free_bytes: state.free_bytes,
        pixel_path: api.parts.pixel_path.clone(),
        pixel_port: api.parts.other_port,
        consumers: consumers.chain(broken).collect(),
    })
}
