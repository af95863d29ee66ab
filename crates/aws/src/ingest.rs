//! The ingest function: `GET /p.gif` behind API Gateway's HTTP API or a function URL, into Kinesis; and `GET /p.js`, the tracker.
//!
//! The same ingest and the same answers as the binary's. Two modes:
//! - **before** (default): the answer goes out when Kinesis has the record. A `200` is true whatever happens later.
//! - **after**: the answer goes out first, and the environment is held until the record is in Kinesis ([`hold`]). Loses
//!   what it has acknowledged only when the environment dies in these milliseconds, or when Kinesis and the bucket are
//!   both away until it ends.
//!
//! In both an invocation has a deadline below the function's own; a line that Kinesis has not taken by then goes into the
//! bucket ([`dead_letter`]), which is durable, too. Where an environment serves several invocations at once, lines that wait
//! together go in one call ([`mod@outbox`]). What failed is counted ([`Counters`]):
//!
//! | metric | counts |
//! |---|---|
//! | `PutThrottled` `PutInternal` `PutTimeout` `PutConnection` `PutUnreadable` `PutRefused` | calls and records that failed, made good or not |
//! | `PutRetries` | calls that were made again |
//! | `DeadLettered` | events in the bucket instead of Kinesis: acknowledged, and late |
//! | `NotStored` `Overloaded` | events that were answered with 503 |
//! | `Held` | acknowledged events that could be stored nowhere and wait for the next invocation |
//! | `Lost` | acknowledged events that were still held when the environment ended |
//! | `NoSalt` | events without a visitor, as the table had no answer (flag `no_salt`) |
//! | `RefusedMethod` `DroppedGpc` `NotThePixel` | requests that brought no event |

pub mod dead_letter;
mod door;
pub mod hold;
pub mod outbox;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use lambda_extension::Extension;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use onepixel_event::Time;
use onepixel_gateway::ingest::{Ingest, VisitorSalt};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::dynamo::table::Table;
use crate::http_api::Payload;
use crate::kinesis::{self, Credentials, Patience, Producer};
use crate::metrics::Counters;
use crate::salt::{DaySalt, TableSalts};

pub use door::Door;
pub use settings::{Ack, Settings};

use dead_letter::DeadLetters;
use hold::{Hold, Unfinished};
use outbox::{Flusher, Stores, outbox};

/// While the patterns are compiled the day's salt is fetched, which takes a new connection; init does not wait for it any
/// longer than that.
const SALT_WITHIN_INIT: Duration = Duration::from_secs(1);

/// Everything the function needs, made from its settings.
///
/// # Errors
/// When the bucket's address makes no sense.
pub async fn open(settings: Settings, clock: Clock) -> anyhow::Result<(Door, Flusher)> {
    let counters = Arc::new(Counters::new(&settings.function));
    let dead_letters = DeadLetters::new(&settings.bucket)?;
    // The longest part of init: on a thread of its own, while credentials are read and the salt is fetched.
    let policies = settings.ingest;
    let ingest = tokio::task::spawn_blocking(move || Ingest::new(policies, VisitorSalt::given(), None));
    let config = kinesis::config(Credentials::Environment).await;
    let salts = TableSalts::new(Table::new(&config, &settings.table));
    let now = Time::from_ms(i64::try_from(clock()).unwrap_or(i64::MAX));
    let key = tokio::time::timeout(SALT_WITHIN_INIT, salts.key(now)).await;
    let ingest = ingest.await?;
    match key.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
        Ok(key) => ingest.salt().give(key, now),
        Err(error) => tracing::warn!(error, "the visitor salt is asked for again with the first event"),
    }
    let salt = DaySalt::new(salts);
    let client = aws_sdk_kinesis::Client::new(&config);
    let producer = Producer::new(client, &settings.stream, Patience::FUNCTION);
    let stores =
        Stores { producer, dead_letters, counters: Arc::clone(&counters), clock: Arc::clone(&clock) };
    let (outbox, flusher) = outbox(stores);
    let unfinished = Unfinished::default();
    Ok((Door { settings, ingest, salt, outbox, unfinished, counters, clock }, flusher))
}

/// Serves invocations until the environment ends.
///
/// # Errors
/// When the Runtime API fails, or an extension is refused.
pub async fn serve(door: Door, flusher: Flusher) -> anyhow::Result<()> {
    let ack = door.settings.ack;
    let unfinished = door.unfinished.clone();
    let door = Arc::new(door);
    let end = CancellationToken::new();
    // Whatever ends first, lines that wait are stored before the process ends.
    let flushed = flusher.run(end.clone());
    let served = async {
        let _end = end.drop_guard();
        // Only who has registered an extension is told that the environment ends. Registering ends with the first question
        // for an invocation, so it comes first.
        let mut terminated = signal(SignalKind::terminate())?;
        let extension = match ack {
            Ack::Before => None,
            Ack::After => {
                let extension = Extension::new().with_events(&[]).with_extension_name("onepixel-flush");
                Some(extension.register().await.map_err(anyhow::Error::from_boxed)?)
            }
        };
        let handler = service_fn(move |event: LambdaEvent<Payload>| {
            let door = Arc::clone(&door);
            async move { Ok::<_, std::convert::Infallible>(door.answer(event).await) }
        });
        let runtime = Runtime::new(handler).layer(Hold(unfinished));
        let waiting = async {
            match extension {
                Some(extension) => extension.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            served = runtime.run_concurrent() => served.map_err(anyhow::Error::from_boxed),
            waited = waiting => waited.map_err(anyhow::Error::from_boxed),
            _ = terminated.recv() => Ok(()),
        }
    };
    let (served, lost) = tokio::join!(served, flushed);
    if lost > 0 {
        tracing::error!(lost, "acknowledged events could be stored nowhere before the environment ended");
    }
    served
}
