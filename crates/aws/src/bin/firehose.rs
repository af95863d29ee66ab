//! The transformation in front of Firehose.

use futures_util::future::BoxFuture;
use lambda_runtime::{LambdaEvent, service_fn};
use onepixel_aws::archive::ArchiveObjects;
use onepixel_aws::consumer::{DeadLetters, Started, deadline};
use onepixel_aws::firehose::{Invocation, Transformation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let started = Started::read().await?;
    let objects = ArchiveObjects::new(started.bucket.clone());
    let letters = DeadLetters::new(started.bucket.clone(), "firehose");
    let transformation = Transformation::new(objects, started.bodies(), letters);
    let handle = |event: LambdaEvent<Invocation>| -> BoxFuture<'_, Result<_, lambda_runtime::Error>> {
        let (transformation, deadline) = (&transformation, deadline(&event.context, &started.clock));
        Box::pin(async move { Ok(transformation.handle(&event.payload, deadline).await?) })
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(|error| anyhow::anyhow!(error))
}
