//! What answers every path that is neither of the two doors: a service the binary brings along.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

/// The body of an answer: bytes at hand, or whatever the fallback streams.
pub(crate) type Body = Either<Full<Bytes>, Streamed>;

type Streamed = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A service for the other paths, an `axum::Router` for instance. Each request carries a
/// [`Client`](super::Client) as extension. It sets its own limits on bodies and time; the edge's limits on
/// connections, heads and writes hold for it too.
///
/// A client that closes is noticed at the next write: an endless answer must send something now and then.
#[derive(Clone)]
pub struct Fallback(BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>);

impl Fallback {
    /// Wraps a service that cannot fail.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let streamed = |response: Response<B>| {
            response.map(|body| Either::Right(body.map_err(Into::into).boxed_unsync()))
        };
        Self(BoxCloneSyncService::new(service.map_response(streamed)))
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
