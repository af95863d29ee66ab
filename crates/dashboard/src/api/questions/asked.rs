//! A question's query string, taken apart.
//!
//! Every parameter is known or refused, given once (but for `filter`), and has a value that means something: what is
//! wrong is answered with what, where, and what would be right.

use axum::http::StatusCode;
use onepixel_event::Class;
use onepixel_view::{ClassSet, Dimension, Filter, Page, Query, Ranking, TopOrder, Unit, limits};

use crate::api::Problem;

/// Parameters that are not about the question: a public link's key.
const OF_OTHERS: &[&str] = &["link"];

/// The parameters that were not taken yet.
pub(in crate::api) struct Asked(Vec<(String, String)>);

fn wrong(text: String) -> Problem {
    Problem(StatusCode::BAD_REQUEST, text)
}

impl Asked {
    pub(in crate::api) fn new(query: Option<&str>) -> Result<Self, Problem> {
        let uri = format!("/?{}", query.unwrap_or_default());
        let parsed = uri.parse().map_err(|error| wrong(format!("query string: {error}")))?;
        match axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parsed) {
            Ok(axum::extract::Query(parameters)) => Ok(Self(parameters)),
            Err(error) => Err(wrong(error.body_text())),
        }
    }

    /// The text of a parameter; an empty one counts as none.
    pub(in crate::api) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.value(name)?.filter(|value| !value.is_empty()))
    }

    /// The value of a parameter that is given at most once.
    fn value(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name).into_iter();
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(wrong(format!("{name}: given more than once"))),
            (value, None) => Ok(value),
        }
    }

    fn all(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |(of, _)| of == name).map(|(_, value)| value).collect()
    }

    /// Refuses what nobody asked for.
    pub(in crate::api) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().find(|(name, _)| !OF_OTHERS.contains(&name.as_str())) {
            Some((name, _)) => Err(wrong(format!("{name}: no such parameter here"))),
            None => Ok(()),
        }
    }

    /// Site, range, classes and filters: what every question has.
    pub(in crate::api) fn query(&mut self) -> Result<Query, Problem> {
        let everything = Query::default();
        let from_ms = self.moment("from")?.unwrap_or(everything.from_ms);
        let to_ms = self.moment("to")?.unwrap_or(everything.to_ms);
        if from_ms > to_ms {
            return Err(wrong(format!("from: {from_ms} is after to, {to_ms}")));
        }
        let classes = match self.value("class")? {
            None => ClassSet::ALL,
            Some(words) => words.split(',').map(class).collect::<Result<_, _>>()?,
        };
        let filters = self.all("filter");
        if filters.len() > limits::FILTERS_MAX {
            return Err(wrong(format!("filter: more than {} of them", limits::FILTERS_MAX)));
        }
        let filters = filters.iter().map(|text| filter(text)).collect::<Result<_, _>>()?;
        Ok(Query { site: self.text("site")?, from_ms, to_ms, classes, filters })
    }

    fn moment(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        let parse = |text: String| {
            text.parse()
                .map_err(|_| wrong(format!("{name}: {text:?} is not a moment in milliseconds since 1970")))
        };
        self.value(name)?.map(parse).transpose()
    }

    /// A whole number up to `most`.
    pub(in crate::api) fn number(
        &mut self,
        name: &str,
        default: usize,
        most: usize,
    ) -> Result<usize, Problem> {
        let Some(text) = self.value(name)? else { return Ok(default) };
        let number = text.parse().ok().filter(|number| *number <= most);
        number.ok_or_else(|| wrong(format!("{name}: {text:?} is not a whole number from 0 to {most}")))
    }

    /// True for `1`, false for `0` and for none.
    pub(in crate::api) fn is_on(&mut self, name: &str) -> Result<bool, Problem> {
        self.word(name, &["0", "1"]).map(|word| word.as_deref() == Some("1"))
    }

    pub(in crate::api) fn is_csv(&mut self) -> Result<bool, Problem> {
        self.word("format", &["json", "csv"]).map(|word| word.as_deref() == Some("csv"))
    }

    fn word(&mut self, name: &str, words: &[&str]) -> Result<Option<String>, Problem> {
        match self.value(name)? {
            Some(text) if !words.contains(&text.as_str()) => {
                Err(wrong(format!("{name}: {text:?} is not one of {}", words.join(", "))))
            }
            text => Ok(text),
        }
    }

    pub(in crate::api) fn unit(&mut self) -> Result<Unit, Problem> {
        match self.word("unit", &["minute", "hour", "day"])?.as_deref() {
            Some("minute") => Ok(Unit::Minute),
            Some("hour") => Ok(Unit::Hour),
            Some(_) => Ok(Unit::Day),
            None => Err(wrong("unit: missing; minute, hour or day".to_owned())),
        }
    }

    pub(in crate::api) fn dimension(&mut self) -> Result<Dimension, Problem> {
        match self.value("dimension")? {
            Some(text) => dimension("dimension", &text, |_| true),
            None => Err(wrong(format!("dimension: missing; {}", names(|_| true)))),
        }
    }

    pub(in crate::api) fn ranking(&mut self) -> Result<Ranking, Problem> {
        let order = match self.word("order", &["views", "visitors", "events"])?.as_deref() {
            Some("visitors") => TopOrder::Visitors,
            Some("events") => TopOrder::Events,
            _ => TopOrder::Views,
        };
        Ok(Ranking {
            order,
            limit: self.number("limit", 10, limits::TOP_ROWS_MAX)?,
            offset: self.number("offset", 0, usize::MAX)?,
            search: self.text("search")?,
        })
    }

    pub(in crate::api) fn page(&mut self) -> Result<Page, Problem> {
        let limit = self.number("limit", 50, limits::RECENT_ROWS_MAX)?;
        Ok(Page { limit, before: self.offset("before")? })
    }

    /// A place in the stream.
    pub(in crate::api) fn offset(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        // Up to where the whole numbers of most JSON readers reach.
        let offset = text.parse().ok().filter(|offset: &u64| i64::try_from(*offset).is_ok());
        let offset = offset
            .ok_or_else(|| wrong(format!("{name}: {text:?} is not an offset: a whole number from 0 on")))?;
        Ok(Some(offset))
    }
}

