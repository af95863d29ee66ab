//! The whole product in an emulated AWS: its own tests first, then the functions in it.
//!
//! Each test starts its own servers on its own ports. Run it with `cargo xtask test`, which brings them.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test's own files are outside the product, a test fails by panicking, and prints what it measured"
)]

mod archive;
mod batches;
mod cold;
mod conformance;
mod dashboard;
#[path = "../../../duckdb.rs"]
mod duckdb;
mod experiment;
mod faults;
mod firehose;
mod freeze;
mod live;
mod mapping;
mod model;
mod relay;
mod server;
mod servers;
mod template;
mod tracker;
mod whole_path;
