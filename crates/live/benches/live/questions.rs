//! The questions of a dashboard, unfiltered and filtered, and how long each takes.

use std::time::Instant;

use onepixel_event::Class;
use onepixel_live::LiveStore;
use onepixel_view::{Dimension, Filter, Page, Query, QueryError, Ranking, TopOrder, Unit};

use crate::traffic::END_MS;

const ROUNDS: usize = 5;
const ZONE: &str = "Europe/Berlin";

pub(crate) fn ask_all(store: &LiveStore) {
    for (name, query) in scopes() {
        ask(&format!("{name}: overview"), || store.overview(&query, false).map(drop));
        ask(&format!("{name}: series by hour"), || store.series(&query, Unit::Hour, ZONE).map(drop));
        ask(&format!("{name}: series by day"), || store.series(&query, Unit::Day, ZONE).map(drop));
        for dimension in [Dimension::Page, Dimension::Referrer, Dimension::Browser, Dimension::Entry] {
            let top = || store.top(&query, dimension, &Ranking::default()).map(drop);
            ask(&format!("{name}: top {}", dimension.as_str()), top);
        }
        let by_visitors = Ranking { order: TopOrder::Visitors, limit: 100, ..Ranking::default() };
        ask(&format!("{name}: top page by visitors, 100"), || {
            store.top(&query, Dimension::Page, &by_visitors).map(drop)
        });
        let searched = Ranking { search: Some("PAGE-4".into()), ..Ranking::default() };
        ask(&format!("{name}: top page, searched"), || {
            store.top(&query, Dimension::Page, &searched).map(drop)
        });
        ask(&format!("{name}: properties"), || store.properties(&query, Some("purchase"), 10).map(drop));
        ask(&format!("{name}: recent"), || store.recent(&query, &Page::default()).map(drop));
    }
    let day = Query { from_ms: END_MS - 86_400_000, ..Query::default() };
    ask("last 24 h: overview and the day before", || store.overview(&day, true).map(drop));
    ask("last 24 h: series by minute", || store.series(&day, Unit::Minute, ZONE).map(drop));
    ask("sites", || store.sites().map(drop));
}

fn scopes() -> Vec<(&'static str, Query)> {
    let filtered = |filters: &[(Dimension, &str)]| Query {
        filters: filters
            .iter()
            .map(|(dimension, value)| Filter { dimension: *dimension, value: (*value).to_owned() })
            .collect(),
        ..Query::default()
    };
    vec![
        ("all", Query::default()),
        ("human", Query { classes: [Class::Human].into_iter().collect(), ..Query::default() }),
        ("one site", Query { site: Some("site-0".to_owned()), ..Query::default() }),
        ("browser", filtered(&[(Dimension::Browser, "Chrome")])),
        (
            "browser or browser, device, country",
            filtered(&[
                (Dimension::Browser, "Chrome"),
                (Dimension::Browser, "Safari"),
                (Dimension::Device, "desktop"),
                (Dimension::Country, "US"),
            ]),
        ),
        ("page", filtered(&[(Dimension::Page, "/section-0/page-0")])),
        ("campaign", filtered(&[(Dimension::Campaign, "campaign-3")])),
        ("nothing", filtered(&[(Dimension::Title, "no such page")])),
    ]
}

fn ask(name: &str, question: impl Fn() -> Result<(), QueryError>) {
    if std::env::var("LIVE_BENCH_ONLY").is_ok_and(|only| !name.contains(&only)) {
        return;
    }
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            question().unwrap();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{:>9.1} ms  {name}", times[ROUNDS / 2]);
}
