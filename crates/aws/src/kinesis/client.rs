//! The clients' settings, chosen for functions that are frozen between two calls.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Within a Region a connection is there after some milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that was idle for longer is not trusted: making one costs less than finding out that it is dead. While the
/// environment is frozen this clock may stand still, so that attempts have a limit, too.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// Where credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The environment, in which Lambda puts them: nothing else is asked.
    Environment,
    /// Wherever the SDK finds them: environment, profile, container, instance.
    Anywhere,
}

/// Settings for clients that try once, keep their connections, and take Region and endpoint from the environment.
pub async fn config(credentials: Credentials) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let http = Builder::new()
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts);
    let loader = match credentials {
        Credentials::Environment => {
            loader.credentials_provider(EnvironmentVariableCredentialsProvider::new())
        }
        Credentials::Anywhere => loader,
    };
    loader.load().await
}
