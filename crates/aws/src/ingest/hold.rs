//! Holding the environment: what is done between posting an answer and asking for the next invocation.
//!
//! Lambda passes an answer on as soon as it is posted, and freezes the environment when the runtime and all extensions
//! have asked for the next event. So whoever delays that question has time, within the function's own time-out, and pays
//! for it as for any other. See `docs/adr/0016-answer-before-or-after.md`.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, join_all};
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Error, LambdaInvocation};

use super::outbox::Told;

/// What the environment has answered and not stored yet.
#[derive(Debug, Clone, Default)]
pub struct Unfinished(Arc<Mutex<Vec<Told>>>);

impl Unfinished {
    /// Adds one.
    pub fn push(&self, told: Told) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    /// Returns when all that was there is stored, or was given up, which is counted elsewhere.
    pub async fn wait(&self) {
        let unfinished = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        join_all(unfinished).await;
    }
}

/// Wraps the runtime's service, which is done when the answer is posted, however the invocation ended.
#[derive(Debug, Clone)]
pub struct Hold(pub Unfinished);

impl<S> Layer<S> for Hold {
    type Service = Holding<S>;

    fn layer(&self, inner: S) -> Holding<S> {
        Holding { inner, unfinished: self.0.clone() }
    }
}

/// See [`Hold`].
#[derive(Debug, Clone)]
pub struct Holding<S> {
    inner: S,
    unfinished: Unfinished,
}

impl<S> Service<LambdaInvocation> for Holding<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = BoxFuture<'static, Result<(), Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let answered = self.inner.call(invocation);
        let unfinished = self.unfinished.clone();
        Box::pin(async move {
            let result = answered.await;
            unfinished.wait().await;
            result
        })
    }
}
