//! The live view in DynamoDB: one table, whose keys stand in [`keys`].
//!
//! [`count`] says which counters an event touches, [`transact`] counts each event once, [`recent`] keeps the newest,
//! and [`view`] answers the dashboard's questions.

pub mod access;
pub mod count;
pub mod keys;
pub mod recent;
pub mod table;
pub mod transact;
pub mod view;
