//! onepixel on AWS.

pub mod dynamo;
