//! `/api/v1/pipeline`: where the stream and its consumers stand. Costs no look at the archive.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onepixel_consumer::Snapshot;
use onepixel_stream::Status;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, ErrorBody, Problem, newest};
use crate::balance::Account;

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
    objects: Vec<ObjectState>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Rejected {
    reason: String,
    count: u64,
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

#[derive(Debug, Serialize, ToSchema)]
struct ObjectState {
    name: String,
    records: u64,
    /// Compressed.
    bytes: u64,
    /// When it was durable.
    ms: u64,
}

/// Where everything stands.
#[utoipa::path(get, path = "/api/v1/pipeline", operation_id = "showPipeline", tag = "operations",
    responses((status = 200, body = PipelineState), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub(super) async fn show(State(api): State<Arc<Api>>) -> Result<Json<PipelineState>, Problem> {
    let parts = &api.parts;
    // Positions first: what the stream says afterwards is never behind them.
    let snapshots: Vec<(&'static str, Snapshot)> =
        parts.progress.iter().map(|(name, progress)| (*name, progress.snapshot())).collect();
    let state = api.stream.state();
    let mut consumers = Vec::new();
    for (index, (name, at)) in snapshots.iter().enumerate() {
        let pending = pending_since(&api, at, state.durable).await?;
        consumers.push(ConsumerState {
            name,
            committed: at.committed,
            lag: state.durable.saturating_sub(at.committed),
            lag_ms: pending.map_or(0, |since| parts.now_ms().saturating_sub(since)),
            rate_per_s: parts.meter.rate(index + 1),
            dead_lettered: at.dead_lettered,
            skipped: at.skipped,
            error: at.last_error.as_ref().map(|error| error.text.clone()),
        });
    }
    consumers.extend(parts.broken.iter().map(|(name, error)| ConsumerState {
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
        Some(at) => pending_since(&api, at, state.durable).await?,
        None => None,
    };
    let balance = account(&api, archive, state.durable).await?;
    let first = newest::records(&api.stream, state.oldest, 1).await?;
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
        watermark_bytes: parts.watermark_bytes,
        retention_s: parts.retention_s,
        oldest_ms: first.first().map(|record| record.committed_at_ms),
        rejected: rejected(&api),
        rate_per_s: parts.meter.rate(0),
        consumers,
        oldest_unarchived_ms,
        balanced: balance.balanced,
        balance,
        objects: objects(&api),
    }))
}

/// When the oldest record that the sink does not hold was stored; a batch that waits knows, else the stream does.
async fn pending_since(api: &Api, at: &Snapshot, durable: u64) -> Result<Option<u64>, Problem> {
    if at.committed >= durable {
        return Ok(None);
    }
    if at.oldest_pending_at_ms.is_some() {
        return Ok(at.oldest_pending_at_ms);
    }
    let found = newest::records(&api.stream, at.committed, 1).await?;
    Ok(found.first().map(|record| record.committed_at_ms))
}

/// Without an archive in this process everything is pending.
async fn account(api: &Api, archive: Option<Snapshot>, durable: u64) -> Result<Account, Problem> {
    let Some(at) = archive else {
        let archived = api.parts.elsewhere.unwrap_or(0).min(durable);
        let pending = durable - archived;
        return Ok(Account {
            acknowledged: durable,
            archived,
            pending,
            dead_lettered: 0,
            balanced: api.parts.broken.is_empty(),
        });
    };
    let parts = api.parts.clone();
    let reckoned = tokio::task::spawn_blocking(move || parts.balance.account(durable, &at)).await;
    let failed = |error: String| {
        tracing::warn!(error, "the dead letters cannot be read for the dashboard");
        let text = format!("the dead letters cannot be read: {error}");
        Problem(axum::http::StatusCode::SERVICE_UNAVAILABLE, text)
    };
    reckoned.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

fn rejected(api: &Api) -> Vec<Rejected> {
    let Ok(text) = api.parts.metrics.encode(&api.parts) else { return Vec::new() };
    counted_by_reason(&text).collect()
}

/// The counters are read from where they are published: there is one count and one spelling.
fn counted_by_reason(metrics: &str) -> impl Iterator<Item = Rejected> {
    metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix("onepixel_rejected_total{reason=\"")?;
        let (reason, count) = rest.split_once("\"} ")?;
        Some(Rejected { reason: reason.to_owned(), count: count.trim().parse().ok()? })
    })
}

fn objects(api: &Api) -> Vec<ObjectState> {
    let objects = api.parts.objects.as_ref().map(|objects| objects.newest_first()).unwrap_or_default();
    let state = objects.iter().map(|object| ObjectState {
        name: object.name.to_string(),
        records: object.name.records(),
        bytes: object.bytes,
        ms: object.at_ms,
    });
    state.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_from_the_metrics() {
        let text =
            "# TYPE onepixel_rejected counter\nonepixel_rejected_total{reason=\"key\"} 3\nonepixel_other 1\n";
        let found: Vec<_> = counted_by_reason(text).map(|one| (one.reason, one.count)).collect();
        assert_eq!(found, [("key".to_owned(), 3)]);
    }
}
