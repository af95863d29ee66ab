//! Which hits a feed shows: the scope of a question, looked up in single events.

use onepixel_event::{Class, Event};
use onepixel_view::{ClassSet, Query};

/// What filters may name, in the order of [`Fields`].
const DIMENSIONS: [&str; 18] = [
    "page", "host", "referrer", "group", "source", "medium", "campaign", "term", "content", "browser", "os",
    "device", "country", "language", "event", "site", "class", "title",
];

/// The values of an event along each dimension; empty where it has none.
#[derive(Debug)]
pub(super) struct Fields([Box<str>; DIMENSIONS.len()]);

impl Fields {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().unwrap_or_default().into();
        Self([
            text(&event.page_path),
            text(&event.page_host),
            text(&event.referrer_host),
            event.referrer_group.map(|group| group.as_str()).unwrap_or_default().into(),
            text(&event.utm_source),
            text(&event.utm_medium),
            text(&event.utm_campaign),
            text(&event.utm_term),
            text(&event.utm_content),
            text(&event.browser),
            text(&event.os),
            event.device.map(|device| device.as_str()).unwrap_or_default().into(),
            text(&event.country),
            text(&event.language),
            event.event.as_ref().into(),
            event.site.as_ref().into(),
            event.class.as_str().into(),
            text(&event.title),
        ])
    }
}

/// Every dimension with the values that are wanted, any of them; a dimension that is not named wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    wanted: Vec<(usize, Vec<String>)>,
}

impl Filter {
    /// The scope of a question, without its range.
    pub(super) fn of(asked: &Query) -> Self {
        let mut filter = Self::default();
        if let Some(site) = &asked.site {
            filter.want("site", site.clone());
        }
        if asked.classes != ClassSet::ALL {
            let classes = Class::ALL.iter().filter(|class| asked.classes.contains(**class));
            classes.for_each(|class| filter.want("class", class.as_str().to_owned()));
        }
        // A site or class that is filtered by as well must be both.
        let mut filters = Self::default();
        for one in &asked.filters {
            filters.want(one.dimension.as_str(), one.value.clone());
        }
        filter.wanted.extend(filters.wanted);
        filter
    }

    /// Whether every hit is wanted.
    pub(super) fn is_all(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether a hit is wanted; one that is no event is, if all are.
    pub(super) fn wants(&self, fields: Option<&Fields>) -> bool {
        let Some(Fields(values)) = fields else { return self.is_all() };
        self.wanted.iter().all(|(at, wanted)| wanted.iter().any(|one| **one == *values[*at]))
    }

    fn want(&mut self, dimension: &str, value: String) {
        let Some(at) = DIMENSIONS.iter().position(|name| *name == dimension) else { return };
        match self.wanted.iter_mut().find(|(other, _)| *other == at) {
            Some((_, values)) => values.push(value),
            None => self.wanted.push((at, vec![value])),
        }
    }
}

#[cfg(test)]
mod tests {
    use onepixel_event::{EventId, Source, Time};
    use onepixel_view::Dimension;

    use super::*;
    use crate::api::questions::Asked;

    fn check(query: &str, expected: bool) {
        let id = EventId::at(Time::from_ms(0), [0; 10]);
        let mut event = Event::new(id, Time::from_ms(0), Source::Pixel, "pageview", "blog");
        event.page_path = Some("/a:b".into());
        event.browser = Some("Firefox".into());
        let asked = Asked::new(Some(query)).and_then(|mut asked| asked.query()).ok().unwrap();
        assert_eq!(Filter::of(&asked).wants(Some(&Fields::of(&event))), expected, "{query}");
    }

    #[test]
    fn the_same_dimension_is_or_and_different_ones_are_and() {
        check("", true);
        check("site=blog", true);
        check("site=", true);
        check("site=shop", false);
        check("class=human", true);
        check("class=bot,human", true);
        check("class=bot", false);
        check("filter=page:/a:b", true);
        check("filter=page:%2Fa%3Ab&filter=browser:Firefox", true);
        check("filter=browser:Chrome&filter=browser:Firefox", true);
        check("filter=page:/a:b&filter=browser:Chrome", false);
        check("filter=os:", true);
        check("filter=browser:", false);
        check("site=blog&filter=site:shop", false);
        check("class=human&filter=class:bot", false);
    }

    #[test]
    fn every_filter_there_is_can_be_looked_up() {
        for dimension in Dimension::ALL.iter().filter(|dimension| dimension.is_filter()) {
            assert!(DIMENSIONS.contains(&dimension.as_str()), "{dimension:?}");
        }
    }

    #[test]
    fn a_hit_that_is_no_event_is_shown_where_everything_is() {
        assert!(Filter::default().wants(None));
        let asked = Query { site: Some("blog".into()), ..Query::default() };
        assert!(!Filter::of(&asked).wants(None));
    }
}
