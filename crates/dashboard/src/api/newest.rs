//! Records of the stream by their place: one, or the last ones. Read on a thread that may wait for the disk.

use axum::http::StatusCode;
use onepixel_stream::{Offset, ReadError, Record, Stream};

use super::Problem;

/// Bytes of records held at once for one answer.
const BYTES_MAX: usize = 8 << 20;

/// Up to `count` records from `from` on, fewer when the stream ends, when what was wanted is not retained, or when they
/// are large.
pub(super) async fn records(stream: &Stream, from: Offset, count: usize) -> Result<Vec<Record>, Problem> {
    let stream = stream.clone();
    let runtime = tokio::runtime::Handle::current();
    let reading = tokio::task::spawn_blocking(move || runtime.block_on(read(&stream, from, count)));
    let failed = |error: String| {
        tracing::warn!(error, "the stream cannot be read for the dashboard");
        Problem(StatusCode::SERVICE_UNAVAILABLE, format!("the stream cannot be read: {error}"))
    };
    match reading.await {
        Ok(Ok(records)) => Ok(records),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// The last `count` records, the oldest first.
pub(super) async fn last(stream: &Stream, count: usize) -> Result<Vec<Record>, Problem> {
    records(stream, stream.state().durable.saturating_sub(count as Offset), count).await
}

async fn read(stream: &Stream, from: Offset, count: usize) -> Result<Vec<Record>, ReadError> {
    let mut reader = stream.reader(from);
    let (mut records, mut next, mut bytes) = (Vec::new(), from, 0);
    // Beyond the end a reader would wait.
    while records.len() < count && bytes < BYTES_MAX && next < reader.end() {
        match reader.next(count - records.len(), BYTES_MAX - bytes).await {
            Ok(some) => {
                bytes += some.iter().map(|record| record.payload.len()).sum::<usize>();
                next = some.last().map_or(next, |last| last.offset + 1);
                records.extend(some);
            }
            Err(ReadError::Gone { oldest, .. }) => {
                records.clear();
                next = oldest;
                reader.seek(oldest);
            }
            Err(ReadError::Closed) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}

/// The record as JSON: the line that is stored, or null when it is none.
pub(super) fn line(record: &Record) -> Box<serde_json::value::RawValue> {
    serde_json::from_slice(&record.payload).unwrap_or_else(|_| serde_json::value::RawValue::NULL.to_owned())
}
