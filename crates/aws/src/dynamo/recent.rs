//! The newest events, as lines.
//!
//! A batch of records adds a few to each site's list and to that of all sites, whatever its size: the lists show what
//! comes in, the archive has everything. The key of an event is the same whenever it is written, so that a batch that comes
//! again writes the same items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use onepixel_event::{Event, EventId, Props, Time};
use tokio::time::{Instant, timeout_at};

use super::keys::{self, Key, LINE};
use super::table::{Backoff, Failed, Table, attributes, failed};

/// Items of one BatchWriteItem: DynamoDB's limit.
const ITEMS_MAX: usize = 25;
/// Events that a batch adds to one list: with one site, all of them go in one call.
pub const EVENTS_MAX: usize = ITEMS_MAX / 2;
/// Items that a batch adds to all lists: where it has more sites than there is room for, the newest.
pub const KEPT_MAX: usize = 4 * ITEMS_MAX;
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

    /// Puts it into the list of its site, or into that of all.
    fn request(&self, site: Option<&str>, ttl_s: i64) -> Result<WriteRequest, Failed> {
        let w = keys::recent_shard(self.id);
        let key = Key { pk: keys::recent_pk(site, w), sk: keys::recent_sk(self.received_at, self.id) };
        let mut item = attributes(key, self.received_at.ms() / 1000 + ttl_s);
        item.insert(LINE.to_owned(), AttributeValue::S(self.line.clone()));
        let put = PutRequest::builder().set_item(Some(item)).build();
        let put = put.map_err(|error| Failed { reason: error.to_string(), passes: false })?;
        Ok(WriteRequest::builder().put_request(put).build())
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
    let requests = chosen(&events).into_iter().map(|(event, site)| event.request(site, ttl_s));
    let requests: Vec<WriteRequest> = requests.collect::<Result<_, _>>()?;
    for part in requests.chunks(ITEMS_MAX) {
        write(table, part.to_vec(), deadline).await?;
    }
    Ok(requests.len())
}

/// The newest of all and the newest of each site, of events that are sorted so.
fn chosen(events: &[Recent]) -> Vec<(&Recent, Option<&str>)> {
    let mut chosen: Vec<_> = events.iter().take(EVENTS_MAX).map(|event| (event, None)).collect();
    let mut of_sites: HashMap<&str, usize> = HashMap::new();
    for event in events {
        let count = of_sites.entry(&event.site).or_default();
        *count += 1;
        if *count <= EVENTS_MAX {
            chosen.push((event, Some(event.site.as_str())));
        }
    }
    chosen.truncate(KEPT_MAX);
    chosen
}

/// Writes the items of one call, those again that were not processed.
async fn write(table: &Table, mut requests: Vec<WriteRequest>, deadline: Instant) -> Result<(), Failed> {
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sites: &[(&str, usize)], in_all: usize, in_sites: &[(&str, usize)]) {
        let event = |site: &&str, ms: usize| Recent {
            id: EventId::at(Time::from_ms(ms as i64), [7; 10]),
            received_at: Time::from_ms(ms as i64),
            site: (*site).to_owned(),
            line: String::new(),
        };
        let events: Vec<Recent> =
            sites.iter().flat_map(|(site, count)| (0..*count).map(move |ms| event(site, ms))).collect();
        let chosen = chosen(&events);
        let of = |site: Option<&str>| chosen.iter().filter(|(_, list)| *list == site).count();
        assert_eq!(of(None), in_all);
        for (site, count) in in_sites {
            assert_eq!(of(Some(site)), *count, "{site}");
        }
        assert!(chosen.len() <= KEPT_MAX);
    }

    #[test]
    fn a_quiet_site_has_its_place_beside_a_busy_one() {
        check(&[], 0, &[]);
        check(&[("a", 3)], 3, &[("a", 3)]);
        check(&[("busy", 500), ("quiet", 1)], 12, &[("busy", 12), ("quiet", 1)]);
        let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
        let many: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        check(&many, 12, &[("0", 1), ("87", 1), ("88", 0)]);
    }
}
