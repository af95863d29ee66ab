//! The consumer from outside: whole pipelines over sinks and sources in memory.

mod conformance;
mod memory_sink;
