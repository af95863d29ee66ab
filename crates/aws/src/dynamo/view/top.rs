//! Rankings, and the list of sites, over whole hours.

use std::cmp::Reverse;
use std::collections::HashMap;

use onepixel_event::Class;
use onepixel_view::limits::{SITES_MAX, TOP_ROWS_MAX};
use onepixel_view::{ClassSet, Dimension, QueryError, Ranked as Row, Ranking, SiteCount, Top, TopOrder};

use super::super::keys::{LAST, Ranked, SK, parse_top_sk};
use super::counts::Counts;
use super::overview::counts;
use super::plan;
use super::read::{Reader, numeral, text};
use super::scope::Scope;

/// Different values in one answer while it is made, and the bytes of their texts: some 50 MiB in all.
const VALUES_MAX: usize = 200_000;
const VALUES_BYTES_MAX: usize = 32 << 20;
/// So much of a long value's hash tells it from others that begin alike.
const HASH_CHARS_SHOWN: usize = 8;

/// What is known of one value.
#[derive(Debug, Default)]
struct Found {
    counts: Counts,
    last_ms: i64,
}

pub(super) async fn top(
    reader: &Reader<'_>,
    scope: &Scope,
    dimension: Dimension,
    ranking: &Ranking,
) -> Result<Top, QueryError> {
    let (values, missing) = match Ranked::of(dimension) {
        None => (classes(&counts(reader, scope, scope.hours()).await?, scope.classes), None),
        Some(Ranked::Site) => (of_sites(reader, scope).await?, None),
        Some(Ranked::Event) => (values(reader, scope, Ranked::Event, &scope.sites).await?, None),
        Some(ranked) => {
            // The whole first: what comes in between is then a value that is counted, not one that is missing.
            let whole = counts(reader, scope, scope.hours()).await?;
            (values(reader, scope, ranked, &scope.sites).await?, Some(whole))
        }
    };
    let mut rows: Vec<(String, Counts)> =
        values.into_iter().map(|(value, found)| (value, found.counts)).collect();
    if let Some(whole) = missing {
        let mut named = Counts::default();
        rows.iter().for_each(|(_, counts)| named.add_all(counts));
        rows.push((String::new(), whole.without(&named)));
    }
    Ok(ranked(dimension, rows, scope.classes, ranking))
}

/// The sites that had events, the busiest first.
pub(super) async fn sites(reader: &Reader<'_>, scope: &Scope) -> Result<Vec<SiteCount>, QueryError> {
    let found = of_sites(reader, scope).await?;
    let count = |(site, found): (String, Found)| {
        let (events, views) = found.counts.of(ClassSet::ALL);
        SiteCount { site, events, views, last_ms: found.last_ms }
    };
    let mut sites: Vec<SiteCount> = found.into_iter().map(count).collect();
    sites.sort_unstable_by(|a, b| b.events.cmp(&a.events).then_with(|| a.site.cmp(&b.site)));
    sites.truncate(SITES_MAX);
    Ok(sites)
}

/// Sites are counted over all sites only; those that are not asked for are left out.
async fn of_sites(reader: &Reader<'_>, scope: &Scope) -> Result<HashMap<String, Found>, QueryError> {
    let mut found = values(reader, scope, Ranked::Site, &[None]).await?;
    if scope.sites != [None] {
        found.retain(|site, _| scope.sites.iter().flatten().any(|asked| asked == site));
    }
    Ok(found)
}

async fn values(
    reader: &Reader<'_>,
    scope: &Scope,
    dimension: Ranked,
    sites: &[Option<String>],
) -> Result<HashMap<String, Found>, QueryError> {
    let mut found: HashMap<String, Found> = HashMap::new();
    let mut bytes = 0;
    reader
        .each(plan::values(dimension, sites, scope.hours()), |_, item| {
            let Some(key) = text(item, SK).and_then(parse_top_sk) else { return Ok(()) };
            let value = match key.hash {
                None => key.text.to_owned(),
                Some(hash) => format!("{}… #{}", key.text, hash.get(..HASH_CHARS_SHOWN).unwrap_or(hash)),
            };
            if !found.contains_key(&value) {
                bytes += value.len();
                if found.len() >= VALUES_MAX || bytes > VALUES_BYTES_MAX {
                    return Err(QueryError::TooManyValues);
                }
            }
            let one = found.entry(value).or_default();
            one.counts.add(item);
            one.last_ms = one.last_ms.max(numeral(item, LAST).unwrap_or(0));
            Ok(())
        })
        .await?;
    Ok(found)
}

/// Every counter tells its classes, so they need no values of their own.
fn classes(counts: &Counts, asked: ClassSet) -> HashMap<String, Found> {
    let of = |class: Class| (class.as_str().to_owned(), Found { counts: counts.only(class), last_ms: 0 });
    Class::ALL.iter().copied().filter(|class| asked.contains(*class)).map(of).collect()
}

fn ranked(dimension: Dimension, rows: Vec<(String, Counts)>, classes: ClassSet, ranking: &Ranking) -> Top {
    let search = ranking.search.as_deref().unwrap_or_default().to_lowercase();
    let row = |(value, counts): (String, Counts)| {
        let (events, views) = counts.of(classes);
        Row { value, events, views, visitors: None }
    };
    let is_found =
        |row: &Row| row.events > 0 && (search.is_empty() || row.value.to_lowercase().contains(&search));
    let mut rows: Vec<Row> = rows.into_iter().map(row).filter(is_found).collect();
    let key = |row: &Row| match ranking.order {
        TopOrder::Events => [row.events, row.views],
        TopOrder::Views | TopOrder::Visitors => [row.views, row.events],
    };
    rows.sort_unstable_by(|a, b| Reverse(key(a)).cmp(&Reverse(key(b))).then_with(|| a.value.cmp(&b.value)));
    let (values, events, views) =
        (rows.len() as u64, rows.iter().map(|row| row.events).sum(), rows.iter().map(|row| row.views).sum());
    let shown = rows.into_iter().skip(ranking.offset).take(ranking.limit.min(TOP_ROWS_MAX));
    Top { dimension, rows: shown.collect(), values, events, views, visitors: None }
}
