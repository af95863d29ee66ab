//! `/api/v1/tokens`: API tokens for programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{self, Told};
use super::denied::Denied;
use super::{Api, ErrorBody};
use crate::access::{Role, Token};

/// Characters of a token's name.
const NAME_CHARS_MAX: usize = 100;

/// An API token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenState {
    id: String,
    name: String,
    scope: Role,
    created_ms: u64,
    last_used_ms: Option<u64>,
}

/// A new API token. The secret is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FreshToken {
    #[serde(flatten)]
    state: TokenState,
    token: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100, pattern = "\\S")]
    name: String,
    scope: Role,
}

impl From<Token> for TokenState {
    fn from(token: Token) -> Self {
        let Token { id, name, scope, created_ms, last_used_ms, .. } = token;
        Self { id, name, scope, created_ms, last_used_ms }
    }
}

/// Every API token, the oldest first.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "listTokens", tag = "access",
    responses((status = 200, body = Vec<TokenState>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Json<Vec<TokenState>> {
    Json(api.access.tokens().into_iter().map(TokenState::from).collect())
}

/// Makes an API token.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "addToken", tag = "access", request_body = NewToken,
    responses((status = 201, body = FreshToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Told(new): Told<NewToken>,
) -> Result<(StatusCode, Json<FreshToken>), Denied> {
    let name = body::name("name", &new.name, NAME_CHARS_MAX)?;
    let (token, secret) = api.on_disk(move |access| access.add_token(name, new.scope)).await?;
    let token = FreshToken { state: token.into(), token: secret.text().to_owned() };
    Ok((StatusCode::CREATED, Json(token)))
}

/// Revokes an API token, at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", operation_id = "removeToken", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Denied> {
    api.on_disk(move |access| access.remove_token(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
