//! Questions, and whether what is told is right: exactly what is expected, or refused as declared.

use std::collections::BTreeMap;

use onepixel_view::{Capabilities, Dimension, Page, Query, QueryError, Ranking, Sums, TopOrder, Unit, View};

use super::hits::midnight;

/// How often a question is asked that finds nobody to answer it.
const TRIES: usize = 5;

/// One question.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Sums(Query),
    /// With the range just before.
    Compared(Query),
    Series(Query, Unit, &'static str),
    Top(Query, Dimension, Ranking),
    Recent(Query, Page),
    Sites,
    Properties(Query),
}

/// What has to be told by a store that can.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// Events, views, visitors, events of machines.
    Sums(u64, u64, u64, u64),
    /// Events now and before; `None`: not known.
    Compared(u64, Option<u64>),
    /// Events of the points that have any, by their begin in milliseconds from midnight on; and how many points there are.
    Points(&'static [(i64, u64)], usize),
    /// Value, events, views, visitors.
    Rows(Vec<(String, u64, u64, u64)>),
    /// The pages of the events, the newest first.
    Pages(&'static [&'static str]),
    /// Site and events, the busiest first.
    Sites(&'static [(&'static str, u64)]),
    /// Names and values with their events.
    Properties(&'static [(&'static str, &'static str, u64)]),
    /// The question itself is wrong, for every store.
    Wrong(&'static str),
    /// The first by stores that keep moments, the second by those that widen a ranking's range to hours.
    Stepped(Box<Self>, Box<Self>),
}

/// Rows of a ranking.
pub(super) fn rows(rows: &[(&str, u64, u64, u64)]) -> Told {
    Told::Rows(
        rows.iter()
            .map(|(value, events, views, visitors)| (value.to_string(), *events, *views, *visitors))
            .collect(),
    )
}

/// Asks, and panics unless the answer is right; true when the store declares that it has none.
pub(super) async fn check(case: &str, view: &dyn View, question: &Question, expected: &Told) -> bool {
    let can = view.capabilities();
    let expected = stepped(expected, &can);
    let mut found = ask(view, question).await;
    // A machine that has other things to do is no wrong answer.
    for _ in 1..TRIES {
        if !matches!(found, Err(QueryError::Unavailable(_) | QueryError::Busy)) {
            break;
        }
        found = ask(view, question).await;
    }
    let about = format!("{case}: {question:?}");
    if let Some(lack) = lack(question, &can) {
        match found {
            Err(QueryError::Lacking { lack: said }) => assert!(said.contains(lack), "{about}: {said}"),
            other => panic!("{about}: {other:?}, but {lack} is declared"),
        }
        return true;
    }
    match (found, expected) {
        (Err(error), Told::Wrong(part)) => {
            assert!(error.is_asked_wrong() && error.to_string().contains(part), "{about}: {error}");
        }
        (Ok(found), expected) => found.compare(expected, &can, &about),
        (Err(error), expected) => panic!("{about}: {error} instead of {expected:?}"),
    }
    false
}

fn stepped<'t>(expected: &'t Told, can: &Capabilities) -> &'t Told {
    match expected {
        Told::Stepped(exact, widened) => {
            if can.top_step_ms == 1 {
                exact
            } else {
                widened
            }
        }
        other => other,
    }
}

/// What the store declares that it lacks for this question, in its own words.
fn lack(question: &Question, can: &Capabilities) -> Option<&'static str> {
    let by_filter = |query: &Query| {
        let is_unknown = query.filters.iter().any(|filter| !can.filters.contains(&filter.dimension));
        is_unknown.then_some("does not filter by")
    };
    match question {
        Question::Sums(query) | Question::Compared(query) | Question::Series(query, ..) => by_filter(query),
        Question::Top(query, dimension, ranking) => by_filter(query)
            .or((!can.dimensions.contains(dimension)).then_some("does not rank by"))
            .or((ranking.order == TopOrder::Visitors && !can.visitors).then_some("does not count visitors")),
        Question::Recent(query, page) => by_filter(query)
            .or((page.before.is_some() && !can.every_event).then_some("keeps the newest events only")),
        Question::Properties(_) => (!can.properties).then_some("does not count the events' own properties"),
        Question::Sites => None,
    }
}

/// An answer, in the terms of [`Told`].
#[derive(Debug)]
enum Found {
    Sums(Sums),
    Compared(u64, Option<u64>),
    Points(Vec<(i64, u64)>, usize),
    Rows(Vec<(String, u64, u64, Option<u64>)>),
    Pages(Vec<String>),
    Sites(Vec<(String, u64)>),
    Properties(Vec<(String, String, u64)>),
}

