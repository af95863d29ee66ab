//! A sink in memory, in the two kinds there are: objects named by their offsets, written one after the other; and
//! one transaction that holds records and position. Its store outlives it, as a backend outlives a crash.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use onepixel_consumer::{Batch, Offset, Record, Sink, SinkError};

/// An object never crosses a multiple of this offset, as archive objects never cross an hour.
const OBJECT_OFFSETS: u64 = 10;

/// What happens at one step of a write: one object, or the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The step is not done and the backend says so.
    Before,
    /// The step is done, yet the backend says that it failed.
    After,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<(Offset, Offset), Vec<Offset>>,
    position: Option<Offset>,
    gaps: BTreeSet<Offset>,
    faults: VecDeque<Fault>,
    down: bool,
    refused_for_now: Option<Offset>,
    writes: Vec<(Offset, Offset)>,
}

/// The backend: shared, and still there after the sink is gone.
#[derive(Clone)]
pub(crate) struct Store(Arc<Mutex<State>>);

impl Store {
    /// Keeps objects and no position.
    pub(crate) fn objects() -> Self {
        Self(Arc::default())
    }

    /// Keeps its position in the transaction of the records.
    pub(crate) fn transactional() -> Self {
        Self(Arc::new(Mutex::new(State { position: Some(0), ..State::default() })))
    }

    pub(crate) fn open(&self) -> MemorySink {
        MemorySink(self.clone())
    }

    /// The offset of every record, once for each object it lies in.
    pub(crate) fn held(&self) -> Vec<Offset> {
        self.state().objects.values().flatten().copied().collect()
    }

    /// The ranges that were asked to be written, in order.
    pub(crate) fn writes(&self) -> Vec<(Offset, Offset)> {
        self.state().writes.clone()
    }

    /// What the next steps come to.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults = faults.into_iter().collect();
    }

    /// While it is down, every step fails.
    pub(crate) fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// The sink refuses this sound record, until it is told otherwise.
    pub(crate) fn refuse(&self, offset: Option<Offset>) {
        self.state().refused_for_now = offset;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn next_fault(&self) -> Fault {
        let mut state = self.state();
        if state.down { Fault::Before } else { state.faults.pop_front().unwrap_or(Fault::None) }
    }

    async fn step(&self, done: impl FnOnce(&mut State)) -> Result<(), SinkError> {
        tokio::task::yield_now().await;
        let fault = self.next_fault();
        if fault != Fault::Before {
            done(&mut self.state());
        }
        tokio::task::yield_now().await;
        match fault {
            Fault::None => Ok(()),
            fault => Err(SinkError::Unavailable(format!("planned: {fault:?}").into())),
        }
    }
}

/// The sink.
pub(crate) struct MemorySink(Store);

impl Sink for MemorySink {
    type Prepared = ();

    fn name(&self) -> &'static str {
        "memory"
    }

    async fn position(&mut self) -> Result<Option<Offset>, SinkError> {
        Ok(self.0.state().position)
    }

    fn prepare(_: &Batch) {}

    async fn write_prepared(&mut self, batch: &Batch, (): &()) -> Result<(), SinkError> {
        self.0.state().writes.push((batch.range.start, batch.range.end));
        let position = self.0.state().position;
        if position.is_some_and(|position| batch.range.end <= position) {
            return Ok(());
        }
        let for_now = self.0.state().refused_for_now;
        let bad = |record: &&Record| record.payload == poison() || Some(record.offset) == for_now;
        if let Some(bad) = batch.records.iter().find(bad) {
            return Err(SinkError::Refused { reason: format!("poison at {}", bad.offset) });
        }
        let Some(position) = position else {
            for object in objects(batch) {
                self.0.step(|state| drop(state.objects.insert(name(&object), object))).await?;
            }
            return Ok(());
        };
        assert_eq!(batch.range.start, position, "batches come without gap");
        let gaps: BTreeSet<_> =
            batch.range.clone().filter(|n| !batch.records.iter().any(|r| r.offset == *n)).collect();
        let commit = |state: &mut State| {
            state.position = Some(batch.range.end);
            state.objects.extend(objects(batch).into_iter().map(|object| (name(&object), object)));
            state.gaps.extend(gaps);
        };
        self.0.step(commit).await
    }

    async fn retract(&mut self, batch: &Batch) -> Result<(), SinkError> {
        if self.0.state().position.is_some() {
            return Ok(());
        }
        for object in objects(batch) {
            self.0.step(|state| drop(state.objects.remove(&name(&object)))).await?;
        }
        Ok(())
    }

    async fn replay(&mut self, _partition: u32, record: &Record) -> Result<(), SinkError> {
        let n = record.offset;
        let commit = |state: &mut State| {
            if state.position.is_none() || state.gaps.remove(&n) {
                state.objects.insert((n, n), vec![n]);
            }
        };
        self.0.step(commit).await
    }
}

/// Runs of consecutive records, none across a boundary.
fn objects(batch: &Batch) -> Vec<Vec<Offset>> {
    let offsets: Vec<_> = batch.records.iter().map(|record| record.offset).collect();
    let joined = |a: &Offset, b: &Offset| a + 1 == *b && a / OBJECT_OFFSETS == b / OBJECT_OFFSETS;
    offsets.chunk_by(joined).map(<[Offset]>::to_vec).collect()
}

fn name(object: &[Offset]) -> (Offset, Offset) {
    (object[0], object[object.len() - 1])
}

/// A payload that is taken.
pub(crate) fn sound(n: u64) -> Vec<u8> {
    format!("record {n}").into_bytes()
}

/// A payload that is refused.
pub(crate) fn poison() -> Vec<u8> {
    b"poison".to_vec()
}
