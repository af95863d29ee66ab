//! An HTTP/1.1 server on a free port of loopback, for the Lambda service and the fault proxy.
//!
//! Promises that requests are read whole and bounded, and that nothing of it is left when it is dropped. A handler may
//! break the connection instead of answering; the client then sees a reset.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Above what any AWS API takes: a PutRecords is up to 10 MiB.
const BODY_BYTES_MAX: usize = 16 << 20;

/// What a handler gives back: an answer, or `None` to break the connection.
pub(crate) type Answered = Option<Response<Full<Bytes>>>;

/// The server.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    /// Counts up when every connection is to be cut.
    cut: watch::Sender<u64>,
    /// The tasks of all connections hang on this one.
    _accepting: JoinSet<()>,
}

impl Loopback {
    /// Serves until it is dropped.
    pub(crate) async fn serve<F>(
        handler: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = Answered> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on loopback")?;
        let address = listener.local_addr()?;
        let (cut, cuts) = watch::channel(0);
        let handler = Arc::new(handler);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        connections.spawn(connection(stream, Arc::clone(&handler), cuts.clone()));
                    }
                    // Those that have ended.
                    Some(_) = connections.join_next() => (),
                }
            }
        });
        Ok(Self { address, cut, _accepting: accepting })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets every open connection, as happens to those that were idle for long.
    pub(crate) fn cut_connections(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn connection<F>(
    stream: TcpStream,
    handler: Arc<impl Fn(Request<Bytes>) -> F>,
    mut cuts: watch::Receiver<u64>,
) where
    F: Future<Output = Answered>,
{
    cuts.mark_unchanged();
    // The second handle is for the reset: hyper keeps the first.
    let Ok((stream, twin)) = twins(stream) else { return };
    let service = service_fn(|request| {
        let handler = Arc::clone(&handler);
        async move { answer(request, handler.as_ref()).await }
    });
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let broken = tokio::select! {
        served = serving => served.is_err_and(|error| error.is_user()),
        changed = cuts.changed() => changed.is_ok(),
    };
    if broken {
        // A reset that cannot be arranged is an ordinary end of the connection, which breaks it off as well.
        twin.set_zero_linger().ok();
    }
}

fn twins(stream: TcpStream) -> std::io::Result<(TcpStream, TcpStream)> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let twin = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, TcpStream::from_std(twin)?))
}

/// The handler wanted the connection broken.
#[derive(Debug, thiserror::Error)]
#[error("the connection was broken on purpose")]
struct Broken;

async fn answer<F>(
    request: Request<Incoming>,
    handler: &impl Fn(Request<Bytes>) -> F,
) -> Result<Response<Full<Bytes>>, Broken>
where
    F: Future<Output = Answered>,
{
    let (head, body) = request.into_parts();
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => handler(Request::from_parts(head, body.to_bytes())).await.ok_or(Broken),
        Err(error) => Ok(text(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())),
    }
}

/// A short answer.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// A short answer in JSON.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = text(status, body.to_string());
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}
