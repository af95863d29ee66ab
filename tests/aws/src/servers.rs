//! A Kinesis, a DynamoDB and an S3 on loopback, and what a test does with each.
//!
//! Kinesis is kinesalite: closed shards end, a split keeps the parent; it does not throttle and has no `ChildShards`.
//! DynamoDB and S3 are ministack: transactions with their reasons, TTL as an attribute (nothing expires by itself),
//! conditional puts; no request is checked for its signature, and nothing throttles. [`crate::faults`] brings what fails.

mod kinesis;
mod storage;
mod table;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

pub(crate) use kinesis::is_open;
pub use kinesis::{Stored, Stream};
pub use storage::Bucket;
pub use table::{Item, Table};

use crate::installed;
use crate::process::Served;

const REGION: &str = "us-east-1";
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";
const KINESALITE: &str = include_str!("servers/kinesalite.cjs");
const MINISTACK: &str = include_str!("servers/ministack.py");

/// Between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The SDK by itself waits for ever.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// For what a server does by itself, such as making a stream.
const DONE_WITHIN: Duration = Duration::from_secs(60);

/// The servers; gone with this value.
#[derive(Debug)]
pub struct Servers {
    kinesis: Served,
    stack: Served,
}

impl Servers {
    /// Starts both and waits until they serve. Nothing is shared with other servers, so tests may run side by side.
    pub async fn start() -> anyhow::Result<Self> {
        let kinesis = Served::start("kinesalite", installed::node_script(KINESALITE)?);
        let stack = Served::start("ministack", installed::python_script(MINISTACK)?);
        let (kinesis, stack) = tokio::try_join!(kinesis, stack)?;
        Ok(Self { kinesis, stack })
    }

    /// Where they are, for clients and for functions.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints { kinesis: self.kinesis.url(), dynamodb: self.stack.url(), s3: self.stack.url() }
    }
}

/// Kinesis alone, for tests that need no more.
#[derive(Debug)]
pub struct Kinesalite(Served);

impl Kinesalite {
    /// Starts it and waits until it serves.
    pub async fn start() -> anyhow::Result<Self> {
        Ok(Self(Served::start("kinesalite", installed::node_script(KINESALITE)?).await?))
    }

    /// Where it is; the other services are on a port on which nothing listens.
    pub fn endpoints(&self) -> Endpoints {
        let nowhere = "http://127.0.0.1:1".to_owned();
        Endpoints { kinesis: self.0.url(), dynamodb: nowhere.clone(), s3: nowhere }
    }
}

/// Where each service is: a base URL without a path. A fault proxy's URL may stand in the place of a server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Kinesis.
    pub kinesis: String,
    /// DynamoDB.
    pub dynamodb: String,
    /// S3, with the bucket's name as the first part of the path.
    pub s3: String,
}

impl Endpoints {
    /// What makes the SDK and `object_store` in a function talk to these servers.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ENDPOINT_URL_KINESIS", self.kinesis.as_str()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.as_str()),
            ("AWS_ENDPOINT_URL_S3", self.s3.as_str()),
            ("AWS_ENDPOINT_URL", self.s3.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A client of Kinesis with the SDK's ordinary retries.
    pub fn kinesis(&self) -> aws_sdk_kinesis::Client {
        aws_sdk_kinesis::Client::new(&self.sdk(&self.kinesis))
    }

    /// A client of DynamoDB with the SDK's ordinary retries.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk(&self.dynamodb))
    }

    /// Settings of a client that the test makes itself, for the service at `endpoint`.
    pub fn config(&self, endpoint: &str) -> SdkConfig {
        self.sdk(endpoint)
    }

    fn sdk(&self, endpoint: &str) -> SdkConfig {
        let credentials = Credentials::new(KEY, SECRET, None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ANSWERED_WITHIN).build())
            .build()
    }
}
