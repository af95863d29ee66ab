//! onepixel on AWS: the same events, the same ingest and the same sinks, behind API Gateway, Lambda, Kinesis, S3 and
//! DynamoDB.

pub mod archive;
pub mod clock;
pub mod consumer;
pub mod dynamo;
pub mod live;
pub mod record;
