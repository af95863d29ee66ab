//! The dashboard's questions to the live view, each as JSON or as a table.
//!
//! A question is a query string; `asked` takes it apart. Answers are the types of `onepixel_live`.

mod asked;
mod lines;
mod table;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use onepixel_live::{LiveStore, QueryError};
use serde::Serialize;

use self::asked::Asked;
use super::csv::Table;
use super::{Api, Problem};

/// The routes of all questions.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/sites", get(sites))
        .route("/api/v1/overview", get(overview))
        .route("/api/v1/series", get(series))
        .route("/api/v1/top", get(top))
        .route("/api/v1/properties", get(properties))
        .route("/api/v1/recent", get(recent))
        .route("/api/v1/event/{offset}", get(event))
}

/// The one place where a failed question becomes a status.
impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let status = match &error {
            QueryError::Zone { .. } | QueryError::TooManyPoints { .. } | QueryError::TooManyValues => {
                StatusCode::BAD_REQUEST
            }
            QueryError::Busy
            | QueryError::Open(_)
            | QueryError::Database { .. }
            | QueryError::Damaged { .. } => {
                tracing::warn!(%error, "a question of the dashboard failed");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self(status, error.to_string())
    }
}

impl Api {
    /// Asks the store on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&LiveStore) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(store) = self.store.clone() else {
            return Err(Problem(StatusCode::NOT_FOUND, "the live view is off (live.enabled = false)".into()));
        };
        let answer = tokio::task::spawn_blocking(move || question(&store)).await;
        Ok(answer.map_err(|error| Problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??)
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

async fn sites(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    Asked::new(query.as_deref())?.finish()?;
    Ok(json(&api.ask(LiveStore::sites).await?))
}

async fn overview(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, with_previous) = (asked.query()?, asked.is_csv()?, asked.is_on("compare")?);
    asked.finish()?;
    let overview = api.ask(move |store| store.overview(&query, with_previous)).await?;
    Ok(in_form(is_csv, &overview, table::overview))
}

async fn series(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, unit) = (asked.query()?, asked.is_csv()?, asked.unit()?);
    let zone = asked.text("zone")?.unwrap_or_else(|| "UTC".to_owned());
    asked.finish()?;
    let series = api.ask(move |store| store.series(&query, unit, &zone)).await?;
    Ok(in_form(is_csv, &series, table::series))
}

async fn top(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv) = (asked.query()?, asked.is_csv()?);
    let (dimension, ranking) = (asked.dimension()?, asked.ranking()?);
    asked.finish()?;
    let top = api.ask(move |store| store.top(&query, dimension, &ranking)).await?;
    Ok(in_form(is_csv, &top, table::top))
}

async fn properties(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, event) = (asked.query()?, asked.is_csv()?, asked.text("event")?);
    let limit = asked.number("limit", 10, onepixel_live::limits::TOP_ROWS_MAX)?;
    asked.finish()?;
    let properties = api.ask(move |store| store.properties(&query, event.as_deref(), limit)).await?;
    Ok(in_form(is_csv, &properties, |properties| table::properties(properties)))
}

async fn recent(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answer {
    let mut asked = Asked::new(query.as_deref())?;
    let (query, is_csv, page) = (asked.query()?, asked.is_csv()?, asked.page()?);
    asked.finish()?;
    let stream = api.stream.clone();
    let events = move |store: &LiveStore| Ok(lines::whole(&stream, store.recent(&query, &page)?));
    let events = api.ask(events).await?;
    Ok(in_form(is_csv, &events, |events| table::recent(events)))
}

async fn event(State(api): State<Arc<Api>>, Path(offset): Path<String>) -> Answer {
    let Ok(offset) = offset.parse::<u64>() else {
        let wrong = format!("{offset:?} is not an offset: a whole number from 0 on");
        return Err(Problem(StatusCode::BAD_REQUEST, wrong));
    };
    let stream = api.stream.clone();
    let event =
        move |store: &LiveStore| Ok(lines::whole(&stream, store.event(offset)?.into_iter().collect()));
    match api.ask(event).await?.first() {
        Some(event) => Ok(json(event)),
        None => Err(Problem(
            StatusCode::NOT_FOUND,
            format!("no event at offset {offset} is kept in the live view"),
        )),
    }
}
