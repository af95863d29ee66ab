//! Sums over a range.

use onepixel_view::{Overview, QueryError};

use super::counts::Counts;
use super::plan;
use super::read::Reader;
use super::scope::Scope;

/// `with_previous`: also the range just before.
pub(super) async fn overview(
    reader: &Reader<'_>,
    scope: &Scope,
    with_previous: bool,
) -> Result<Overview, QueryError> {
    let counts = counts(reader, scope, scope.minutes()).await?;
    let mut previous = None;
    if with_previous {
        let (from, to) = scope.minutes();
        // Up to now where the range is: the same length as SQLite's view takes.
        let length = scope.to_ms.min(to).saturating_sub(scope.from_ms).max(0);
        let before = scope.over(scope.from_ms.saturating_sub(length), from);
        if scope.from_ms.saturating_sub(length) >= scope.horizon_ms {
            previous = Some(self::counts(reader, scope, before.minutes()).await?.sums(scope.classes));
        }
    }
    Ok(Overview {
        sums: counts.sums(scope.classes),
        now: None,
        classes: counts.classes(scope.filtered),
        previous,
    })
}

/// What lies in a range of whole minutes.
pub(super) async fn counts(
    reader: &Reader<'_>,
    scope: &Scope,
    range: (i64, i64),
) -> Result<Counts, QueryError> {
    let keys = plan::counters(&scope.sites, range, scope.now_ms, false);
    let mut counts = Counts::default();
    reader
        .each(keys, |_, item| {
            counts.add(item);
            Ok(())
        })
        .await?;
    Ok(counts)
}
