//! `/api/v1/event/{offset}`: one event as it is stored.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use onepixel_stream::Stream;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Api, ErrorBody, Problem, newest};

/// An event and its place in the stream.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoredEvent {
    offset: u64,
    /// The line of the archive.
    #[schema(value_type = Option<Object>)]
    event: Box<RawValue>,
}

/// One event: as it is stored while the stream retains it, then what the live view keeps of it.
#[utoipa::path(get, path = "/api/v1/event/{offset}", operation_id = "showEvent", tag = "operations", params(("offset" = u64, Path)),
    responses((status = 200, body = StoredEvent), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Path(offset): Path<String>,
) -> Result<Json<StoredEvent>, Problem> {
    let offset: u64 = offset
        .parse()
        .map_err(|_| Problem(StatusCode::BAD_REQUEST, format!("offset: {offset:?} is not a number")))?;
    let stream = api.here()?.parts.stream();
    let found = newest::records(stream, offset, 1).await?;
    match found.first().filter(|record| record.offset == offset) {
        Some(record) => Ok(Json(StoredEvent { offset, event: newest::line(record) })),
        None => match kept(&api, offset).await? {
            Some(event) => Ok(Json(event)),
            None => Err(nowhere(stream, offset)),
        },
    }
}

async fn kept(api: &Api, offset: u64) -> Result<Option<StoredEvent>, Problem> {
    let Some(view) = api.view.as_deref() else { return Ok(None) };
    let event = view.event(offset).await?;
    Ok(event.map(|event| StoredEvent { offset, event: event.event }))
}

fn nowhere(stream: &Stream, offset: u64) -> Problem {
    let state = stream.state();
    let (oldest, end) = (state.oldest, state.durable);
    let text = format!(
        "offset {offset} is neither in the stream, which holds {oldest} up to and without {end}, nor in the live view"
    );
    Problem(StatusCode::NOT_FOUND, text)
}
