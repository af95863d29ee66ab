//! `/api/v1/capabilities`: what this dashboard can show, so that its pages leave out the rest.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onepixel_view::Capabilities;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, ErrorBody};

/// What can be shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CapabilitiesState {
    /// What the live view can tell; null while it is off.
    view: Option<Capabilities>,
    /// Hits are pushed by `/api/v1/live`; otherwise ask again now and then.
    feed: bool,
    /// `/api/v1/pipeline` tells where the stream and its consumers stand.
    pipeline: bool,
    /// `/api/v1/requests` tells of the last requests, and `/api/v1/event/{offset}` of single events.
    inspector: bool,
}

/// What this dashboard can show: the same as long as the server runs.
#[utoipa::path(get, path = "/api/v1/capabilities", operation_id = "showCapabilities", tag = "questions",
    responses((status = 200, body = CapabilitiesState), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn show(State(api): State<Arc<Api>>) -> Json<CapabilitiesState> {
    let here = api.local.is_some();
    let view = api.view.as_ref().map(|view| view.capabilities());
    Json(CapabilitiesState { view, feed: here, pipeline: here, inspector: here })
}
