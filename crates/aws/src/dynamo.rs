//! The live view in DynamoDB: one table, whose keys stand in [`keys`].
//!
//! [`count`] says which counters an event touches, [`transact`] counts each event once, and [`recent`] keeps the newest.

pub mod count;
pub mod keys;
pub mod recent;
pub mod table;
pub mod transact;