async fn ask(view: &dyn View, question: &Question) -> Result<Found, QueryError> {
    Ok(match question.clone() {
        Question::Sums(query) => {
            let overview = view.overview(query.clone(), false).await?;
            let classes: u64 = overview.classes.iter().map(|class| class.events).sum();
            assert!(classes >= overview.sums.events && overview.previous.is_none());
            let can = view.capabilities();
            assert_eq!(
                (overview.now.is_some(), overview.sums.visitors.is_some()),
                (can.visitors, can.visitors)
            );
            Found::Sums(overview.sums)
        }
        Question::Compared(query) => {
            let overview = view.overview(query, true).await?;
            Found::Compared(overview.sums.events, overview.previous.map(|sums| sums.events))
        }
        Question::Series(query, unit, zone) => {
            let series = view.series(query, unit, zone).await?;
            assert!(series.points.windows(2).all(|pair| pair[0].end_ms == pair[1].start_ms));
            let some = series.points.iter().filter(|point| point.sums.events > 0);
            let some = some.map(|point| (point.start_ms - midnight(), point.sums.events)).collect();
            Found::Points(some, series.points.len())
        }
        Question::Top(query, dimension, ranking) => {
            let whole = ranking.offset == 0 && ranking.limit >= 10;
            let top = view.top(query, dimension, ranking).await?;
            let sums = top.rows.iter().fold((0, 0), |(e, v), row| (e + row.events, v + row.views));
            assert!(
                !whole || (top.values as usize == top.rows.len() && sums == (top.events, top.views)),
                "{top:?}"
            );
            Found::Rows(
                top.rows.into_iter().map(|row| (row.value, row.events, row.views, row.visitors)).collect(),
            )
        }
        Question::Recent(query, page) => {
            let events = view.recent(query, page).await?;
            let fields = events.iter().map(|event| {
                assert_eq!(event.offset.is_some(), view.capabilities().every_event);
                serde_json::from_str::<serde_json::Value>(event.event.get()).unwrap()
            });
            Found::Pages(
                fields.map(|event| event["page_path"].as_str().unwrap_or_default().to_owned()).collect(),
            )
        }
        Question::Sites => {
            let sites = view.sites().await?;
            Found::Sites(sites.into_iter().map(|site| (site.site, site.events)).collect())
        }
        Question::Properties(query) => {
            let properties = view.properties(query, None, 10).await?;
            let values = properties.into_iter().flat_map(|property| {
                let key = property.key;
                property.values.into_iter().map(move |value| (key.clone(), value.value, value.events))
            });
            Found::Properties(values.collect())
        }
    })
}

impl Found {
    fn compare(self, expected: &Told, can: &Capabilities, about: &str) {
        match (self, expected) {
            (Self::Sums(found), Told::Sums(events, views, visitors, machine_events)) => {
                let visitors = can.visitors.then_some(*visitors);
                let expected =
                    Sums { events: *events, views: *views, visitors, machine_events: *machine_events };
                assert_eq!(found, expected, "{about}");
            }
            (Self::Compared(now, before), Told::Compared(events, previous)) => {
                assert_eq!((now, before), (*events, *previous), "{about}");
            }
            (Self::Points(found, count), Told::Points(points, points_count)) => {
                assert_eq!((found.as_slice(), count), (*points, *points_count), "{about}");
            }
            (Self::Rows(found), Told::Rows(rows)) => compare_rows(&found, rows, can, about),
            (Self::Pages(found), Told::Pages(pages)) => assert_eq!(found, *pages, "{about}"),
            (Self::Sites(found), Told::Sites(sites)) => {
                let found: Vec<_> = found.iter().map(|(site, events)| (site.as_str(), *events)).collect();
                assert_eq!(found, *sites, "{about}");
            }
            (Self::Properties(found), Told::Properties(values)) => {
                let told = |(key, value, events): &(&str, &str, u64)| {
                    ((key.to_string(), value.to_string()), *events)
                };
                let found: BTreeMap<_, _> =
                    found.into_iter().map(|(key, value, events)| ((key, value), events)).collect();
                assert_eq!(found, values.iter().map(told).collect(), "{about}");
            }
            (found, expected) => panic!("{about}: {found:?} instead of {expected:?}"),
        }
    }
}

/// Long values may be shown by their beginning, where that is declared.
fn compare_rows(
    found: &[(String, u64, u64, Option<u64>)],
    expected: &[(String, u64, u64, u64)],
    can: &Capabilities,
    about: &str,
) {
    assert_eq!(found.len(), expected.len(), "{about}: {found:?}");
    for (found, (value, events, views, visitors)) in found.iter().zip(expected) {
        let counts = (*events, *views, can.visitors.then_some(*visitors));
        assert_eq!((found.1, found.2, found.3), counts, "{about}: {value}");
        match can.value_bytes_max {
            Some(most) if value.len() > most as usize => {
                let beginning = found.0.split('…').next().unwrap();
                assert!(
                    found.0 != *value && beginning.len() > 700 && value.starts_with(beginning),
                    "{about}: {}",
                    found.0
                );
            }
            _ => assert_eq!(found.0, *value, "{about}"),
        }
    }
}
