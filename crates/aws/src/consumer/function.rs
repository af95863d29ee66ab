//! What every consumer function does before its first invocation, and what it knows of each.

use std::time::Duration;

use lambda_runtime::Context;
use onepixel_archive::Archive;
use tokio::time::Instant;

use super::{ANSWER_TIME, Settings};
use crate::clock::Clock;

/// A function's surroundings.
#[derive(Debug)]
pub struct Started {
    /// What the environment says.
    pub settings: Settings,
    /// The bucket.
    pub bucket: Archive,
    /// The clients' settings.
    pub aws: aws_config::SdkConfig,
}

/// Logs as JSON to standard output, reads the environment, and opens the bucket without touching it.
///
/// # Errors
/// When the environment makes no sense.
pub async fn start() -> anyhow::Result<Started> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let bucket = Archive::open(&settings.bucket, std::path::Path::new("archive"))?;
    let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    Ok(Started { settings, bucket, aws })
}

/// When an invocation's work must be over.
pub fn deadline(context: &Context, clock: &Clock) -> Instant {
    let left = context.deadline.saturating_sub(clock());
    Instant::now() + Duration::from_millis(left).saturating_sub(ANSWER_TIME)
}
