//! The function that brings dead letters of ingest into Kinesis.

use onepixel_aws::clock::system_clock;
use onepixel_aws::redrive::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    onepixel_aws::log::start();
    serve(system_clock()).await
}
