//! The log from outside: what callers append comes back, whatever happens in between.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test's helpers fail the test like the test itself")]

mod appending;
mod concurrent;
mod corruption;
mod crash;
mod faults;
mod golden;
mod keeping_up;
mod lanes;
mod model;
mod retention;
mod sim_disk;
mod support;
