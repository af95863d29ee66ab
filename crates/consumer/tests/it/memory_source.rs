//! A stream in memory that tests append to, cut off, close and break.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use onepixel_consumer::{Offset, Record, Source, SourceError};
use tokio::sync::Notify;

#[derive(Default)]
struct State {
    records: Vec<Record>,
    oldest: Offset,
    closed: bool,
    errors: VecDeque<SourceError>,
}

/// The stream: shared, and still there after the source is gone.
#[derive(Clone, Default)]
pub(crate) struct Log {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

impl Log {
    pub(crate) fn append(&self, payload: Vec<u8>, committed_at_ms: u64) {
        let mut state = self.state.lock().unwrap();
        let offset = state.records.len() as u64;
        state.records.push(Record { offset, committed_at_ms, key: None, payload: payload.into() });
        self.changed.notify_waiters();
    }

    pub(crate) fn close(&self) {
        self.state.lock().unwrap().closed = true;
        self.changed.notify_waiters();
    }

    /// Retention: everything below is gone.
    pub(crate) fn cut_to(&self, oldest: Offset) {
        self.state.lock().unwrap().oldest = oldest;
    }

    /// The stream was set back: everything from here on never was.
    pub(crate) fn set_back_to(&self, end: usize) {
        self.state.lock().unwrap().records.truncate(end);
    }

    /// The next reads fail.
    pub(crate) fn fail(&self, errors: impl IntoIterator<Item = SourceError>) {
        self.state.lock().unwrap().errors = errors.into_iter().collect();
    }

    pub(crate) fn source(&self) -> MemorySource {
        MemorySource { log: self.clone(), next: 0 }
    }
}

/// The source.
pub(crate) struct MemorySource {
    log: Log,
    next: Offset,
}

impl MemorySource {
    fn read(&mut self, records_max: usize, bytes_max: usize) -> Option<Result<Vec<Record>, SourceError>> {
        let mut state = self.log.state.lock().unwrap();
        if let Some(error) = state.errors.pop_front() {
            return Some(Err(error));
        }
        if self.next < state.oldest {
            return Some(Err(SourceError::Gone { offset: self.next, oldest: state.oldest }));
        }
        let (mut records, mut bytes) = (Vec::new(), 0);
        for record in state.records.iter().skip(usize::try_from(self.next).unwrap()) {
            if records.len() == records_max || bytes >= bytes_max {
                break;
            }
            bytes += record.payload.len();
            records.push(record.clone());
        }
        if records.is_empty() {
            return state.closed.then_some(Err(SourceError::Closed));
        }
        self.next += records.len() as u64;
        Some(Ok(records))
    }
}

impl Source for MemorySource {
    fn partition(&self) -> u32 {
        0
    }

    fn oldest(&self) -> Offset {
        self.log.state.lock().unwrap().oldest
    }

    fn end(&self) -> Offset {
        self.log.state.lock().unwrap().records.len() as u64
    }

    fn seek(&mut self, offset: Offset) {
        self.next = offset;
    }

    async fn next(&mut self, records_max: usize, bytes_max: usize) -> Result<Vec<Record>, SourceError> {
        loop {
            let changed = self.log.changed.clone();
            let changed = changed.notified();
            if let Some(read) = self.read(records_max, bytes_max) {
                return read;
            }
            changed.await;
        }
    }
}
