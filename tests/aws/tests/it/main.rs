//! The whole product in an emulated AWS: its own tests first, then the functions in it.
//!
//! Each test starts its own servers on its own ports. Run it with `cargo xtask test`, which brings them.

mod archive;
mod batches;
mod firehose;
mod live;
mod freeze;
mod servers;
mod troubled;
