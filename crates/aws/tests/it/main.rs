//! Tests of the crate from outside, against a service that fails on command.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod outbox;
mod producer;
mod redrive;
mod relay;
mod scripted;
