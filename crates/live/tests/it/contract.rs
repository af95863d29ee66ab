//! The consumer's contract with every sink.

use onepixel_consumer::conformance::{self, Fixture};
use onepixel_live::LiveSink;
use onepixel_view::{Dimension, Page, Query, Ranked, Ranking};

use crate::view::{DAY, NOW_MS, TTL, View, event, ready, record, text};

struct Live(View);

impl Fixture for Live {
    type Sink = LiveSink;

    async fn open(&mut self) -> LiveSink {
        LiveSink::open(&self.0.path(), TTL, self.0.clock()).unwrap()
    }

    /// What the pages say, which everything else agrees with.
    async fn held(&mut self) -> Vec<u64> {
        let store = self.0.store();
        let mut held = Vec::new();
        loop {
            let all = Ranking {
                offset: held.len(),
                limit: onepixel_view::limits::TOP_ROWS_MAX,
                ..Ranking::default()
            };
            let rows = store.top(&Query::default(), Dimension::Page, &all).unwrap().rows;
            if rows.is_empty() {
                break;
            }
            let times =
                |row: &Ranked| std::iter::repeat_n(row.value.parse::<u64>().unwrap(), row.events as usize);
            held.extend(rows.iter().flat_map(times));
        }
        let sums = store.overview(&Query::default(), false).unwrap().sums;
        assert_eq!((sums.events, sums.visitors), (held.len() as u64, Some(held.len() as u64)));
        assert_eq!(store.size().unwrap().events, held.len() as u64);
        let newest = store.recent(&Query::default(), &Page { limit: 1, before: None }).unwrap();
        assert_eq!(newest.first().and_then(|event| event.offset), held.iter().copied().max());
        self.0.close();
        held
    }

    /// Three events a minute.
    fn payload(&self, n: u64) -> Vec<u8> {
        let mut event = event(NOW_MS - 3 * DAY + n as i64 * 20_000);
        event.page_path = text(&n.to_string());
        event.visitor = text(&n.to_string());
        record(n, &event).payload.to_vec()
    }

    fn poison(&self) -> Option<Vec<u8>> {
        Some(b"{}".to_vec())
    }
}

#[test]
fn the_sink_keeps_its_contract() {
    ready(conformance::all(|| Live(View::new())));
}
