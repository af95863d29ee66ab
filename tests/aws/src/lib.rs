//! An emulated AWS with real faults, for the tests of what runs there.
//!
//! [`servers`] starts a Kinesis (kinesalite) and a DynamoDB with an S3 (ministack) on loopback.
//! [`faults`] is a proxy in front of either that throttles, fails and loses answers.
//! [`front`] is API Gateway in front of a function, for a browser.
//! [`freeze`] is the Lambda service: it freezes, thaws, times out, kills and recycles a function's environments.
//! [`mapping`] is the event source mapping from a stream to a function.
//! [`template`] renders API Gateway's mapping templates.
//!
//! Promises that all of it is bounded, listens on loopback only, and is gone with its owner, also when a test panics.
//! Nothing here is part of the product, and nothing in the product knows of it. What is not emulated stands at the top of
//! each module.

mod clock;
pub mod faults;
pub mod freeze;
pub mod front;
pub mod functions;
pub mod installed;
mod loopback;
pub mod mapping;
mod process;
pub mod servers;
pub mod template;
