//! The dashboard's questions, answered from the table.
//!
//! Counters tell sums by minute and rankings by hour, so ranges are widened to those; what the table does not count is
//! declared in [`View::capabilities`] and refused. Read in this order: `scope` (what is asked), `plan` (which keys that
//! touches), `read` (asking for them, within a budget), `counts` (adding up), then one file for each question.
//!
//! Never shows an item that is over, deleted or not.

mod counts;
mod overview;
mod plan;
mod read;
mod recent;
mod scope;
mod series;
mod top;

use std::time::Duration;

use onepixel_view::{
    Answer, Capabilities, Dimension, Overview, Page, Property, Query, Ranking, RecentEvent, Series,
    SiteCount, Top, Unit, View,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::read::Reader;
use self::scope::Scope;
use super::keys::{Ranked, VALUE_BYTES_MAX};
use super::table::Table;
use crate::clock::Clock;

/// How long one question may take: a browser waits for twenty seconds.
const QUESTION_TIME: Duration = Duration::from_secs(12);
/// Questions at once in one function: a dashboard asks a dozen. Each holds some pages of a megabyte.
const QUESTIONS_MAX: usize = 4;

/// Answers questions from the table.
pub struct TableView {
    table: Table,
    ttl: Duration,
    clock: Clock,
    turns: Semaphore,
}

impl TableView {
    /// Over `table`, whose items are kept for `ttl`.
    pub fn new(table: Table, ttl: Duration, clock: Clock) -> Self {
        Self { table, ttl, clock, turns: Semaphore::new(QUESTIONS_MAX) }
    }

    fn scope(&self, query: &Query) -> Scope {
        let now_ms = i64::try_from((self.clock)()).unwrap_or(i64::MAX);
        let ttl_ms = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        Scope::new(query, now_ms, ttl_ms)
    }

    /// Waits for a turn, and reads until then.
    async fn reader(&self, scope: &Scope) -> Reader<'_> {
        let deadline = Instant::now() + QUESTION_TIME;
        // The semaphore is never closed.
        let turn = self.turns.acquire().await.ok();
        Reader::new(&self.table, scope.now_ms.div_euclid(1000), deadline, turn)
    }
}

/// The dimensions that are ranked: those that are counted value by value, and the class, which every counter tells.
fn dimensions() -> Vec<Dimension> {
    let is_ranked =
        |dimension: &Dimension| *dimension == Dimension::Class || Ranked::of(*dimension).is_some();
    Dimension::ALL.iter().copied().filter(is_ranked).collect()
}

impl View for TableView {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dimensions: dimensions(),
            filters: vec![Dimension::Site, Dimension::Class],
            visitors: false,
            properties: false,
            every_event: false,
            sums_step_ms: plan::MINUTE_MS.unsigned_abs(),
            top_step_ms: plan::HOUR_MS.unsigned_abs(),
            value_bytes_max: u32::try_from(VALUE_BYTES_MAX).ok(),
        }
    }

    fn sites(&self) -> Answer<'_, Vec<SiteCount>> {
        Box::pin(async move {
            let scope = self.scope(&Query::default());
            top::sites(&self.reader(&scope).await, &scope).await
        })
    }

    fn overview(&self, query: Query, with_previous: bool) -> Answer<'_, Overview> {
        Box::pin(async move {
            self.capabilities().check(&query)?;
            let scope = self.scope(&query);
            overview::overview(&self.reader(&scope).await, &scope, with_previous).await
        })
    }

    fn series<'a>(&'a self, query: Query, unit: Unit, zone: &'a str) -> Answer<'a, Series> {
        Box::pin(async move {
            self.capabilities().check(&query)?;
            let scope = self.scope(&query);
            let grid = series::grid(&scope, &query, unit, zone)?;
            series::series(&self.reader(&scope).await, &scope, grid).await
        })
    }

    fn top(&self, query: Query, dimension: Dimension, ranking: Ranking) -> Answer<'_, Top> {
        Box::pin(async move {
            let capabilities = self.capabilities();
            capabilities.check(&query)?;
            capabilities.check_top(dimension, &ranking)?;
            let scope = self.scope(&query);
            top::top(&self.reader(&scope).await, &scope, dimension, &ranking).await
        })
    }

    fn properties(&self, _query: Query, _event: Option<String>, _limit: usize) -> Answer<'_, Vec<Property>> {
        let lacking = self.capabilities().check_properties();
        Box::pin(async move { lacking.map(|()| Vec::new()) })
    }

    fn recent(&self, query: Query, page: Page) -> Answer<'_, Vec<RecentEvent>> {
        Box::pin(async move {
            let capabilities = self.capabilities();
            capabilities.check(&query)?;
            capabilities.check_page(&page)?;
            let scope = self.scope(&query);
            recent::recent(&self.reader(&scope).await, &scope, &page).await
        })
    }

    fn event(&self, _offset: u64) -> Answer<'_, Option<RecentEvent>> {
        // Nothing here has a place in one stream.
        Box::pin(async { Ok(None) })
    }
}
