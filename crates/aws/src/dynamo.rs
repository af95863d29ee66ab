//! The live view in DynamoDB: one table, whose keys stand in [`keys`].

pub mod keys;
