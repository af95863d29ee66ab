//! The live function: Kinesis into DynamoDB.

use std::sync::Arc;

use onepixel_aws::consumer::Started;
use onepixel_aws::live::LiveTable;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let started = Started::read().await?;
    let table = LiveTable::new(started.table.clone(), started.settings.ttl, Arc::clone(&started.clock));
    let table = table.counting(Arc::clone(&started.counters));
    started.consume(table).await
}