fn class(word: &str) -> Result<Class, Problem> {
    let names = || Class::ALL.iter().map(|class| class.as_str()).collect::<Vec<_>>().join(", ");
    let found = Class::ALL.iter().copied().find(|class| class.as_str() == word);
    found.ok_or_else(|| wrong(format!("class: {word:?} is not one of {}", names())))
}

fn filter(text: &str) -> Result<Filter, Problem> {
    let Some((name, value)) = text.split_once(':') else {
        return Err(wrong(format!("filter: {text:?} is not DIMENSION:VALUE")));
    };
    Ok(Filter { dimension: dimension("filter", name, Dimension::is_filter)?, value: value.to_owned() })
}

fn dimension(parameter: &str, name: &str, may: impl Fn(Dimension) -> bool) -> Result<Dimension, Problem> {
    let found =
        Dimension::ALL.iter().copied().find(|dimension| dimension.as_str() == name && may(*dimension));
    found.ok_or_else(|| wrong(format!("{parameter}: {name:?} is not one of {}", names(may))))
}

fn names(may: impl Fn(Dimension) -> bool) -> String {
    let known = Dimension::ALL.iter().filter(|dimension| may(**dimension));
    known.map(|dimension| dimension.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::new(Some(query)).map_err(|Problem(_, text)| text).unwrap()
    }

    #[test]
    fn a_whole_question_is_understood() {
        let mut asked = asked(
            "site=blog&from=1&to=2&class=human,bot&filter=page:/a:b%26c&filter=referrer:&filter=page:%2F\
             &dimension=entry&limit=5&offset=7&order=visitors&search=A%20b&link=key",
        );
        let query = asked.query().ok().unwrap();
        assert_eq!((query.site.as_deref(), query.from_ms, query.to_ms), (Some("blog"), 1, 2));
        assert_eq!(query.classes, [Class::Human, Class::Bot].into_iter().collect());
        let filters: Vec<_> = query.filters.iter().map(|f| (f.dimension, f.value.as_str())).collect();
        assert_eq!(filters, [(Dimension::Page, "/a:b&c"), (Dimension::Referrer, ""), (Dimension::Page, "/")]);
        assert_eq!(asked.dimension().ok(), Some(Dimension::Entry));
        let ranking = asked.ranking().ok().unwrap();
        assert_eq!((ranking.limit, ranking.offset, ranking.search.as_deref()), (5, 7, Some("A b")));
        assert_eq!(ranking.order, TopOrder::Visitors);
        assert!(asked.finish().is_ok());
        let nothing = Asked::new(None).ok().unwrap().query().ok().unwrap();
        assert_eq!(nothing, Query::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        fn check<T>(query: &str, take: impl Fn(&mut Asked) -> Result<T, Problem>, expected: &str) {
            let Err(Problem(status, text)) = take(&mut asked(query)) else { panic!("{query} was taken") };
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(text.contains(expected), "{query}: {text}");
        }
        check("from=yesterday", Asked::query, "from: \"yesterday\" is not a moment");
        check("from=2&to=1", Asked::query, "from: 2 is after to, 1");
        check("from=1&from=2", Asked::query, "from: given more than once");
        check("class=human,robot", Asked::query, "class: \"robot\" is not one of human, bot");
        check("filter=page", Asked::query, "filter: \"page\" is not DIMENSION:VALUE");
        check("filter=entry:/", Asked::query, "filter: \"entry\" is not one of page, host, referrer");
        check(&"&filter=page:x".repeat(101), Asked::query, "filter: more than 100");
        check("unit=week", Asked::unit, "unit: \"week\" is not one of minute, hour, day");
        check("", Asked::unit, "unit: missing");
        check("", Asked::dimension, "dimension: missing; page, host, entry");
        check("limit=-1", Asked::ranking, "limit: \"-1\" is not a whole number from 0 to 1000");
        check("limit=501", Asked::page, "from 0 to 500");
        check("before=x", Asked::page, "before: \"x\" is not an offset");
        check("compare=yes", |asked| asked.is_on("compare"), "compare: \"yes\" is not one of 0, 1");
        check("format=xml", Asked::is_csv, "format: \"xml\" is not one of json, csv");
        check("sites=a", |asked| std::mem::replace(asked, Asked(Vec::new())).finish(), "sites: no such");
    }
}
