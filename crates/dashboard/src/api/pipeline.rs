//! `/api/v1/pipeline`: where the stream and its consumers stand. Costs no look at the archive.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onepixel_consumer::Snapshot;
use onepixel_stream::{Status, Stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, ErrorBody, Problem, newest};
use crate::{Account, Local, Object, Rejected};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PipelineState {
    /// `ready`, or why no event can be stored.
    status: String,
    /// Events that were acknowledged since the stream began.
    accepted: u64,
    /// Events that are durable, since the stream began: the same number, as one means the other.
    durable: u64,
    /// The first offset that is retained.
    oldest: u64,
    stored_bytes: u64,
    free_bytes: u64,
    /// With less than this free, nothing is taken.
    watermark_bytes: u64,
    retention_s: u64,
    /// When the first event that is retained was stored.
    oldest_ms: Option<u64>,
    /// Requests of which nothing was stored since the start, by reason.
    rejected: Vec<Rejected>,
    rate_per_s: f64,
    consumers: Vec<ConsumerState>,
    /// When the oldest event that is not in the archive yet was stored.
    oldest_unarchived_ms: Option<u64>,
    /// accepted = archived + pending + dead-lettered, as far as the running account can tell.
    balanced: bool,
    balance: Account,
    /// The last objects written to the archive since the start, the newest first.
    objects: Vec<Object>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ConsumerState {
    name: &'static str,
    committed: u64,
    /// Durable events that the sink does not hold yet.
    lag: u64,
    /// The age of the oldest of them.
    lag_ms: u64,
    rate_per_s: f64,
    /// Since the start.
    dead_lettered: u64,
    /// Since the start.
    skipped: u64,
    error: Option<String>,
}

/// Where everything stands.
#[utoipa::path(get, path = "/api/v1/pipeline", operation_id = "showPipeline", tag = "operations",
    responses((status = 200, body = PipelineState), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn show(State(api): State<Arc<Api>>) -> Result<Json<PipelineState>, Problem> {
    let parts = &api.here()?.parts;
    let stream = parts.stream();
    // Positions first: what the stream says afterwards is never behind them.
    let snapshots: Vec<(&'static str, Snapshot)> =
        parts.consumers().iter().map(|(name, progress)| (*name, progress.snapshot())).collect();
    let state = stream.state();
    let mut consumers = Vec::new();
    for (index, (name, at)) in snapshots.iter().enumerate() {
        let pending = pending_since(stream, at, state.durable).await?;
        consumers.push(ConsumerState {
            name,
            committed: at.committed,
            lag: state.durable.saturating_sub(at.committed),
            lag_ms: pending.map_or(0, |since| parts.now_ms().saturating_sub(since)),
            rate_per_s: parts.rate(Some(index)),
            dead_lettered: at.dead_lettered,
            skipped: at.skipped,
            error: at.last_error.as_ref().map(|error| error.text.clone()),
        });
    }
    consumers.extend(parts.broken().iter().map(|(name, error)| ConsumerState {
        name,
        committed: 0,
        lag: state.durable,
        lag_ms: 0,
        rate_per_s: 0.0,
        dead_lettered: 0,
        skipped: 0,
        error: Some(error.clone()),
    }));
    let archive = snapshots.iter().find(|(name, _)| *name == "archive").map(|(_, at)| at.clone());
    let oldest_unarchived_ms = match &archive {
        Some(at) => pending_since(stream, at, state.durable).await?,
        None => None,
    };
    let balance = account(parts, archive, state.durable).await?;
    let first = newest::records(stream, state.oldest, 1).await?;
    Ok(Json(PipelineState {
        status: match state.status {
            Status::Ready => "ready".to_owned(),
            Status::DiskFull => "free disk space is below the watermark".to_owned(),
            Status::Failed(reason) => reason,
            Status::Closed => "stopping".to_owned(),
        },
        accepted: state.durable,
        durable: state.durable,
        oldest: state.oldest,
        stored_bytes: state.stored_bytes,
        free_bytes: state.free_bytes,
        watermark_bytes: parts.watermark_bytes(),
        retention_s: parts.retention_s(),
        oldest_ms: first.first().map(|record| record.committed_at_ms),
        rejected: parts.rejected(),
        rate_per_s: parts.rate(None),
        consumers,
        oldest_unarchived_ms,
        balanced: balance.balanced,
        balance,
        objects: parts.objects(),
    }))
}

/// When the oldest record that the sink does not hold was stored; a batch that waits knows, else the stream does.
async fn pending_since(stream: &Stream, at: &Snapshot, durable: u64) -> Result<Option<u64>, Problem> {
    if at.committed >= durable {
        return Ok(None);
    }
    if at.oldest_pending_at_ms.is_some() {
        return Ok(at.oldest_pending_at_ms);
    }
    let found = newest::records(stream, at.committed, 1).await?;
    Ok(found.first().map(|record| record.committed_at_ms))
}

/// Without an archive in this process everything is pending.
async fn account(
    parts: &Arc<dyn Local>,
    archive: Option<Snapshot>,
    durable: u64,
) -> Result<Account, Problem> {
    let Some(at) = archive else {
        let archived = parts.finished_elsewhere().unwrap_or(0).min(durable);
        let pending = durable - archived;
        let balanced = parts.broken().is_empty();
        return Ok(Account { acknowledged: durable, archived, pending, dead_lettered: 0, balanced });
    };
    let parts = parts.clone();
    let reckoned = tokio::task::spawn_blocking(move || parts.account(durable, &at)).await;
    let failed = |error: String| {
        tracing::warn!(error, "the dead letters cannot be read for the dashboard");
        let text = format!("the dead letters cannot be read: {error}");
        Problem(axum::http::StatusCode::SERVICE_UNAVAILABLE, text)
    };
    reckoned.map_err(|error| failed(error.to_string()))?.map_err(failed)
}
