//! What callers send: JSON bodies, small ones, whose mistakes are told.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::Problem;

/// Bytes of a body: the largest is a password of a kilobyte.
pub(super) const BODY_BYTES_MAX: usize = 16 << 10;

/// A JSON body taken apart; one that is wrong is answered with what is wrong.
pub(super) struct Told<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(told)) => Ok(Self(told)),
            Err(rejection) => {
                let status = match &rejection {
                    // What is JSON and not what we ask for is a wrong question like any other.
                    JsonRejection::JsonDataError(_) => StatusCode::BAD_REQUEST,
                    other => other.status(),
                };
                Err(Problem(status, rejection.body_text()))
            }
        }
    }
}

/// A name that a person gives: trimmed, not empty, and short enough to be shown.
pub(super) fn name(what: &str, text: &str, chars_max: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max {
        let problem = format!("{what}: give 1 to {chars_max} characters");
        return Err(Problem(StatusCode::BAD_REQUEST, problem));
    }
    Ok(text.to_owned())
}
