//! The consumer from outside: whole pipelines over sinks and sources in memory, and over the embedded stream.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod batching;
mod conformance;
mod crashes;
mod draining;
mod failures;
mod gone;
mod memory_sink;
mod memory_source;
mod poison;
mod rig;
mod stream;
