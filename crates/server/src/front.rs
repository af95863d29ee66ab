//! The gateway's threads: one for each core, each with a runtime of its own, all accepting from one listener.
//!
//! A request is read, stored and answered on the thread that accepted its connection; nothing of it moves to another
//! but the bytes that the log's writer takes. Before a thread goes to sleep it says so, for the events it has taken to
//! be written.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use onepixel_gateway::{Gateway, Served};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Nearer than every limit on time that a connection has, and seldom enough to cost nothing.
const TICK: Duration = Duration::from_millis(500);

/// The threads that serve.
pub(crate) struct Front {
    threads: Vec<oneshot::Receiver<Served>>,
}

impl Front {
    /// Starts one thread for each core this process may use. They end after `stop`, within `requests_within`.
    pub(crate) fn start(
        listener: &TcpListener,
        gateway: &Arc<Gateway>,
        stop: &CancellationToken,
        requests_within: Duration,
    ) -> anyhow::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut threads = Vec::with_capacity(cores);
        for core in 0..cores {
            let gateway = Arc::new(gateway.another());
            let runtime = runtime(gateway.clone())?;
            let listener = listener.try_clone().context("cannot share the listener")?;
            let listener = {
                let _entered = runtime.enter();
                tokio::net::TcpListener::from_std(listener)?
            };
            let serving = onepixel_gateway::serve(listener, gateway, stop.clone(), requests_within);
            let serving = async move {
                tokio::select! {
                    served = serving => served,
                    never = tick() => match never {},
                }
            };
            let (done, ended) = oneshot::channel();
            thread::Builder::new()
                .name(format!("gateway-{core}"))
                .spawn(move || done.send(runtime.block_on(serving)))
                .with_context(|| format!("cannot start the gateway's thread {core}"))?;
            threads.push(ended);
        }
        Ok(Self { threads })
    }

    /// Waits until every thread has ended; returns how many connections were cut.
    pub(crate) async fn ended(self) -> usize {
        let mut cut = 0;
        for thread in self.threads {
            // A thread that ended by a panic has cut nothing in order; the process ends with it in a release build.
            cut += thread.await.map_or(0, |served| served.cut);
        }
        cut
    }
}

/// Keeps a timer that is always nearer than those of the connections. Without one the runtime, asleep without a
/// timer, is woken by a system call for each timer that is set, which is one for each request.
async fn tick() -> Infallible {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tick.tick().await;
    }
}

fn runtime(gateway: Arc<Gateway>) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().on_thread_park(move || gateway.rest());
    builder.build().context("cannot start a runtime for the gateway")
}
