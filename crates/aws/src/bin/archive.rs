//! The archive function: Kinesis into the bucket.

use onepixel_aws::archive::ArchiveObjects;
use onepixel_aws::consumer::Started;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let started = Started::read().await?;
    let objects = ArchiveObjects::new(started.bucket.clone());
    started.consume(objects).await
}
