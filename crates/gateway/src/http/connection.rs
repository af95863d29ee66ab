//! One connection from its first byte to its last: a line as long as plain hits come ([`super::line`]), then hyper's
//! HTTP/1; our limits, and an end that lets the last answer arrive.
//!
//! What hyper refuses by itself never reaches a door. It is counted here, under `onepixel_rejected_total`:
//!
//! | what comes | answer | reason counted |
//! |---|---|---|
//! | no HTTP, a broken or folded header, NUL anywhere, an unknown version | 400, close | `http_malformed` |
//! | space, `"`, `<`, `>` or bytes that are not UTF-8 in the target, where they must be percent-encoded | 400, close | `http_malformed` |
//! | HTTP/2 without negotiation (`PRI * HTTP/2.0`) | none, close | `http_malformed` |
//! | several different Content-Length, a signed or empty one | 400, close | `http_malformed` |
//! | Transfer-Encoding that does not end in chunked, or under HTTP/1.0 | 400, close | `http_malformed` |
//! | Content-Length beside chunked | chunked counts (RFC 9112, 6.3), close after the answer | |
//! | URI over 65,534 bytes in a head within the limit | 414, close | `http_head_too_large` |
//! | more than 100 headers, or a head over its limit | 431, close | `http_head_too_large` |
//! | a head that is not complete in time | 408, close (ours: hyper would only close) | `http_head_timeout` |
//! | nothing at all in time, or between two requests | none, close | |
//! | end of the connection within a head | none, close | `http_cut` |
//! | no TLS where there has to be, or none that both speak, or not in time | an alert, close | `tls_handshake` |

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use super::limits::Limits;
use super::line::{self, Incoming};
use super::socket::Socket;
use super::{Gateway, answer, plain_hit};
use crate::metrics::Raised;

/// The smallest buffer hyper accepts; smaller limits on heads are kept by another of its settings.
const BUFFER_MIN: usize = 8192;

const SLOW_HEAD: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What the requests of one connection share.
pub(super) struct Visit {
    pub(super) gateway: Arc<Gateway>,
    pub(super) peer: SocketAddr,
    /// A body was announced, so at the end some of it may still be on its way.
    pub(super) had_body: AtomicBool,
}

/// Answers the requests of one connection until it ends. After `shutdown` it ends with the request in flight.
///
/// What only some connections come to lies in a box of its own: in the task itself it would take some 19 KiB of each.
pub(super) async fn run(
    gateway: Arc<Gateway>,
    tcp: TcpStream,
    peer: SocketAddr,
    shutdown: CancellationToken,
) {
    let _open = Raised::new(&gateway.shared.metrics.connections);
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm");
    }
    match gateway.shared.settings.tls.clone() {
        Some(tls) => Box::pin(encrypted(&gateway, tls, tcp, peer, shutdown)).await,
        None => plain(&gateway, tcp, peer, shutdown).await,
    }
}

/// All of an encrypted connection is hyper's: what the encryption costs dwarfs what a line would save.
async fn encrypted(
    gateway: &Arc<Gateway>,
    tls: Arc<ServerConfig>,
    tcp: TcpStream,
    peer: SocketAddr,
    shutdown: CancellationToken,
) {
    let limits = gateway.limits();
    let handshake = timeout(limits.handshake_max, TlsAcceptor::from(tls).accept(tcp));
    let problem = match shutdown.run_until_cancelled(handshake).await {
        Some(Ok(Ok(tls))) => {
            let socket = Socket::new(tls, Bytes::new(), limits.write_idle_max);
            return by_hyper(gateway, socket, peer, shutdown).await;
        }
        Some(Ok(Err(error))) => error.to_string(),
        Some(Err(_)) => "it took too long".to_owned(),
        None => return,
    };
    tracing::debug!(%peer, problem, "no TLS handshake");
    gateway.shared.metrics.rejected("tls_handshake");
}

