//! The newest events, as lines.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use onepixel_event::{Event, Time};
use onepixel_view::limits::RECENT_ROWS_MAX;
use onepixel_view::{ClassSet, Page, QueryError, RecentEvent};
use serde_json::value::RawValue;

use super::super::keys::{self, LINE, SK, WRITE_SHARDS};
use super::plan::Keys;
use super::read::{Item, Reader, text};
use super::scope::Scope;

/// Partitions read at once.
const AT_ONCE: usize = 16;
/// Pages of one partition: with classes that seldom occur, the newest of them may lie far back.
const PAGES_MAX: usize = 20;

/// The newest first.
pub(super) async fn recent(
    reader: &Reader<'_>,
    scope: &Scope,
    page: &Page,
) -> Result<Vec<RecentEvent>, QueryError> {
    let limit = page.limit.min(RECENT_ROWS_MAX);
    if limit == 0 || scope.from_ms >= scope.to_ms {
        return Ok(Vec::new());
    }
    let shards = scope.sites.iter().flat_map(|site| (0..WRITE_SHARDS).map(move |w| (site, w)));
    let asked: Vec<Keys> = shards.map(|(site, w)| keys(scope, site.as_deref(), w)).collect();
    let found: Vec<Vec<(String, String)>> = stream::iter(asked)
        .map(|keys| newest(reader, keys, scope.classes, limit))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut found: Vec<(String, String)> = found.into_iter().flatten().collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(limit);
    let event = |(_, line): (String, String)| {
        // What is written there is the line of an event; what is not is nothing to show.
        RawValue::from_string(line).ok().map(|event| RecentEvent { offset: None, event })
    };
    Ok(found.into_iter().filter_map(event).collect())
}

/// Sort keys begin with the moment; every id comes after the mark behind it.
fn keys(scope: &Scope, site: Option<&str>, w: u8) -> Keys {
    let (from, to) = (Time::from_ms(scope.from_ms), Time::from_ms(scope.to_ms.saturating_sub(1)));
    Keys { pk: keys::recent_pk(site, w), first: from.to_string(), last: format!("{to}#~"), day_ms: 0 }
}

/// Sort key and line of the newest events of one partition.
async fn newest(
    reader: &Reader<'_>,
    keys: Keys,
    classes: ClassSet,
    limit: usize,
) -> Result<Vec<(String, String)>, QueryError> {
    let mut found = Vec::new();
    let page = i32::try_from(limit).unwrap_or(i32::MAX);
    let mut pages = Box::pin(reader.pages(keys, false, Some(page)));
    for _ in 0..PAGES_MAX {
        let Some(items) = pages.try_next().await? else { break };
        found.extend(items.iter().filter_map(|item| shown(item, classes)));
        if found.len() >= limit {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn shown(item: &Item, classes: ClassSet) -> Option<(String, String)> {
    let (sk, line) = (text(item, SK)?, text(item, LINE)?);
    let is_asked = classes == ClassSet::ALL
        || Event::decode(line.as_bytes()).is_ok_and(|event| classes.contains(event.class));
    is_asked.then(|| (sk.to_owned(), line.to_owned()))
}
