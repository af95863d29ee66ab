//! `/api/v1/links`: public read-only links, each to one site.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use onepixel_event::limits::SITE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Told;
use super::denied::Denied;
use super::{Api, ErrorBody, Problem};
use crate::access::Link;

/// A public link; its page is `/?link=KEY`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkState {
    id: String,
    site: String,
    created_ms: u64,
    key: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    /// The site that it shows; it need not have any events yet.
    #[schema(min_length = 1)]
    site: String,
}

impl From<Link> for LinkState {
    fn from(link: Link) -> Self {
        let Link { id, site, key, created_ms } = link;
        Self { id, site, created_ms, key }
    }
}

/// Every public link, the oldest first.
#[utoipa::path(get, path = "/api/v1/links", operation_id = "listLinks", tag = "access",
    responses((status = 200, body = Vec<LinkState>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Json<Vec<LinkState>> {
    Json(api.access.links().into_iter().map(LinkState::from).collect())
}

/// Makes a public link.
#[utoipa::path(post, path = "/api/v1/links", operation_id = "addLink", tag = "access", request_body = NewLink,
    responses((status = 201, body = LinkState), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Told(new): Told<NewLink>,
) -> Result<(StatusCode, Json<LinkState>), Denied> {
    if new.site.is_empty() || new.site.len() > SITE_BYTES_MAX {
        let problem = format!("site: give the name of one site, 1 to {SITE_BYTES_MAX} bytes");
        return Err(Problem(StatusCode::BAD_REQUEST, problem).into());
    }
    let link = api.on_disk(move |access| access.add_link(new.site)).await?;
    Ok((StatusCode::CREATED, Json(link.into())))
}

/// Revokes a public link, at once.
#[utoipa::path(delete, path = "/api/v1/links/{id}", operation_id = "removeLink", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Denied> {
    api.on_disk(move |access| access.remove_link(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
