//! The events of an answer, whole: as the stream still has them, and where it has not, what the live view keeps.

use axum::http::StatusCode;
use futures_util::FutureExt as _;
use onepixel_stream::Stream;
use onepixel_view::RecentEvent;
use serde_json::value::RawValue;

use crate::api::Problem;

/// Bytes of lines in one answer; fifty ordinary ones are 40 KiB. What is beyond stays as the live view has it.
const BYTES_MAX: usize = 4 << 20;

/// Replaces each event by its line in the stream.
pub(super) async fn whole(stream: &Stream, events: Vec<RecentEvent>) -> Result<Vec<RecentEvent>, Problem> {
    let stream = stream.clone();
    let reading = tokio::task::spawn_blocking(move || read(&stream, events)).await;
    reading.map_err(|error| Problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn read(stream: &Stream, mut events: Vec<RecentEvent>) -> Vec<RecentEvent> {
    let mut places: Vec<usize> = (0..events.len()).collect();
    places.sort_unstable_by_key(|place| events[*place].offset);
    let mut reader = stream.reader(0);
    let mut next = 0;
    let mut bytes = 0;
    for place in places {
        let Some(offset) = events[place].offset else { continue };
        if bytes > BYTES_MAX || offset < reader.oldest() || offset >= reader.end() {
            continue;
        }
        if offset != next {
            reader.seek(offset);
        }
        // A record below the end is read without waiting for anybody.
        let Some(Ok(records)) = reader.next(1, usize::MAX).now_or_never() else { continue };
        next = offset + 1;
        let line = records.into_iter().find(|record| record.offset == offset);
        let line = line.and_then(|record| String::from_utf8(record.payload.to_vec()).ok());
        if let Some(Ok(event)) = line.map(RawValue::from_string) {
            bytes += event.get().len();
            events[place].event = event;
        }
    }
    events
}
