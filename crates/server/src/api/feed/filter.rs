//! Which hits a feed shows: the scope of a question, looked up in single events.

use onepixel_event::Event;

/// What filters may name, in the order of [`Fields`].
const DIMENSIONS: [&str; 18] = [
    "page", "host", "referrer", "group", "source", "medium", "campaign", "term", "content", "browser", "os",
    "device", "country", "language", "event", "site", "class", "title",
];
/// Filters of one feed: each is compared with each hit.
const FILTERS_MAX: usize = 50;

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
    /// Reads `site`, `class` and `filter` from a query string.
    pub(super) fn read(query: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        let mut filters = 0;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "site" if !value.is_empty() => filter.want("site", value.into_owned()),
                "class" => {
                    for class in value.split(',').filter(|class| !class.is_empty()) {
                        check_class(class)?;
                        filter.want("class", class.to_owned());
                    }
                }
                "filter" => {
                    filters += 1;
                    let (dimension, value) = value
                        .split_once(':')
                        .ok_or("filter: write it as DIMENSION:VALUE, such as page:/start")?;
                    if !DIMENSIONS.contains(&dimension) {
                        let names = DIMENSIONS.join(", ");
                        return Err(format!("filter: {dimension:?} is not one of {names}"));
                    }
                    filter.want(dimension, value.to_owned());
                }
                _ => {}
            }
        }
        if filters > FILTERS_MAX {
            return Err(format!("filter: give at most {FILTERS_MAX}"));
        }
        Ok(filter)
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

fn check_class(word: &str) -> Result<(), String> {
    let names = || onepixel_event::Class::ALL.iter().map(|class| class.as_str());
    if names().any(|name| name == word) {
        return Ok(());
    }
    Err(format!("class: {word:?} is not one of {}", names().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use onepixel_event::{EventId, Source, Time};

    use super::*;

    fn check(query: &str, expected: Option<bool>) {
        let id = EventId::at(Time::from_ms(0), [0; 10]);
        let mut event = Event::new(id, Time::from_ms(0), Source::Pixel, "pageview", "blog");
        event.page_path = Some("/a:b".into());
        event.browser = Some("Firefox".into());
        let found = Filter::read(query).map(|filter| filter.wants(Some(&Fields::of(&event))));
        assert_eq!(found.ok(), expected, "{query}");
    }

    #[test]
    fn the_same_dimension_is_or_and_different_ones_are_and() {
        check("", Some(true));
        check("site=blog", Some(true));
        check("site=", Some(true));
        check("site=shop", Some(false));
        check("class=human", Some(true));
        check("class=bot,human", Some(true));
        check("class=bot", Some(false));
        check("class=robot", None);
        check("filter=page:/a:b", Some(true));
        check("filter=page:%2Fa%3Ab&filter=browser:Firefox", Some(true));
        check("filter=browser:Chrome&filter=browser:Firefox", Some(true));
        check("filter=page:/a:b&filter=browser:Chrome", Some(false));
        check("filter=os:", Some(true));
        check("filter=browser:", Some(false));
        check("filter=entry:/", None);
        check("filter=page", None);
        check(&"filter=page:/&".repeat(51), None);
        check("other=1&after=5", Some(true));
    }

    #[test]
    fn a_hit_that_is_no_event_is_shown_where_everything_is() {
        assert!(Filter::read("").unwrap().wants(None));
        assert!(!Filter::read("site=blog").unwrap().wants(None));
    }
}
