//! `/api/v1/session` and `/api/v1/password`: signing in and out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts as RequestParts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use onepixel_gateway::Client;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Told;
use super::denied::Denied;
use super::gate::{self, COOKIE_NAME, Refused, Seen};
use super::{Api, ErrorBody};
use crate::access::{By, Caller, SESSION_MS, Scope};

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionState {
    signed_in: bool,
    scope: Option<ScopeWord>,
    /// The only site a public link shows.
    site: Option<String>,
    password_set: bool,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ScopeWord {
    Admin,
    Read,
    Public,
}

/// The one-time token of a sign-in link, or the password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "give {\"token\": \"...\"} or {\"password\": \"...\"}")]
pub(super) enum SignIn {
    Token(ByToken),
    Password(ByPassword),
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByToken {
    token: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByPassword {
    password: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    #[schema(min_length = 12, max_length = 256)]
    password: String,
}

/// Who the caller is; never 401.
#[utoipa::path(get, path = "/api/v1/session", operation_id = "showSession", tag = "access", security(()), params(("link" = Option<String>, Query, description = "The key of a public link")),
    responses((status = 200, body = SessionState)))]
pub(super) async fn show(State(api): State<Arc<Api>>, head: RequestParts) -> Json<SessionState> {
    Json(state(&api, gate::caller(&api.access, &head).as_ref()))
}

/// Signs in, by the one-time link or the password.
#[utoipa::path(post, path = "/api/v1/session", operation_id = "signIn", tag = "access", security(()), request_body = SignIn,
    responses((status = 200, body = SessionState, headers(("set-cookie" = String))),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
        (status = 429, body = ErrorBody, headers(("retry-after" = u64))), (status = 503, body = ErrorBody)))]
pub(super) async fn sign_in(
    State(api): State<Arc<Api>>,
    Extension(client): Extension<Client>,
    head: RequestParts,
    Told(shown): Told<SignIn>,
) -> Result<Response, Denied> {
    let trusted = &api.edge.trusted_proxies;
    // Nobody may be signed in by another site's page, into a session that is not theirs.
    if gate::origin_is_ours(&head.headers, trusted, &head) == Some(false) {
        return Ok(Refused::Forbidden("another site's page may not ask this").into_response());
    }
    let secret = match shown {
        SignIn::Password(given) => api.access.sign_in_with_password(given.password, client.address).await?,
        SignIn::Token(given) => {
            api.on_disk(move |access| access.sign_in(&given.token, client.address)).await?
        }
    };
    let caller = api.access.session(secret.text());
    let cookie = cookie(secret.text(), SESSION_MS / 1000, is_https(&head, &Seen::of(&head, trusted)));
    let mut response = Json(state(&api, caller.as_ref())).into_response();
    response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    tracing::info!(address = %client.address, "somebody signed in to the dashboard");
    Ok(response)
}

/// Signs out: the session ends on the server, too.
#[utoipa::path(delete, path = "/api/v1/session", operation_id = "signOut", tag = "access",
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn sign_out(State(api): State<Arc<Api>>, head: RequestParts) -> Result<Response, Denied> {
    let trusted = &api.edge.trusted_proxies;
    let Some(Caller { by: By::Session(session), .. }) = gate::caller(&api.access, &head) else {
        return Ok(Refused::Unknown.into_response());
    };
    if let Err(refused) = gate::check_own_page(&head.headers, trusted, &head) {
        return Ok(refused.into_response());
    }
    api.on_disk(move |access| access.sign_out(session)).await?;
    let mut headers = HeaderMap::new();
    headers
        .extend(cookie("", 0, is_https(&head, &Seen::of(&head, trusted))).map(|cookie| (SET_COOKIE, cookie)));
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

/// Sets the password; every other session ends.
#[utoipa::path(put, path = "/api/v1/password", operation_id = "setPassword", tag = "access", request_body = NewPassword,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn set_password(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Told(new): Told<NewPassword>,
) -> Result<StatusCode, Denied> {
    api.access.set_password(new.password, caller.by).await?;
    tracing::info!("the dashboard's password was set; other sessions have ended");
    Ok(StatusCode::NO_CONTENT)
}

fn state(api: &Api, caller: Option<&Caller>) -> SessionState {
    let (scope, site) = match caller.map(|caller| &caller.scope) {
        None => (None, None),
        Some(Scope::Admin) => (Some(ScopeWord::Admin), None),
        Some(Scope::Read) => (Some(ScopeWord::Read), None),
        Some(Scope::Public(site)) => (Some(ScopeWord::Public), Some(site.clone())),
    };
    SessionState { signed_in: caller.is_some(), scope, site, password_set: api.access.password_set() }
}

/// The browser itself says so in `Origin`, too: a proxy that is not named in the settings may do the TLS.
fn is_https(head: &RequestParts, seen: &Seen) -> bool {
    let origin = head.headers.get(axum::http::header::ORIGIN);
    seen.https || origin.is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

fn cookie(value: &str, max_age_s: u64, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let text =
        format!("{COOKIE_NAME}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age_s}{secure}");
    HeaderValue::from_str(&text).ok()
}
