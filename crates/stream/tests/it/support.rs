//! What the tests share: a clock that is moved by hand, and short ways to append and read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use onepixel_stream::{
    AppendError, Appended, Clock, Disk, Key, OpenError, OsDisk, Reader, Record, Records, Recovered, Settings,
    Stream,
};

/// When the tests' time starts.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// A clock that is moved by hand.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicU64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START_MS)))
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// Small segments, no watermark.
pub(crate) fn settings(dir: &Path) -> Settings {
    Settings { segment_bytes: 4096, disk_watermark_bytes: 0, ..Settings::new(dir) }
}

pub(crate) fn open(dir: &Path) -> (Stream, Recovered) {
    open_on(Arc::new(OsDisk), settings(dir)).unwrap()
}

pub(crate) fn open_on(disk: Arc<dyn Disk>, settings: Settings) -> Result<(Stream, Recovered), OpenError> {
    Stream::open(disk, settings, Hand::new().clock())
}

pub(crate) fn records(payloads: &[(Option<Key>, &[u8])]) -> Records {
    let mut records = Records::new();
    for (key, payload) in payloads {
        records.push(*key, |buffer| buffer.extend_from_slice(payload)).unwrap();
    }
    records
}

pub(crate) async fn append(stream: &Stream, payload: &[u8]) -> Result<Appended, AppendError> {
    stream.append(records(&[(None, payload)])).await
}

/// Everything from the oldest record to the durable end.
pub(crate) async fn read_all(reader: &mut Reader) -> Vec<Record> {
    let (mut offset, end) = (reader.oldest(), reader.end());
    reader.seek(offset);
    let mut all = Vec::new();
    while offset < end {
        all.extend(reader.next(7, 1000).await.unwrap());
        offset = all.last().unwrap().offset + 1;
    }
    all
}

pub(crate) fn payloads(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(|record| record.payload.to_vec()).collect()
}

/// Polls all futures at once, like a server with many connections.
pub(crate) async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// Waits until something is so that the writer's thread does within a second or two; fails after a minute.
pub(crate) async fn until(mut so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !so() {
        assert!(std::time::Instant::now() < deadline, "it never came to be so");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}
