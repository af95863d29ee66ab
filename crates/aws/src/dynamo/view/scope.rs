//! Which events a question is about, in terms of the table.

use onepixel_event::Class;
use onepixel_view::{ClassSet, Dimension, Query};

use super::plan::{HOUR_MS, MINUTE_MS, ceil, floor};

/// A query, cut at the time to live.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// Received at or after this moment: that of the query, and not before the horizon.
    pub(super) from_ms: i64,
    /// Received before this moment: that of the query, or just after now.
    pub(super) to_ms: i64,
    /// Before this hour everything is over.
    pub(super) horizon_ms: i64,
    pub(super) now_ms: i64,
    /// Partitions of these sites, `None` being all of them together.
    pub(super) sites: Vec<Option<String>>,
    /// Of these classes.
    pub(super) classes: ClassSet,
    /// The classes that filters let through, whatever classes were asked for.
    pub(super) filtered: ClassSet,
}

impl Scope {
    pub(super) fn new(query: &Query, now_ms: i64, ttl_ms: i64) -> Self {
        // An hour's counters are over when the time to live has passed since its end.
        let horizon_ms = floor(now_ms.saturating_sub(ttl_ms), HOUR_MS);
        let filtered = classes(query);
        Self {
            from_ms: query.from_ms.max(horizon_ms),
            to_ms: query.to_ms.min(now_ms.saturating_add(1)),
            horizon_ms,
            now_ms,
            sites: sites(query),
            classes: query.classes.and(filtered),
            filtered,
        }
    }

    /// The same question about another range.
    pub(super) fn over(&self, from_ms: i64, to_ms: i64) -> Self {
        Self { from_ms: from_ms.max(self.horizon_ms), to_ms, ..self.clone() }
    }

    /// The range in whole minutes.
    pub(super) fn minutes(&self) -> (i64, i64) {
        (floor(self.from_ms, MINUTE_MS), ceil(self.to_ms, MINUTE_MS))
    }

    /// The range in whole hours.
    pub(super) fn hours(&self) -> (i64, i64) {
        (floor(self.from_ms, HOUR_MS), ceil(self.to_ms, HOUR_MS))
    }
}

/// The site that is asked for, if the filters let it through, or those that they name.
fn sites(query: &Query) -> Vec<Option<String>> {
    let filters = query.filters.iter().filter(|filter| filter.dimension == Dimension::Site);
    let mut named: Vec<String> = filters.map(|filter| filter.value.clone()).collect();
    match &query.site {
        None if named.is_empty() => return vec![None],
        None => {}
        Some(site) => {
            let is_let_through = named.is_empty() || named.contains(site);
            named = if is_let_through { vec![site.clone()] } else { Vec::new() };
        }
    }
    // The empty site stands for all of them in a key, and no event has it.
    named.retain(|site| !site.is_empty());
    named.sort_unstable();
    named.dedup();
    named.into_iter().map(Some).collect()
}

fn classes(query: &Query) -> ClassSet {
    let mut filters = query.filters.iter().filter(|filter| filter.dimension == Dimension::Class).peekable();
    if filters.peek().is_none() {
        return ClassSet::ALL;
    }
    let named: Vec<&str> = filters.map(|filter| filter.value.as_str()).collect();
    Class::ALL.iter().copied().filter(|class| named.contains(&class.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use onepixel_view::Filter;

    use super::*;

    const DAY_MS: i64 = 24 * HOUR_MS;

    fn query(site: Option<&str>, filters: &[(Dimension, &str)]) -> Query {
        let filter =
            |(dimension, value): &(Dimension, &str)| Filter { dimension: *dimension, value: (*value).into() };
        Query {
            site: site.map(str::to_owned),
            filters: filters.iter().map(filter).collect(),
            ..Query::default()
        }
    }

    #[test]
    fn a_site_is_asked_for_or_filtered_by_or_both() {
        fn check(site: Option<&str>, filters: &[&str], expected: &[Option<&str>]) {
            let filters: Vec<_> = filters.iter().map(|value| (Dimension::Site, *value)).collect();
            let scope = Scope::new(&query(site, &filters), DAY_MS, DAY_MS);
            let found: Vec<_> = scope.sites.iter().map(Option::as_deref).collect();
            assert_eq!(found, expected, "{site:?} {filters:?}");
        }
        check(None, &[], &[None]);
        check(Some("a"), &[], &[Some("a")]);
        check(None, &["b", "a", "b"], &[Some("a"), Some("b")]);
        check(Some("a"), &["b", "a"], &[Some("a")]);
        check(Some("a"), &["b"], &[]);
        check(Some(""), &[], &[]);
        check(None, &[""], &[]);
    }

    #[test]
    fn classes_are_asked_for_and_filtered_by() {
        let mut asked =
            query(None, &[(Dimension::Class, "bot"), (Dimension::Class, "human"), (Dimension::Class, "no")]);
        asked.classes = [Class::Human, Class::Server].into_iter().collect();
        let scope = Scope::new(&asked, DAY_MS, DAY_MS);
        assert_eq!(scope.classes, [Class::Human].into_iter().collect());
        assert_eq!(scope.filtered, [Class::Bot, Class::Human].into_iter().collect());
        let nothing = Scope::new(&query(None, &[(Dimension::Class, "")]), DAY_MS, DAY_MS);
        assert_eq!(nothing.classes, ClassSet::from_iter([]));
    }

    #[test]
    fn ranges_are_cut_and_widened() {
        let asked = Query { from_ms: 90_500, to_ms: 150_001, ..Query::default() };
        let scope = Scope::new(&asked, DAY_MS, DAY_MS);
        assert_eq!((scope.minutes(), scope.hours()), ((60_000, 180_000), (0, HOUR_MS)));
        let all = Scope::new(&Query::default(), 10 * DAY_MS + 90_000, DAY_MS);
        assert_eq!((all.from_ms, all.to_ms), (9 * DAY_MS, 10 * DAY_MS + 90_001));
    }
}
