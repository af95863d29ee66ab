//! The whole product in an emulated AWS: its own tests first, then the functions in it.
//!
//! Each test starts its own servers on its own ports. Run it with `cargo xtask test`, which brings them.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's own files are outside the product, and a test fails by panicking"
)]

mod archive;
mod batches;
mod experiment;
mod faults;
mod firehose;
mod freeze;
mod live;
mod servers;
mod troubled;
