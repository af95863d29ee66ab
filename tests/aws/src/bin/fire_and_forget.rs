//! What the reference system had first: the function answers, and the record is put by a task that nobody waits for. Made of
//! the product's own parts, and no part of the product: it shows what a freeze does to such a task.

#![expect(clippy::disallowed_methods, reason = "work that nobody waits for is what it is made to show")]

use std::convert::Infallible;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use onepixel_aws::clock::system_clock;
use onepixel_aws::http_api::Payload;
use onepixel_aws::ingest::{Ack, Settings, open};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let (door, flusher) = open(Settings { ack: Ack::After, ..settings }, system_clock()).await?;
    tokio::spawn(flusher.run(CancellationToken::new()));
    let door = Arc::new(door);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Payload>| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(event).await) }
    }))
    .await
}
