//! The dashboard function.

use onepixel_aws::clock::system_clock;
use onepixel_aws::dashboard::serve;

// Two threads: one that waits for who may look must not hold up the others.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    onepixel_aws::log::start();
    serve(system_clock()).await
}
