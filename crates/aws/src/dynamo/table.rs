//! The table: a client and a name, and what its errors mean.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::time::{Instant, sleep_until};

use super::keys::{EXPIRES, Key, PK, SK};

/// DynamoDB answers within some milliseconds; who waits longer than this waits for an answer that is lost.
const ATTEMPT_TIME: Duration = Duration::from_secs(3);
const CONNECT_TIME: Duration = Duration::from_secs(1);

/// The table of the live view; cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// Why a request was not done, and whether trying again can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failed {
    /// What DynamoDB or the client says.
    pub reason: String,
    /// False when the same request will fail again: no such table, no permission.
    pub passes: bool,
}

impl Table {
    /// The table `name`. The client tries once: who asks knows how long it may go on, and what a repetition means.
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Self {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIME).operation_attempt_timeout(ATTEMPT_TIME);
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build());
        Self { client: Client::from_conf(config.build()), name: name.into() }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The attributes of a key and of the time when its item is over.
pub(crate) fn attributes(key: Key, expires: i64) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (PK.to_owned(), AttributeValue::S(key.pk)),
        (SK.to_owned(), AttributeValue::S(key.sk)),
        (EXPIRES.to_owned(), number(expires)),
    ])
}

/// A number as DynamoDB takes it.
pub(crate) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// What an error means.
pub(crate) fn failed<E>(error: &SdkError<E>) -> Failed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    const LASTING: [&str; 6] = [
        "AccessDeniedException",
        "ExpiredTokenException",
        "MissingAuthenticationTokenException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "ValidationException",
    ];
    let lasts = match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(_) => error.code().is_some_and(|code| LASTING.contains(&code)),
        _ => false,
    };
    Failed { reason: DisplayErrorContext(error).to_string(), passes: !lasts }
}

/// Waits longer from time to time, with jitter, so that those who met do not meet again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    const FIRST_MS: u64 = 20;
    const LONGEST_MS: u64 = 2_000;

    /// Waits before the next try; false when that would be after `deadline`.
    pub(crate) async fn wait(&mut self, deadline: Instant) -> bool {
        let longest = Self::FIRST_MS.saturating_mul(1 << self.tries.min(16)).min(Self::LONGEST_MS);
        self.tries += 1;
        let until = Instant::now() + Duration::from_millis(rand::random_range(longest / 4..=longest));
        if until >= deadline {
            return false;
        }
        sleep_until(until).await;
        true
    }
}
