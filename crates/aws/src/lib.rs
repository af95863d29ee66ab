//! onepixel on AWS: the same events, the same ingest and the same sinks, behind API Gateway, Lambda, Kinesis, S3 and
//! DynamoDB.
//!
//! Adapts and decides nothing about events: ingest is [`onepixel_gateway::ingest`], a sink is an
//! [`onepixel_consumer::Sink`]. One small binary a function (`src/bin`); what they share stands here, in the order of an
//! event's path. Never a dependency of a plain server, which takes it with its feature `aws` only.

pub mod clock;
pub mod kinesis;
pub mod log;
pub mod metrics;
pub mod record;

pub mod http_api;

pub mod ingest;
pub mod redrive;
pub mod relay;
pub mod salt;

pub mod consumer;

pub mod archive;
pub mod firehose;

pub mod live;

pub mod dynamo;

pub mod dashboard;
