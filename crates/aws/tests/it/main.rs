//! Tests of the crate from outside, against a service that fails on command.

mod producer;
mod scripted;
