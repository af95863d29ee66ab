//! `/api/v1`: the dashboard's questions as JSON, the live feed, operations, and who may sign in.
//!
//! Moments are milliseconds since the Unix epoch. An error is `{"error": "..."}` with a status that says whose it is.
//! Every resource stands behind the gate with what it needs of its caller, and is described where it is registered.

mod body;
mod denied;
mod event;
mod feed;
mod gate;
mod links;
mod newest;
mod now;
mod openapi;
mod pipeline;
mod public;
mod requests;
mod session;
mod setup;
mod tokens;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Extension, FromRequestParts, Query, State};
use axum::http::request::Parts as RequestParts;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use onepixel_event::Class;
use onepixel_live::{ClassSet, Dimension, LiveStore, Page, QueryError, TopOrder};
use onepixel_stream::Stream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Caller;
use crate::app::Parts;
use gate::Need;

/// Rows of one ranking at most.
const TOP_MAX: usize = 1000;

/// What the handlers share.
pub(crate) struct Api {
    parts: Arc<Parts>,
    stream: Stream,
    stop: CancellationToken,
    store: Option<Arc<LiveStore>>,
    tail: feed::Tail,
    feeds: Arc<Semaphore>,
    public_feeds: Arc<Semaphore>,
}

/// The routes. Without `store` the live view is off and its questions answer 404.
pub(crate) fn routes(parts: Arc<Parts>, store: Option<Arc<LiveStore>>) -> anyhow::Result<Router> {
    let api = Arc::new(Api {
        stream: parts.stream.clone(),
        stop: parts.stop.clone(),
        tail: feed::Tail::start(parts.stream.clone(), parts.stop.clone())?,
        parts,
        store,
        feeds: Arc::new(Semaphore::new(feed::CLIENTS_MAX - feed::PUBLIC_CLIENTS_MAX)),
        public_feeds: Arc::new(Semaphore::new(feed::PUBLIC_CLIENTS_MAX)),
    });
    let (router, document) = resources(&api).split_for_parts();
    let document = openapi::Document::new(&document)?;
    let router = router.route(openapi::PATH, get(move || openapi::show(document.clone())));
    Ok(router.layer(DefaultBodyLimit::max(body::BODY_BYTES_MAX)).with_state(api))
}

/// Every resource with what it needs of its caller.
fn resources(api: &Arc<Api>) -> OpenApiRouter<Arc<Api>> {
    let gated = |need: Need, resources: OpenApiRouter<Arc<Api>>| {
        resources.route_layer(from_fn_with_state((api.clone(), need), gate::gate))
    };
    let open = OpenApiRouter::new().routes(routes!(session::show, session::sign_in, session::sign_out));
    let look = questions().routes(routes!(feed::follow));
    let read = OpenApiRouter::new()
        .routes(routes!(pipeline::show))
        .routes(routes!(requests::list))
        .routes(routes!(event::show))
        .routes(routes!(setup::show));
    let admin = OpenApiRouter::new()
        .routes(routes!(session::set_password))
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::remove))
        .routes(routes!(links::list, links::add))
        .routes(routes!(links::remove));
    openapi::head()
        .merge(open)
        .merge(gated(Need::Look, look))
        .merge(gated(Need::Read, read))
        .merge(gated(Need::Admin, admin))
}

fn questions() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .route("/api/v1/sites", get(sites))
        .route("/api/v1/overview", get(overview))
        .route("/api/v1/series", get(series))
        .route("/api/v1/top", get(top))
        .route("/api/v1/recent", get(recent))
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

/// The body of an error.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorBody {
    /// What, where, and what to do.
    error: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(ErrorBody { error: self.1 })).into_response()
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

async fn sites(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<onepixel_live::Ranked>> {
    api.ask(move |store| Ok(public::sites(&caller, store.sites()?, |site| &site.value))).await
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
    Extension(caller): Extension<Caller>,
    Asked(scope): Asked<Scope>,
    Asked(page): Asked<PageScope>,
) -> Answer<Vec<onepixel_live::RecentEvent>> {
    let query = scope.query()?;
    let page = Page { limit: page.limit, before: page.before, after: page.after };
    api.ask(move |store| {
        let mut events = store.recent(&query, &page)?;
        public::redact(&caller, events.iter_mut().map(|event| &mut event.event));
        Ok(events)
    })
    .await
}
