//! What the access file or its rules refused, as an answer.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{Api, Problem};
use crate::access::{Access, AccessError};

/// A refused sign-in or change.
pub(super) enum Denied {
    Access(AccessError),
    Problem(Problem),
}

impl From<AccessError> for Denied {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let error = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Access(error) => error,
        };
        let mut response = Problem(status(&error), error.to_string()).into_response();
        if let AccessError::TooMany { wait_ms } = error {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1000).max(1)));
        }
        response
    }
}

/// The one place where such an error becomes a status.
fn status(error: &AccessError) -> StatusCode {
    match error {
        AccessError::Link | AccessError::Password | AccessError::NoPassword => StatusCode::UNAUTHORIZED,
        AccessError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        AccessError::Weak(_) => StatusCode::BAD_REQUEST,
        AccessError::Full => StatusCode::CONFLICT,
        AccessError::Unknown => StatusCode::NOT_FOUND,
        AccessError::Kept(_) => {
            tracing::error!("{error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

impl Api {
    /// Changes who may do what, on a thread that may wait for where it is kept.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Access) -> Result<T, AccessError> + Send + 'static,
    ) -> Result<T, AccessError> {
        self.access.blocking(change).await
    }
}
