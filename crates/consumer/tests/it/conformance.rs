//! The sinks of these tests keep the contract they are used to test.

use onepixel_consumer::conformance::{Fixture, all};

use crate::memory_sink::{MemorySink, Store, poison, sound};

struct Memory(Store);

impl Fixture for Memory {
    type Sink = MemorySink;

    async fn open(&mut self) -> MemorySink {
        self.0.open()
    }

    async fn held(&mut self) -> Vec<u64> {
        self.0.held()
    }

    fn payload(&self, n: u64) -> Vec<u8> {
        sound(n)
    }

    fn poison(&self) -> Option<Vec<u8>> {
        Some(poison())
    }
}

#[tokio::test]
async fn a_sink_of_objects_keeps_the_contract() {
    all(|| Memory(Store::objects())).await;
}

#[tokio::test]
async fn a_sink_with_a_position_keeps_the_contract() {
    all(|| Memory(Store::transactional())).await;
}
