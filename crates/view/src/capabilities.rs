//! What a store can tell: whoever shows its answers leaves out what is not there.

use serde::Serialize;

use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::question::{Filter, Page, Query, Ranking, TopOrder};

/// What a store can tell. What it cannot is refused with [`QueryError::Lacking`], never answered by half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub struct Capabilities {
    /// What `top` can rank by.
    #[cfg_attr(feature = "describe", schema(value_type = Vec<String>))]
    pub dimensions: Vec<Dimension>,
    /// What filters can name.
    #[cfg_attr(feature = "describe", schema(value_type = Vec<String>))]
    pub filters: Vec<Dimension>,
    /// Visitors are told apart, and rankings can be ordered by them.
    pub visitors: bool,
    /// The events' own properties are counted.
    pub properties: bool,
    /// Every event is among the recent ones until its time to live is over, and they can be paged through. Otherwise
    /// they are the newest few of each batch.
    pub every_event: bool,
    /// Ranges of sums and series are widened to whole steps of this many milliseconds since the epoch.
    pub sums_step_ms: u64,
    /// Ranges of rankings are widened to whole steps of this many milliseconds since the epoch.
    pub top_step_ms: u64,
    /// Rankings show the beginning of values that have more bytes than this; null: all of every value.
    pub value_bytes_max: Option<u32>,
}

impl Capabilities {
    /// Of a store that keeps every event with all its fields.
    pub fn all() -> Self {
        Self {
            dimensions: Dimension::ALL.to_vec(),
            filters: Dimension::ALL.iter().copied().filter(|dimension| dimension.is_filter()).collect(),
            visitors: true,
            properties: true,
            every_event: true,
            sums_step_ms: 1,
            top_step_ms: 1,
            value_bytes_max: None,
        }
    }

    /// Refuses a question with a filter that the store does not know.
    ///
    /// # Errors
    /// [`QueryError::Lacking`].
    pub fn check(&self, query: &Query) -> Result<(), QueryError> {
        let unknown = |filter: &&Filter| !self.filters.contains(&filter.dimension);
        match query.filters.iter().find(unknown) {
            None => Ok(()),
            Some(filter) => Err(lack(format!(
                "does not filter by {}; it filters by {}",
                filter.dimension.as_str(),
                words(&self.filters)
            ))),
        }
    }

    /// Refuses a ranking that the store cannot make.
    ///
    /// # Errors
    /// [`QueryError::Lacking`].
    pub fn check_top(&self, dimension: Dimension, ranking: &Ranking) -> Result<(), QueryError> {
        if !self.dimensions.contains(&dimension) {
            let known = words(&self.dimensions);
            return Err(lack(format!("does not rank by {}; it ranks by {known}", dimension.as_str())));
        }
        if ranking.order == TopOrder::Visitors && !self.visitors {
            return Err(lack("does not count visitors; order by views or events".to_owned()));
        }
        Ok(())
    }

    /// Refuses an older page where there is only the newest one.
    ///
    /// # Errors
    /// [`QueryError::Lacking`].
    pub fn check_page(&self, page: &Page) -> Result<(), QueryError> {
        if page.before.is_some() && !self.every_event {
            return Err(lack("keeps the newest events only; leave out `before`".to_owned()));
        }
        Ok(())
    }

    /// Refuses a question for properties where they are not counted.
    ///
    /// # Errors
    /// [`QueryError::Lacking`].
    pub fn check_properties(&self) -> Result<(), QueryError> {
        if self.properties {
            Ok(())
        } else {
            Err(lack("does not count the events' own properties".to_owned()))
        }
    }
}

fn lack(lack: String) -> QueryError {
    QueryError::Lacking { lack }
}

fn words(dimensions: &[Dimension]) -> String {
    dimensions.iter().map(|dimension| dimension.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn few() -> Capabilities {
        Capabilities {
            dimensions: vec![Dimension::Page],
            filters: vec![Dimension::Site],
            visitors: false,
            properties: false,
            every_event: false,
            ..Capabilities::all()
        }
    }

    #[test]
    fn what_is_lacking_is_refused_in_words() {
        fn check(found: Result<(), QueryError>, expected: Option<&str>) {
            match (found, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(text)) => {
                    assert!(error.is_asked_wrong());
                    assert_eq!(error.to_string(), format!("this live view {text}"));
                }
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        }
        let by =
            |dimension| Query { filters: vec![Filter { dimension, value: "x".into() }], ..Query::default() };
        check(few().check(&Query::default()), None);
        check(few().check(&by(Dimension::Site)), None);
        check(few().check(&by(Dimension::Page)), Some("does not filter by page; it filters by site"));
        let ranking = Ranking::default();
        check(few().check_top(Dimension::Page, &ranking), None);
        check(few().check_top(Dimension::Os, &ranking), Some("does not rank by os; it ranks by page"));
        let ranking = Ranking { order: TopOrder::Visitors, ..ranking };
        let text = "does not count visitors; order by views or events";
        check(few().check_top(Dimension::Page, &ranking), Some(text));
        check(few().check_page(&Page::default()), None);
        let older = Page { before: Some(1), ..Page::default() };
        check(few().check_page(&older), Some("keeps the newest events only; leave out `before`"));
        check(few().check_properties(), Some("does not count the events' own properties"));
    }

    #[test]
    fn a_whole_store_refuses_nothing() {
        let all = Capabilities::all();
        for dimension in Dimension::ALL.iter().copied() {
            let ranking = Ranking { order: TopOrder::Visitors, ..Ranking::default() };
            assert!(all.check_top(dimension, &ranking).is_ok());
            let filters = vec![Filter { dimension, value: String::new() }];
            assert_eq!(all.check(&Query { filters, ..Query::default() }).is_ok(), dimension.is_filter());
        }
        assert!(
            all.check_page(&Page { before: Some(1), limit: 1 }).is_ok() && all.check_properties().is_ok()
        );
    }
}
