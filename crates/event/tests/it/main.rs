//! The event's codec seen from outside.

mod golden;
mod round_trip;
