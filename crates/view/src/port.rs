//! The port: what a store of the live view answers.

use std::pin::Pin;

use crate::answer::{Overview, Property, RecentEvent, Series, SiteCount, Top};
use crate::capabilities::Capabilities;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::grid::Unit;
use crate::question::{Page, Query, Ranking};

/// An answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, QueryError>> + Send + 'a>>;

/// A store of the live view. Never shows what is older than its time to live, and what it cannot tell it refuses.
///
/// Every question may fail with [`QueryError::Unavailable`], [`QueryError::Busy`] and [`QueryError::Lacking`]. Callers
/// may ask from several tasks at once; an implementation bounds what it does at a time, and does not block.
pub trait View: Send + Sync {
    /// What it can tell: constant, and without a look at the store.
    fn capabilities(&self) -> Capabilities;

    /// The sites that had events, the busiest first; at most [`SITES_MAX`](crate::limits::SITES_MAX).
    fn sites(&self) -> Answer<'_, Vec<SiteCount>>;

    /// Events, page views and visitors over the range, and by class; `with_previous`: also those of the range of
    /// the same length just before.
    fn overview(&self, query: Query, with_previous: bool) -> Answer<'_, Overview>;

    /// One point for each minute, hour or day of the range, those without events included. `zone` is a name of the
    /// IANA database. A range without an end is up to now, and one without a start from the time to live on.
    fn series<'a>(&'a self, query: Query, unit: Unit, zone: &'a str) -> Answer<'a, Series>;

    /// The most frequent values of `dimension`.
    fn top(&self, query: Query, dimension: Dimension, ranking: Ranking) -> Answer<'_, Top>;

    /// What events, those named `event` or all, say in their own properties, with at most `limit` values of each.
    fn properties(&self, query: Query, event: Option<String>, limit: usize) -> Answer<'_, Vec<Property>>;

    /// The newest events, the newest first.
    fn recent(&self, query: Query, page: Page) -> Answer<'_, Vec<RecentEvent>>;

    /// One event by its place in the stream, where events have one.
    fn event(&self, offset: u64) -> Answer<'_, Option<RecentEvent>>;
}
