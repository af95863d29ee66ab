//! An emulated AWS with real faults, for the tests of what runs there.
//!
//! [`servers`] starts a Kinesis (kinesalite) and a DynamoDB with an S3 (ministack) on loopback.
//!
//! Promises that all of it is bounded, listens on loopback only, and is gone with its owner, also when a test panics.
//! Nothing here is part of the product, and nothing in the product knows of it. What is not emulated stands at the top of
//! each module.

pub mod installed;
mod process;
pub mod servers;
