//! The consumer's contract with every sink.

use onepixel_consumer::conformance::{self, Fixture};
use onepixel_live::{LiveSink, Page, Query};
use rusqlite::Connection;

use crate::view::{DAY, NOW_MS, TTL, View, event, ready, record, text};

struct Live(View);

impl Fixture for Live {
    type Sink = LiveSink;

    async fn open(&mut self) -> LiveSink {
        LiveSink::open(&self.0.path(), TTL, self.0.clock()).unwrap()
    }

    /// What the counters say, which the newest events agree with.
    async fn held(&mut self) -> Vec<u64> {
        let connection = Connection::open(self.0.path()).unwrap();
        let sql = "SELECT CAST(w.text AS TEXT), r.events FROM rollup AS r JOIN word AS w ON w.id = r.value
                   WHERE r.span = 0 AND r.dimension = 1";
        let mut statement = connection.prepare(sql).unwrap();
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).unwrap();
        let held: Vec<u64> = rows
            .map(Result::unwrap)
            .flat_map(|(n, times)| std::iter::repeat_n(n.parse().unwrap(), times as usize))
            .collect();
        let store = self.0.store();
        assert_eq!(store.overview(&Query::default()).unwrap().visitors, held.len() as u64);
        assert_eq!(store.size().unwrap().recent_events, held.len() as u64);
        assert!(store.recent(&Query::default(), &Page::default()).is_ok());
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
