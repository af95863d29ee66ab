//! A Kinesis record: what travels between ingest, the relay and the consumers.
//!
//! ```text
//! lines      EVENT\n  EVENT\n ...          one event a line, as it was encoded at ingest, byte for byte
//! raw body   {"raw":1,"at":...,...}        what API Gateway's template makes of a POST that no function saw
//! ```
//! Many small events in one record save money: Kinesis charges a PUT by units of [`UNIT_BYTES`], the partition key
//! included. All events of a record were received in the same UTC hour, so that whole records can be sorted into the
//! archive's hours. [`Packer`] promises both; [`Content::read`] takes a record apart and promises nothing about its lines,
//! since anybody who may put into the stream may have written it.

mod pack;
mod raw;
mod read;

pub use pack::{Packed, Packer, TooLarge};
pub use raw::{RawBody, RawHeaders};
pub use read::{Content, Lines, Poison};

/// One PUT payload unit: what Kinesis charges for at least.
pub const UNIT_BYTES: usize = 25 * 1024;
/// A record with its partition key, unless a stream is told otherwise (`UpdateMaxRecordSize`).
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// A partition key, in characters, which are one byte each in ours.
pub const KEY_BYTES_MAX: usize = 256;
