//! The accept loop: takes connections while there is room, and lets them finish when told to stop.
//!
//! Holds no state outside its arguments: several loops, each on its own runtime and listener, can share one
//! gateway, and its limit on connections holds over all of them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::limits::ACCEPT_PAUSE;
use super::{Gateway, connection};

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Connections that were still open when the time to drain was over; they were cut.
    pub cut: usize,
}

/// Serves connections from `listener` until `shutdown`; then accepts no more, answers the requests in flight and
/// closes, and after `drain_max` cuts what is still open. Dropping the future cuts at once.
pub async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    shutdown: CancellationToken,
    drain_max: Duration,
) -> Served {
    let connections = async {
        let gateway = gateway.clone();
        accept(listener, gateway, shutdown, drain_max).await
    };
    tokio::select! {
        served = connections => served,
        never = gateway.deliver() => match never {},
    }
}

async fn accept(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    shutdown: CancellationToken,
    drain_max: Duration,
) -> Served {
    let mut connections = JoinSet::new();
    let mut acceptor = Acceptor { listener, gateway, refusing: false, full: false };
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => report(ended),
            (permit, tcp, peer) = acceptor.next() => {
                // A token of its own, as every wake of a connection takes the lock of the token it waits for.
                let (gateway, shutdown) = (acceptor.gateway.clone(), shutdown.child_token());
                connections.spawn(async move {
                    connection::run(gateway, tcp, peer, shutdown).await;
                    drop(permit);
                });
            }
        }
    }
    drop(acceptor);
    drain(connections, drain_max).await
}

async fn drain(mut connections: JoinSet<()>, drain_max: Duration) -> Served {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    let in_time = tokio::time::timeout(drain_max, all_ended).await.is_ok();
    let cut = if in_time { 0 } else { connections.len() };
    connections.shutdown().await;
    Served { cut }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a fault in this program");
    }
}

struct Acceptor {
    listener: TcpListener,
    gateway: Arc<Gateway>,
    /// The kernel refuses to accept; said once until it accepts again.
    refusing: bool,
    /// All connections are taken; said once until one was free.
    full: bool,
}

impl Acceptor {
    /// The next connection and its place among the connections. Loses nothing when dropped half-way.
    async fn next(&mut self) -> (OwnedSemaphorePermit, TcpStream, SocketAddr) {
        let permit = self.permit().await;
        let mut pause = ACCEPT_PAUSE.0;
        loop {
            match self.listener.accept().await {
                Ok((tcp, peer)) => {
                    self.accepts_again();
                    return (permit, tcp, peer);
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    self.refused(&error);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE.1);
                }
            }
        }
    }

    async fn permit(&mut self) -> OwnedSemaphorePermit {
        let slots = self.gateway.shared.connections.clone();
        let full = slots.available_permits() == 0;
        if full && !self.full {
            let connections_max = self.gateway.limits().connections_max;
            tracing::warn!(connections_max, "all connections are taken; new clients wait");
        }
        self.full = full;
        match slots.acquire_owned().await {
            Ok(permit) => permit,
            // Nobody closes the semaphore; if anybody did, no connection would be taken any more.
            Err(_) => std::future::pending().await,
        }
    }

    fn refused(&mut self, error: &io::Error) {
        if !self.refusing {
            tracing::error!(%error, "cannot accept connections; trying again (check the limit on open files)");
        }
        self.refusing = true;
    }

    fn accepts_again(&mut self) {
        if self.refusing {
            tracing::info!("accepting connections again");
        }
        self.refusing = false;
    }
}

/// The connection broke before it was accepted, or the network did: the next one may be fine.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::TimedOut
    )
}
