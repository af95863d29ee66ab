//! A store that only counts: three events, one of them of a machine.

use onepixel_view::{
    Answer, Capabilities, Dimension, Overview, Page, Property, Query, QueryError, Ranking, RecentEvent,
    Series, SiteCount, Sums, Top, Unit, View,
};
use serde_json::value::RawValue;

pub(crate) struct CountingView;

const SUMS: Sums = Sums { events: 3, views: 2, visitors: None, machine_events: 1 };

/// The answer, unless the store lacks something for it.
fn unless<T: Send + 'static>(lack: Result<(), QueryError>, answer: T) -> Answer<'static, T> {
    Box::pin(async move { lack.map(|()| answer) })
}

impl View for CountingView {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dimensions: vec![Dimension::Page],
            filters: vec![Dimension::Site],
            visitors: false,
            properties: false,
            every_event: false,
            sums_step_ms: 60_000,
            top_step_ms: 3_600_000,
            value_bytes_max: None,
        }
    }

    fn sites(&self) -> Answer<'_, Vec<SiteCount>> {
        unless(Ok(()), Vec::new())
    }

    fn overview(&self, query: Query, _with_previous: bool) -> Answer<'_, Overview> {
        let overview = Overview { sums: SUMS, now: None, classes: Vec::new(), previous: None };
        unless(self.capabilities().check(&query), overview)
    }

    fn series<'a>(&'a self, query: Query, unit: Unit, zone: &'a str) -> Answer<'a, Series> {
        let series = Series { unit, zone: zone.to_owned(), points: Vec::new() };
        unless(self.capabilities().check(&query), series)
    }

    fn top(&self, _query: Query, dimension: Dimension, ranking: Ranking) -> Answer<'_, Top> {
        let top = Top { dimension, rows: Vec::new(), values: 0, events: 0, views: 0, visitors: None };
        unless(self.capabilities().check_top(dimension, &ranking), top)
    }

    fn properties(&self, _query: Query, _event: Option<String>, _limit: usize) -> Answer<'_, Vec<Property>> {
        unless(self.capabilities().check_properties(), Vec::new())
    }

    fn recent(&self, _query: Query, page: Page) -> Answer<'_, Vec<RecentEvent>> {
        let event = RawValue::from_string(r#"{"event":"pageview"}"#.to_owned()).unwrap();
        unless(self.capabilities().check_page(&page), vec![RecentEvent { offset: None, event }])
    }

    fn event(&self, _offset: u64) -> Answer<'_, Option<RecentEvent>> {
        unless(Ok(()), None)
    }
}
