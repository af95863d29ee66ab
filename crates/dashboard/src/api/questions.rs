//! The dashboard's questions to the live view, each as JSON or as a table.
//!
//! A question is a query string; `asked` takes it apart. Answers are the types of `onepixel_view`.

mod asked;
mod described;
mod lines;
mod table;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use onepixel_view::{QueryError, View};
use serde::Serialize;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::asked::Asked;
pub(super) use self::described::AskedFeed;
use self::described::{AskedPage, AskedProperties, AskedRanking, AskedScope, AskedSeries, Form};
use super::csv::Table;
use super::{Api, ErrorBody, Problem, public};
use crate::access::{Caller, Scope};

/// The questions that a public link may ask, too.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(sites))
        .routes(routes!(overview))
        .routes(routes!(series))
        .routes(routes!(top))
        .routes(routes!(properties))
        .routes(routes!(recent))
}

/// The one place where a failed question becomes a status.
impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        if error.is_asked_wrong() {
            return Self(StatusCode::BAD_REQUEST, error.to_string());
        }
        tracing::warn!(%error, "a question of the dashboard failed");
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl Api {
    /// Who answers questions.
    pub(super) fn view(&self) -> Result<&dyn View, Problem> {
        let off = || Problem(StatusCode::NOT_FOUND, "the live view is off (live.enabled = false)".into());
        self.view.as_deref().ok_or_else(off)
    }
}

fn json(answer: &impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// The answer in the form that was asked for.
fn in_form<T: Serialize>(is_csv: bool, answer: &T, table: impl FnOnce(&T) -> Table) -> Response {
    if is_csv { table(answer).into_response() } else { json(answer) }
}

type Answer = Result<Response, Problem>;

/// The sites that had events, the busiest first.
#[utoipa::path(get, path = "/api/v1/sites", operation_id = "listSites", tag = "questions",
    params(("site" = Option<String>, Query, description = "Only this one")),
    responses((status = 200, body = Vec<onepixel_view::SiteCount>), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
async fn sites(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let only = asked.text("site")?;
    asked.finish()?;
    let mut sites = api.view()?.sites().await?;
    sites.retain(|site| only.as_ref().is_none_or(|only| *only == site.site));
    Ok(json(&sites))
}

/// The figures at the top.
#[utoipa::path(get, path = "/api/v1/overview", operation_id = "showOverview", tag = "questions", params(AskedScope, Form, ("compare" = inline(Option<described::Switch>), Query, description = "1: with the range of the same length just before")),
    responses((status = 200, content(
            (onepixel_view::Overview = "application/json"),
            (String = "text/csv"))),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn overview(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, with_previous) = (asked.query()?, asked.is_csv()?, asked.is_on("compare")?);
    asked.finish()?;
    let overview = api.view()?.overview(query, with_previous).await?;
    Ok(in_form(is_csv, &overview, table::overview))
}

/// Counts over time, without a gap.
#[utoipa::path(get, path = "/api/v1/series", operation_id = "showSeries", tag = "questions", params(AskedScope, Form, AskedSeries),
    responses((status = 200, content(
            (onepixel_view::Series = "application/json"),
            (String = "text/csv"))),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn series(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, unit) = (asked.query()?, asked.is_csv()?, asked.unit()?);
    let zone = asked.text("zone")?.unwrap_or_else(|| "UTC".to_owned());
    asked.finish()?;
    let series = api.view()?.series(query, unit, &zone).await?;
    Ok(in_form(is_csv, &series, table::series))
}

/// The most frequent values along a dimension.
#[utoipa::path(get, path = "/api/v1/top", operation_id = "showTop", tag = "questions", params(AskedScope, Form, AskedRanking),
    responses((status = 200, content(
            (onepixel_view::Top = "application/json"),
            (String = "text/csv"))),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn top(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv) = (asked.query()?, asked.is_csv()?);
    let (dimension, ranking) = (asked.dimension()?, asked.ranking()?);
    asked.finish()?;
    let top = api.view()?.top(query, dimension, ranking).await?;
    Ok(in_form(is_csv, &top, table::top))
}

/// What events say in their own properties; nothing for a public link, as they may name people.
#[utoipa::path(get, path = "/api/v1/properties", operation_id = "showProperties", tag = "questions", params(AskedScope, Form, AskedProperties),
    responses((status = 200, content(
            (Vec<onepixel_view::Property> = "application/json"),
            (String = "text/csv"))),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn properties(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, event) = (asked.query()?, asked.is_csv()?, asked.text("event")?);
    let limit = asked.number("limit", 10, onepixel_view::limits::TOP_ROWS_MAX)?;
    asked.finish()?;
    let properties = match caller.scope {
        Scope::Public(_) => Vec::new(),
        Scope::Admin | Scope::Read => api.view()?.properties(query, event, limit).await?,
    };
    Ok(in_form(is_csv, &properties, |properties| table::properties(properties)))
}

/// The newest events, the newest first.
#[utoipa::path(get, path = "/api/v1/recent", operation_id = "showRecent", tag = "questions", params(AskedScope, Form, AskedPage),
    responses((status = 200, content(
            (Vec<onepixel_view::RecentEvent> = "application/json"),
            (String = "text/csv"))),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn recent(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, page) = (asked.query()?, asked.is_csv()?, asked.page()?);
    asked.finish()?;
    let mut events = api.view()?.recent(query, page).await?;
    if let Some(here) = &api.local {
        events = lines::whole(here.parts.stream(), events).await?;
    }
    public::redact(&caller, events.iter_mut().map(|event| &mut event.event));
    Ok(in_form(is_csv, &events, |events| table::recent(events)))
}
