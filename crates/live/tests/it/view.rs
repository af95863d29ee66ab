//! A live view in a folder of its own, with a clock that tests move.

use std::borrow::Cow;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use onepixel_consumer::{Batch, Clock, Record, Sink as _, SinkError};
use onepixel_event::{Event, EventId, Source, Time};
use onepixel_live::{LiveSink, LiveStore, Partition, Retention};

/// 2026-02-10T21:04:05.123Z
pub(crate) const NOW_MS: i64 = 1_770_757_445_123;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const TTL: Duration = Duration::from_secs(7 * 86_400);

pub(crate) struct View {
    folder: tempfile::TempDir,
    now_ms: Arc<AtomicU64>,
    sink: Option<LiveSink>,
}

impl View {
    pub(crate) fn new() -> Self {
        Self {
            // In memory where there is such a folder: every batch is synced, and no test cuts the power.
            folder: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap(),
            now_ms: Arc::new(AtomicU64::new(NOW_MS as u64)),
            sink: None,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("live.sqlite")
    }

    pub(crate) fn clock(&self) -> Clock {
        let now_ms = Arc::clone(&self.now_ms);
        Arc::new(move || now_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn set_now(&self, ms: i64) {
        self.now_ms.store(ms as u64, Ordering::Relaxed);
    }

    pub(crate) fn store(&mut self) -> LiveStore {
        self.sink();
        LiveStore::open(&self.path(), TTL, self.clock()).unwrap()
    }

    pub(crate) fn retention(&self) -> Retention {
        Retention::new(&self.path(), TTL, self.clock())
    }

    /// Closes the sink; the next use opens it again.
    pub(crate) fn close(&mut self) {
        self.sink = None;
    }

    fn sink(&mut self) -> &mut LiveSink {
        if self.sink.is_none() {
            self.sink = Some(LiveSink::open(&self.path(), TTL, self.clock()).unwrap());
        }
        self.sink.as_mut().unwrap()
    }

    pub(crate) fn position(&mut self) -> Option<u64> {
        ready(self.sink().position()).unwrap()
    }

    pub(crate) fn try_write(&mut self, batch: &Batch) -> Result<(), SinkError> {
        ready(self.sink().write(batch))
    }

    pub(crate) fn write(&mut self, batch: &Batch) {
        self.try_write(batch).unwrap();
    }

    pub(crate) fn replay(&mut self, record: &Record) -> Result<(), SinkError> {
        ready(self.sink().replay(0, record))
    }

    /// The only partition's totals, which always balance.
    pub(crate) fn totals(&mut self) -> Partition {
        let totals = self.store().totals().unwrap();
        assert_eq!(totals.partitions.len(), 1);
        let partition = totals.partitions.into_iter().next().unwrap();
        if let (Some(first), Some(position)) = (partition.first, partition.position) {
            assert_eq!(partition.counted, position - first - partition.missing + partition.strays);
        }
        partition
    }
}

/// The result of a future that never waits: the sink works on the thread that calls it.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the sink waits"),
    }
}

pub(crate) fn event(received_ms: i64) -> Event<'static> {
    let time = Time::from_ms(received_ms);
    Event::new(EventId::fresh(time), time, Source::Pixel, "pageview", "blog")
}

pub(crate) fn text(text: &str) -> Option<Cow<'static, str>> {
    Some(Cow::Owned(text.to_owned()))
}

pub(crate) fn record(offset: u64, event: &Event<'_>) -> Record {
    let mut line = Vec::new();
    event.encode(&mut line);
    raw(offset, line)
}

pub(crate) fn raw(offset: u64, payload: impl Into<Bytes>) -> Record {
    Record { offset, committed_at_ms: 0, key: None, payload: payload.into() }
}

pub(crate) fn batch(range: Range<u64>, records: Vec<Record>) -> Batch {
    Batch { partition: 0, range, records }
}

/// A batch of page views at [`NOW_MS`], one for each offset.
pub(crate) fn plain(range: Range<u64>) -> Batch {
    let records = range.clone().map(|offset| record(offset, &event(NOW_MS))).collect();
    batch(range, records)
}
