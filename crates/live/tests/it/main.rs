//! The live view from outside: what was written is what is answered, whatever happens in between.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "these tests damage the file from outside")]

mod contract;
mod counting;
mod faults;
mod forgetting;
mod large;
mod model;
mod recent;
mod view;
