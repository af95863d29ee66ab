//! The ingest function.

use onepixel_aws::clock::system_clock;
use onepixel_aws::ingest::{Settings, open, serve};

fn main() -> anyhow::Result<()> {
    onepixel_aws::log::start();
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let mut runtime = match settings.concurrency {
        // One invocation at a time needs one thread, and the shortest init.
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        let (door, flusher) = open(settings, system_clock()).await?;
        serve(door, flusher).await
    })
}
