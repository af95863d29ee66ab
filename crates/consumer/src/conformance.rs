//! What every sink must do, as checks that the tests of each sink run. Only built with the feature `conformance`.
//!
//! A sink's test implements [`Fixture`] over its store and runs the suite:
//!
//! ```text
//! #[tokio::test]
//! async fn the_sink_keeps_its_contract() {
//!     onepixel_consumer::conformance::all(|| MyFixture::new()).await;
//! }
//! ```
//!
//! with `onepixel-consumer = { workspace = true, features = ["conformance"] }` under `[dev-dependencies]`. Each
//! check gets a fixture of its own, with an empty store; a check that fails panics and says what was expected.
//! The checks know offsets and numbers, never what a payload means.
#![expect(clippy::panic, reason = "a check that fails must fail the test that runs it")]

mod checks;

use std::future::Future;

use crate::Sink;

pub use checks::{
    an_empty_batch_moves_the_position, an_interrupted_write_is_repeated, batches_straddle_every_boundary,
    gaps_stay_gaps, large_batches_are_taken, refused_leaves_nothing, replay_adds_once,
    retracted_batches_can_be_split, the_position_survives, the_same_batch_twice_is_held_once,
    what_is_written_is_held,
};

/// A sink under test together with its store.
///
/// Records are known by their number `n`, which is also their offset.
pub trait Fixture {
    /// The sink.
    type Sink: Sink;

    /// Opens the sink over the store. The first call finds the store empty; a later one finds what the sinks
    /// before it have left, the last of them dropped as by a crash.
    fn open(&mut self) -> impl Future<Output = Self::Sink>;

    /// The number of each record that the store holds or has counted, in any order; one that is held twice is
    /// listed twice. Reads the store itself; no sink is open meanwhile.
    fn held(&mut self) -> impl Future<Output = Vec<u64>>;

    /// The payload of record `n`, which the sink takes. Let it change whatever the sink groups by (its hour, its
    /// minute) every few records, so that batches straddle.
    fn payload(&self, n: u64) -> Vec<u8>;

    /// A payload that the sink refuses; `None` when it takes everything.
    fn poison(&self) -> Option<Vec<u8>>;
}

/// Runs every check, each on a fixture that `make` has just made.
///
/// # Panics
/// When the sink breaks its contract.
pub async fn all<F: Fixture>(make: impl Fn() -> F) {
    what_is_written_is_held(make()).await;
    the_same_batch_twice_is_held_once(make()).await;
    an_interrupted_write_is_repeated(make()).await;
    an_empty_batch_moves_the_position(make()).await;
    gaps_stay_gaps(make()).await;
    batches_straddle_every_boundary(make()).await;
    large_batches_are_taken(make()).await;
    the_position_survives(make()).await;
    refused_leaves_nothing(make()).await;
    retracted_batches_can_be_split(make()).await;
    replay_adds_once(make()).await;
}
