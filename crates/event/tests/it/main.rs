//! The event's codec seen from outside.
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod golden;
mod round_trip;
