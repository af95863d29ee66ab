//! Sums over a range: the overview, rankings and the list of sites.

use std::collections::BTreeMap;

use onepixel_event::Class;
use rusqlite::{Connection, OptionalExtension as _};

use super::distinct::Distinct;
use super::scope::Scope;
use super::{ClassCount, Overview, Ranked, Top, TopOrder};
use crate::axis::{Dimension, MINUTE_MS, TOTAL, class_code};
use crate::limits::{SITES_MAX, TOP_ROWS_MAX};
use crate::progress::stored;
use crate::words;

/// `now` counts the current minute and this many before it.
const NOW_MINUTES: i64 = 4;

pub(crate) fn overview(connection: &Connection, scope: &Scope, now_ms: i64) -> rusqlite::Result<Overview> {
    let by_class = by_class(connection, &scope.of_all_classes())?;
    let mut overview = Overview { events: 0, views: 0, visitors: 0, now: 0, classes: Vec::new() };
    for (&class, &(events, views)) in &by_class {
        if (scope.classes >> class.clamp(0, 63)) & 1 == 1 {
            overview.events += events;
            overview.views += views;
        }
        overview.classes.push(ClassCount { class: class_name(class), events, views });
    }
    let minute = now_ms.div_euclid(MINUTE_MS);
    overview.visitors = visitors(connection, scope)?;
    overview.now = visitors(connection, &scope.over(minute - NOW_MINUTES, minute + 1))?;
    Ok(overview)
}

fn by_class(connection: &Connection, scope: &Scope) -> rusqlite::Result<BTreeMap<i64, (u64, u64)>> {
    let mut sums = BTreeMap::new();
    for piece in scope.pieces() {
        let rows = scope.select_counts("r.class, r.events, r.views", TOTAL, piece);
        let mut statement = connection
            .prepare(&format!("SELECT class, sum(events), sum(views) FROM ({rows}) GROUP BY class"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let sum: &mut (u64, u64) = sums.entry(row.get(0)?).or_default();
            sum.0 += stored(row.get(1)?);
            sum.1 += stored(row.get(2)?);
        }
    }
    Ok(sums)
}

fn visitors(connection: &Connection, scope: &Scope) -> rusqlite::Result<u64> {
    let mut distinct = Distinct::default();
    for piece in scope.pieces() {
        let mut statement = connection.prepare(&scope.select_visits("r.visitor", piece))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            distinct.insert(row.get(0)?);
        }
    }
    Ok(distinct.take())
}

pub(crate) fn sites(connection: &Connection, scope: &Scope) -> rusqlite::Result<Vec<Ranked>> {
    let ranking = rank(connection, scope, TOTAL, "site", TopOrder::Events, SITES_MAX)?;
    Ok(ranking.named(|site| word(connection, site))?.rows)
}

pub(crate) fn top(
    connection: &Connection,
    scope: &Scope,
    dimension: Dimension,
    order: TopOrder,
    limit: usize,
) -> rusqlite::Result<Top> {
    let limit = limit.min(TOP_ROWS_MAX);
    if dimension == Dimension::Class {
        rank(connection, scope, TOTAL, "class", order, limit)?
            .named(|class| Ok(Some(class_name(class).into())))
    } else {
        rank(connection, scope, dimension.code(), "value", order, limit)?.named(|id| word(connection, id))
    }
}

/// A ranking whose keys are still numbers.
#[derive(Default)]
struct Ranking {
    rows: Vec<(i64, u64, u64)>,
    values: u64,
    events: u64,
    views: u64,
}

impl Ranking {
    fn named(self, name: impl Fn(i64) -> rusqlite::Result<Option<String>>) -> rusqlite::Result<Top> {
        let mut rows = Vec::with_capacity(self.rows.len());
        for (key, events, views) in self.rows {
            if let Some(value) = name(key)? {
                rows.push(Ranked { value, events, views });
            }
        }
        Ok(Top { rows, values: self.values, events: self.events, views: self.views })
    }
}

fn rank(
    connection: &Connection,
    scope: &Scope,
    dimension: i64,
    key: &str,
    order: TopOrder,
    limit: usize,
) -> rusqlite::Result<Ranking> {
    let mut ranking = Ranking::default();
    let columns = format!("r.{key} AS key, r.events AS events, r.views AS views");
    let pieces: Vec<String> =
        scope.pieces().iter().map(|piece| scope.select_counts(&columns, dimension, *piece)).collect();
    if pieces.is_empty() {
        return Ok(ranking);
    }
    let order = match order {
        TopOrder::Views => "views DESC, events DESC, key",
        TopOrder::Events => "events DESC, views DESC, key",
    };
    let mut statement = connection.prepare(&format!(
        "WITH grouped AS MATERIALIZED (
             SELECT key, sum(events) AS events, sum(views) AS views FROM ({}) GROUP BY key)
         SELECT key, events, views, (SELECT count(*) FROM grouped), (SELECT sum(events) FROM grouped),
             (SELECT sum(views) FROM grouped)
         FROM grouped ORDER BY {order} LIMIT {limit}",
        pieces.join(" UNION ALL ")
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        ranking.rows.push((row.get(0)?, stored(row.get(1)?), stored(row.get(2)?)));
        ranking.values = stored(row.get(3)?);
        ranking.events = stored(row.get(4)?);
        ranking.views = stored(row.get(5)?);
    }
    Ok(ranking)
}

fn word(connection: &Connection, id: i64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT text FROM word WHERE id = ?1")?
        .query_row([id], |row| row.get(0).map(words::text))
        .optional()
}

fn class_name(code: i64) -> &'static str {
    Class::ALL.iter().find(|class| class_code(**class) == code).map_or("unknown", |class| class.as_str())
}
