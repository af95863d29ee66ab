//! The store behind the port: every question on a thread that may block.

use onepixel_view::{
    Answer, Capabilities, Dimension, Overview, Page, Property, Query, QueryError, Ranking, RecentEvent,
    Series, SiteCount, Top, Unit, View,
};

use crate::store::LiveStore;

impl View for LiveStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    fn sites(&self) -> Answer<'_, Vec<SiteCount>> {
        self.blocking(Self::sites)
    }

    fn overview(&self, query: Query, with_previous: bool) -> Answer<'_, Overview> {
        self.blocking(move |store| store.overview(&query, with_previous))
    }

    fn series<'a>(&'a self, query: Query, unit: Unit, zone: &'a str) -> Answer<'a, Series> {
        let zone = zone.to_owned();
        self.blocking(move |store| store.series(&query, unit, &zone))
    }

    fn top(&self, query: Query, dimension: Dimension, ranking: Ranking) -> Answer<'_, Top> {
        self.blocking(move |store| store.top(&query, dimension, &ranking))
    }

    fn properties(&self, query: Query, event: Option<String>, limit: usize) -> Answer<'_, Vec<Property>> {
        self.blocking(move |store| store.properties(&query, event.as_deref(), limit))
    }

    fn recent(&self, query: Query, page: Page) -> Answer<'_, Vec<RecentEvent>> {
        self.blocking(move |store| store.recent(&query, &page))
    }

    fn event(&self, offset: u64) -> Answer<'_, Option<RecentEvent>> {
        self.blocking(move |store| store.event(offset))
    }
}

impl LiveStore {
    fn blocking<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Self) -> Result<T, QueryError> + Send + 'static,
    ) -> Answer<'static, T> {
        let store = self.clone();
        let asking = tokio::task::spawn_blocking(move || question(&store));
        Box::pin(async move { asking.await.map_err(QueryError::unavailable)? })
    }
}
