//! What every consumer function does before its first invocation, and with each.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use aws_lambda_events::event::kinesis::KinesisEvent;
use futures_util::future::BoxFuture;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use onepixel_archive::Archive;
use tokio::time::Instant;

use super::{ANSWER_TIME, Consumer, DeadLetters, RawBodies, Salts, Settings, Sink};
use crate::clock::{Clock, system_clock};
use crate::dynamo::table::Table;
use crate::metrics::Counters;
use crate::salt::TableSalts;

/// A function's surroundings.
#[derive(Clone)]
pub struct Started {
    /// What the environment says.
    pub settings: Settings,
    /// The bucket.
    pub bucket: Archive,
    /// The table.
    pub table: Table,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// The time.
    pub clock: Clock,
}

impl Started {
    /// Starts the log, reads the environment, and makes the clients without touching the network.
    ///
    /// # Errors
    /// When the environment makes no sense.
    pub async fn read() -> anyhow::Result<Self> {
        crate::log::start();
        let settings = Settings::read(|name| std::env::var(name).ok())?;
        let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
        let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        Ok(Self {
            bucket: Archive::open(&settings.bucket, Path::new("archive"))?,
            table: Table::new(&aws, &settings.table),
            counters: Arc::new(Counters::new(name)),
            clock: system_clock(),
            settings,
        })
    }

    /// What makes events of raw bodies, with the salts in the table.
    pub fn bodies(&self) -> RawBodies<TableSalts> {
        RawBodies::new(self.settings.ingest, TableSalts::new(self.table.clone()))
    }

    /// Serves invocations by Kinesis with a sink, until Lambda ends the process.
    ///
    /// # Errors
    /// What Lambda's interface says.
    pub async fn consume<S: Sink>(self, sink: S) -> anyhow::Result<()> {
        let letters = DeadLetters::new(self.bucket.clone(), S::NAME);
        let consumer = Consumer::new(sink, self.bodies(), letters).counting(Arc::clone(&self.counters));
        serve(&consumer, &self).await
    }
}

async fn serve<S: Sink, V: Salts>(consumer: &Consumer<S, V>, started: &Started) -> anyhow::Result<()> {
    // On the heap: as one type, all that an invocation does is more than the compiler cares to lay out.
    let handle = |event: LambdaEvent<KinesisEvent>| -> BoxFuture<'_, Result<_, lambda_runtime::Error>> {
        Box::pin(async move {
            let deadline = deadline(&event.context, &started.clock);
            let answer = consumer.handle(&event.payload, deadline).await;
            started.counters.write_seldom((started.clock)());
            Ok(answer?)
        })
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(|error| anyhow!(error))
}

/// When an invocation's work must be over.
pub fn deadline(context: &Context, clock: &Clock) -> Instant {
    let left = context.deadline.saturating_sub(clock());
    Instant::now() + Duration::from_millis(left).saturating_sub(ANSWER_TIME)
}
