//! The newest events, as lines.
//!
//! At most one BatchWriteItem for each batch of records, whatever its size: the list shows what comes in, the archive has
//! everything. The key of an event is the same whenever it is written, so that a batch that comes again writes the same items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use onepixel_event::{Event, EventId, Props, Time};
use tokio::time::{Instant, timeout_at};

use super::keys::{self, Key, LINE};
use super::table::{Backoff, Failed, Table, attributes, failed};

/// Items of one BatchWriteItem: DynamoDB's limit.
const ITEMS_MAX: usize = 25;
/// Events in them, each under its site and under all.
pub const EVENTS_MAX: usize = ITEMS_MAX / 2;
/// A longer line is kept without what makes lines long: one write unit takes a kilobyte.
const LINE_BYTES_MAX: usize = 4096;

/// One of the newest events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    id: EventId,
    received_at: Time,
    site: String,
    line: String,
}

impl Recent {
    /// An event and its line, which is kept as it is unless it is very long.
    pub fn of(event: &Event<'_>, line: &str) -> Self {
        let line = if line.len() <= LINE_BYTES_MAX { line.to_owned() } else { shortened(event) };
        Self { id: event.id, received_at: event.received_at, site: event.site.clone().into_owned(), line }
    }

    fn requests(&self, ttl_s: i64) -> Result<Vec<WriteRequest>, Failed> {
        let w = keys::recent_shard(self.id);
        let expires = self.received_at.ms() / 1000 + ttl_s;
        [Some(self.site.as_str()), None]
            .into_iter()
            .map(|site| {
                let key =
                    Key { pk: keys::recent_pk(site, w), sk: keys::recent_sk(self.received_at, self.id) };
                let mut item = attributes(key, expires);
                item.insert(LINE.to_owned(), AttributeValue::S(self.line.clone()));
                let put = PutRequest::builder().set_item(Some(item)).build();
                let put = put.map_err(|error| Failed { reason: error.to_string(), passes: false })?;
                Ok(WriteRequest::builder().put_request(put).build())
            })
            .collect()
    }
}

/// Without properties, URLs and User-Agent.
fn shortened(event: &Event<'_>) -> String {
    let mut event = event.clone();
    event.props = Props::default();
    (event.page_url, event.referrer_url, event.user_agent) = (None, None, None);
    let mut line = Vec::new();
    event.encode(&mut line);
    String::from_utf8(line).unwrap_or_default()
}

/// Keeps the newest of some events; returns how many items that were.
///
/// # Errors
/// [`Failed`] when not all are written by `deadline`.
pub async fn keep(
    table: &Table,
    mut events: Vec<Recent>,
    ttl_s: i64,
    deadline: Instant,
) -> Result<usize, Failed> {
    events.sort_by_key(|event| (std::cmp::Reverse(event.received_at), event.id));
    // DynamoDB refuses a batch that names an item twice.
    events.dedup_by_key(|event| (event.received_at, event.id));
    events.truncate(EVENTS_MAX);
    let requests = events.iter().map(|event| event.requests(ttl_s));
    let mut requests: Vec<WriteRequest> =
        requests.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let items = requests.len();
    let mut backoff = Backoff::default();
    while !requests.is_empty() {
        let asked = HashMap::from([(table.name().to_owned(), requests.clone())]);
        let sent = table.client().batch_write_item().set_request_items(Some(asked)).send();
        let failure = match timeout_at(deadline, sent).await {
            Err(_) => Failed { reason: "the answer did not come in time".to_owned(), passes: false },
            Ok(Err(error)) => failed(&error),
            Ok(Ok(done)) => {
                let left = done.unprocessed_items.unwrap_or_default().into_values().flatten();
                requests = left.collect();
                Failed { reason: format!("{} items were not processed", requests.len()), passes: true }
            }
        };
        if !requests.is_empty() && (!failure.passes || !backoff.wait(deadline).await) {
            return Err(failure);
        }
    }
    Ok(items)
}
