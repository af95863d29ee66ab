//! `/api/v1`: the dashboard's questions as JSON, the live feed, operations, and who may sign in.
//!
//! Moments are milliseconds since the Unix epoch. An error is `{"error": "..."}` with a status that says whose it is.
//! Every resource stands behind the gate with what it needs of its caller, and is described where it is registered.

mod body;
mod capabilities;
mod csv;
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
mod questions;
mod requests;
mod session;
mod setup;
mod tokens;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts, Query};
use axum::http::request::Parts as RequestParts;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use onepixel_view::View;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::{Dashboard, Edge, Local, OpenError};
use gate::Need;

/// What the handlers share.
pub(crate) struct Api {
    view: Option<Arc<dyn View>>,
    access: Arc<Access>,
    edge: Edge,
    local: Option<Here>,
    stop: CancellationToken,
}

/// A local stream, and who follows it.
struct Here {
    parts: Arc<dyn Local>,
    tail: feed::Tail,
    feeds: Arc<Semaphore>,
    public_feeds: Arc<Semaphore>,
}

/// The routes. What the dashboard stands on without is answered by 404.
pub(crate) fn routes(dashboard: Dashboard) -> Result<Router, OpenError> {
    let Dashboard { view, access, edge, local, stop } = dashboard;
    let here = |parts: Arc<dyn Local>| {
        Ok(Here {
            tail: feed::Tail::start(parts.stream().clone(), stop.clone()).map_err(OpenError::Feed)?,
            feeds: Arc::new(Semaphore::new(feed::CLIENTS_MAX - feed::PUBLIC_CLIENTS_MAX)),
            public_feeds: Arc::new(Semaphore::new(feed::PUBLIC_CLIENTS_MAX)),
            parts,
        })
    };
    let local = local.map(here).transpose()?;
    let api = Arc::new(Api { view, access, edge, local, stop });
    let (router, document) = resources(&api).split_for_parts();
    let document = openapi::Document::new(&document).map_err(OpenError::Document)?;
    let router = router
        .route(openapi::PATH, get(move || openapi::show(document.clone())))
        .method_not_allowed_fallback(other_method)
        .route("/api/{*rest}", any(other_path));
    Ok(router.layer(DefaultBodyLimit::max(body::BODY_BYTES_MAX)).with_state(api))
}

async fn other_path(uri: Uri) -> Problem {
    let text = format!("there is no {}: GET {} describes every resource", uri.path(), openapi::PATH);
    Problem(StatusCode::NOT_FOUND, text)
}

async fn other_method(method: Method, uri: Uri) -> Problem {
    let text = format!("{} does not answer {method}: the header Allow says what it answers", uri.path());
    Problem(StatusCode::METHOD_NOT_ALLOWED, text)
}

impl Api {
    /// What only a local stream can tell.
    fn here(&self) -> Result<&Here, Problem> {
        let missing = || {
            let text = "this dashboard is not in one process with a stream: GET /api/v1/capabilities says what it can show";
            Problem(StatusCode::NOT_FOUND, text.into())
        };
        self.local.as_ref().ok_or_else(missing)
    }
}

/// Every resource with what it needs of its caller.
fn resources(api: &Arc<Api>) -> OpenApiRouter<Arc<Api>> {
    let gated = |need: Need, resources: OpenApiRouter<Arc<Api>>| {
        resources.route_layer(from_fn_with_state((api.clone(), need), gate::gate))
    };
    let open = OpenApiRouter::new().routes(routes!(session::show, session::sign_in, session::sign_out));
    let look = questions::routes().routes(routes!(feed::follow)).routes(routes!(capabilities::show));
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
