//! For whoever operates it: `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use onepixel_stream::Status;

use crate::app::Parts;

/// The routes, over the parts of a running server.
pub(crate) fn routes() -> Router<Arc<Parts>> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// 200 only while an event can be stored now, else 503 with the reason.
async fn ready(State(parts): State<Arc<Parts>>) -> Response {
    match parts.not_ready() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(reason) => {
            let retry = [(header::RETRY_AFTER, "5")];
            (StatusCode::SERVICE_UNAVAILABLE, retry, format!("{reason}\n")).into_response()
        }
    }
}

async fn metrics(State(parts): State<Arc<Parts>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match parts.metrics.encode(&parts) {
        Ok(text) => (kind, text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

impl Parts {
    /// Why no event can be stored now, in words for a person.
    fn not_ready(&self) -> Option<String> {
        if self.stop.is_cancelled() {
            return Some("the server is stopping".into());
        }
        match self.stream.state().status {
            Status::Ready => None,
            Status::DiskFull => Some(
                "free disk space is below stream.disk_watermark: free some space, nothing that was acknowledged is lost"
                    .into(),
            ),
            Status::Failed(reason) => Some(format!("the log has failed and needs a restart: {reason}")),
            Status::Closed => Some("the log is closed".into()),
        }
    }
}
