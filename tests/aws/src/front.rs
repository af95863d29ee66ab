//! API Gateway's HTTP API as a server on loopback, so that a real browser can look at a function.
//!
//! Deliberately not emulated: TLS, throttling, custom domains, and authorizers.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};

use crate::freeze::{Function, HttpAnswer, HttpRequest};
use crate::loopback::{self, Loopback};

/// The server; it ends with its owner.
#[derive(Debug)]
pub struct HttpApi(Loopback);

impl HttpApi {
    /// In front of a function.
    pub async fn before(function: Arc<Function>) -> anyhow::Result<Self> {
        let serve = move |request: Request<Bytes>| {
            let function = Arc::clone(&function);
            async move { Some(answer(&function, &request).await) }
        };
        Ok(Self(Loopback::serve(serve).await?))
    }

    /// `http://127.0.0.1:...`
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}

async fn answer(function: &Function, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let asked = HttpRequest {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        source_ip: "127.0.0.1".to_owned(),
        body: request.body().clone(),
    };
    let called = function.invoke(asked.payload()).await;
    let told = match HttpAnswer::of(&called.answer) {
        Ok(told) => told,
        Err(error) => return loopback::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let mut response = Response::builder().status(told.status);
    for (name, value) in told.headers.iter().filter(|(name, _)| name != "content-length") {
        response = response.header(name, value);
    }
    let response = response.body(Full::new(told.body));
    response.unwrap_or_else(|error| loopback::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}
