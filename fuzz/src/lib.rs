//! What a fuzzer may feed, and what must hold whatever it feeds: each target is a function from bytes to a panic or not.
//!
//! The same functions run under libFuzzer (`fuzz_targets/`) and in a replay of the corpus with changes that follow from
//! a seed (`src/bin/replay.rs`), which needs no tool and no other compiler.

pub mod events;
pub mod requests;
pub mod segments;

/// A target: its name, which is its corpus's folder, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 3] =
    [("requests", requests::check), ("events", events::check), ("segments", segments::check)];
