//! `/api/v1`: the dashboard's questions as JSON, and the live feed.
//!
//! Moments are milliseconds since the Unix epoch. Each answer is one of the types of `onepixel_live`; an error is
//! `{"error": "..."}` with a status that says whose it is.

mod feed;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts as RequestParts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use onepixel_event::Class;
use onepixel_live::{ClassSet, Dimension, LiveStore, Page, QueryError, TopOrder};
use onepixel_stream::{Status, Stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::app::Parts;

/// Rows of one ranking at most.
const TOP_MAX: usize = 1000;

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
        .route("/api/v1/sites", get(sites))
        .route("/api/v1/overview", get(overview))
        .route("/api/v1/series", get(series))
        .route("/api/v1/top", get(top))
        .route("/api/v1/recent", get(recent))
        .route("/api/v1/pipeline", get(pipeline))
        .route("/api/v1/live", get(feed::follow))
        .with_state(Arc::new(api))
}

/// The part of the query string that every question has.
#[derive(Debug, Deserialize)]
struct Scope {
    site: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    /// Classes with commas between; without it, all.
    class: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SeriesScope {
    /// Width of a point in seconds.
    bucket: i64,
    /// Seconds the viewer's zone lies east of UTC.
    #[serde(default)]
    zone: i64,
}

#[derive(Debug, Deserialize)]
struct TopScope {
    dimension: Dimension,
    #[serde(default)]
    order: Order,
    #[serde(default = "ten")]
    limit: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Views,
    #[default]
    Events,
}

#[derive(Debug, Deserialize)]
struct PageScope {
    #[serde(default = "fifty")]
    limit: usize,
    before: Option<i64>,
    after: Option<i64>,
}

fn ten() -> usize {
    10
}

fn fifty() -> usize {
    50
}

impl Scope {
    fn query(&self) -> Result<onepixel_live::Query, Problem> {
        let everything = onepixel_live::Query::default();
        let classes = match &self.class {
            None => ClassSet::ALL,
            Some(words) => words.split(',').map(class).collect::<Result<_, _>>()?,
        };
        Ok(onepixel_live::Query {
            site: self.site.clone().filter(|site| !site.is_empty()),
            from_ms: self.from.unwrap_or(everything.from_ms),
            to_ms: self.to.unwrap_or(everything.to_ms),
            classes,
        })
    }
}

fn class(word: &str) -> Result<Class, Problem> {
    let names = || Class::ALL.iter().map(|class| class.as_str()).collect::<Vec<_>>().join(", ");
    Class::ALL
        .iter()
        .copied()
        .find(|class| class.as_str() == word)
        .ok_or_else(|| Problem(StatusCode::BAD_REQUEST, format!("class: {word:?} is not one of {}", names())))
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

/// The one place where a failed question becomes a status.
impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let status = match &error {
            QueryError::Bucket | QueryError::TooManyPoints { .. } => StatusCode::BAD_REQUEST,
            QueryError::Busy | QueryError::Open(_) | QueryError::Database { .. } => {
                tracing::warn!(%error, "a question of the dashboard failed");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self(status, error.to_string())
    }
}

type Answer<T> = Result<([(header::HeaderName, &'static str); 1], Json<T>), Problem>;

impl Api {
    /// Asks the store on a thread that may block.
    async fn ask<T: Serialize + Send + 'static>(
        &self,
        question: impl FnOnce(&LiveStore) -> Result<T, QueryError> + Send + 'static,
    ) -> Answer<T> {
        let Some(store) = self.store.clone() else {
            return Err(Problem(StatusCode::NOT_FOUND, "the live view is off (live.enabled = false)".into()));
        };
        let answer = tokio::task::spawn_blocking(move || question(&store)).await;
        let answer =
            answer.map_err(|error| Problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
        Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
    }
}

async fn sites(State(api): State<Arc<Api>>) -> Answer<Vec<onepixel_live::Ranked>> {
    api.ask(LiveStore::sites).await
}

async fn overview(
    State(api): State<Arc<Api>>,
    Asked(scope): Asked<Scope>,
) -> Answer<onepixel_live::Overview> {
    let query = scope.query()?;
    api.ask(move |store| store.overview(&query)).await
}

async fn series(
    State(api): State<Arc<Api>>,
    Asked(scope): Asked<Scope>,
    Asked(grid): Asked<SeriesScope>,
) -> Answer<onepixel_live::Series> {
    let query = scope.query()?;
    api.ask(move |store| store.series(&query, grid.bucket, grid.zone)).await
}

async fn top(
    State(api): State<Arc<Api>>,
    Asked(scope): Asked<Scope>,
    Asked(by): Asked<TopScope>,
) -> Answer<onepixel_live::Top> {
    let query = scope.query()?;
    let order = match by.order {
        Order::Views => TopOrder::Views,
        Order::Events => TopOrder::Events,
    };
    api.ask(move |store| store.top(&query, by.dimension, order, by.limit.min(TOP_MAX))).await
}

async fn recent(
    State(api): State<Arc<Api>>,
    Asked(scope): Asked<Scope>,
    Asked(page): Asked<PageScope>,
) -> Answer<Vec<onepixel_live::RecentEvent>> {
    let query = scope.query()?;
    let page = Page { limit: page.limit, before: page.before, after: page.after };
    api.ask(move |store| store.recent(&query, &page)).await
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