async fn plain(gateway: &Arc<Gateway>, tcp: TcpStream, peer: SocketAddr, shutdown: CancellationToken) {
    let limits = gateway.limits();
    let mut incoming = Incoming::new(tcp, shutdown.clone(), limits.head_read_max, limits.write_idle_max);
    let end = incoming.run(|line, head, now| plain_hit(gateway, peer, line, head, now)).await;
    let tcp = match incoming.into_tcp().await {
        Ok(tcp) => tcp,
        Err(error) => return tracing::error!(%error, "a connection's two halves do not fit"),
    };
    match end {
        line::End::Other(read) => {
            let socket = Socket::new(tcp, read.into(), limits.write_idle_max);
            Box::pin(by_hyper(gateway, socket, peer, shutdown)).await;
        }
        line::End::Answered | line::End::Closed => {
            let socket = Socket::new(tcp, Bytes::new(), limits.write_idle_max);
            Box::pin(finish(socket, &End::Closed, false, limits)).await;
        }
        line::End::Broken => {}
    }
}

async fn by_hyper<T>(gateway: &Arc<Gateway>, socket: Socket<T>, peer: SocketAddr, shutdown: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (limits, socket) = (gateway.limits(), TokioIo::new(socket));
    let visit = Arc::new(Visit { gateway: gateway.clone(), peer, had_body: AtomicBool::new(false) });
    let service = service_fn(|request| answer(visit.clone(), request));
    let mut connection = builder(limits).serve_connection(socket, service);
    let ended = tokio::select! {
        biased;
        ended = &mut connection => Some(ended),
        () = shutdown.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let parts = connection.into_parts();
    let end = ended.map_or_else(|error| End::of(&error, !parts.read_buf.is_empty()), |()| End::Closed);
    if let Some(reason) = end.reason() {
        gateway.shared.metrics.rejected(reason);
    }
    let may_still_send = !parts.read_buf.is_empty() || visit.had_body.load(Ordering::Relaxed);
    finish(parts.io.into_inner(), &end, may_still_send, limits).await;
}

fn builder(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_read_max)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max.max(BUFFER_MIN))
        // Answers are small: copied into one buffer they cost less than a vectored write.
        .writev(false)
        // Who has sent a whole request and closes only their own side still gets the answer.
        .half_close(true);
    http
}

/// Why a connection ended.
enum End {
    /// One side closed between two requests, or the answer said so.
    Closed,
    /// Nothing came in time.
    Idle,
    /// A head began and was not complete in time.
    SlowHead,
    HeadTooLarge,
    Malformed,
    /// The client closed within a head.
    Cut,
    /// The network or the client broke the connection, or did not read its answer.
    Broken,
}

impl End {
    fn of(error: &hyper::Error, head_began: bool) -> Self {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::debug!(%error, cause, "a connection ended early");
        if error.is_timeout() {
            if head_began { Self::SlowHead } else { Self::Idle }
        } else if error.is_parse_too_large() {
            Self::HeadTooLarge
        } else if error.is_parse() {
            Self::Malformed
        } else if error.is_incomplete_message() {
            Self::Cut
        } else {
            Self::Broken
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Closed | Self::Idle | Self::Broken => None,
            Self::SlowHead => Some("http_head_timeout"),
            Self::HeadTooLarge => Some("http_head_too_large"),
            Self::Malformed => Some("http_malformed"),
            Self::Cut => Some("http_cut"),
        }
    }
}

async fn finish<T>(mut socket: Socket<T>, end: &End, may_still_send: bool, limits: &Limits)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let linger = match end {
        End::Closed | End::Idle => may_still_send,
        End::SlowHead => socket.write_all(SLOW_HEAD).await.is_ok(),
        End::HeadTooLarge | End::Malformed => true,
        End::Cut | End::Broken => false,
    };
    if linger {
        socket.linger(limits.linger_max, limits.linger_bytes_max).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of_future<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_that_only_asks_for_pixels_takes_little() {
        let bytes = bytes_of_future(run);
        assert!(bytes <= 1024, "{bytes} bytes of each connection's task");
    }
}
