//! The Runtime API (2018-06-01) and the Extensions API (2020-01-01), as requests on [`Parties`].

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::parties::{Invocation, Parties};
use super::{Answer, PAYLOAD_BYTES_MAX};
use crate::loopback;

/// Of every function here.
pub(super) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:tested";
pub(super) const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
const RUNTIME: &str = "/2018-06-01/runtime/";
const EXTENSION: &str = "/2020-01-01/extension/";

type Answered = Response<Full<Bytes>>;

/// Answers one request of the runtime or of an extension; one for the next event may take as long as it wants.
pub(super) async fn handle(parties: &Parties, request: Request<Bytes>) -> Answered {
    let path = request.uri().path().to_owned();
    if let Some(rest) = path.strip_prefix(RUNTIME) {
        return runtime(parties, rest, request).await;
    }
    match path.strip_prefix(EXTENSION) {
        Some(rest) => extension(parties, rest, request).await,
        None => error(StatusCode::NOT_FOUND, "NotFound"),
    }
}

async fn runtime(parties: &Parties, rest: &str, request: Request<Bytes>) -> Answered {
    let method = request.method().clone();
    match (method, rest.split('/').collect::<Vec<_>>().as_slice()) {
        (Method::GET, ["invocation", "next"]) => match parties.poll().await {
            Ok(invocation) => invocation_response(&invocation).unwrap_or_else(broken),
            Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "Container.Shutdown"),
        },
        (Method::POST, ["invocation", id, "response"]) => {
            let body = request.into_body();
            if body.len() > PAYLOAD_BYTES_MAX {
                let too_large =
                    json!({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": "too large"});
                parties.answer(id, Answer::Error(too_large.to_string().into()));
                return error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge");
            }
            accepted(parties.answer(id, Answer::Response(body)))
        }
        (Method::POST, ["invocation", id, "error"]) => {
            accepted(parties.answer(id, Answer::Error(request.into_body())))
        }
        (Method::POST, ["init", "error"]) => {
            parties.ended(format!("init error: {}", String::from_utf8_lossy(request.body())));
            accepted(true)
        }
        _ => error(StatusCode::NOT_FOUND, "NotFound"),
    }
}

fn invocation_response(invocation: &Invocation) -> Result<Answered, hyper::http::Error> {
    Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", &invocation.id)
        .header("Lambda-Runtime-Deadline-Ms", invocation.deadline_ms)
        .header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
        .header("Lambda-Runtime-Trace-Id", TRACE)
        .header("Content-Type", "application/json")
        .body(Full::new(invocation.payload.clone()))
}

async fn extension(parties: &Parties, rest: &str, request: Request<Bytes>) -> Answered {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let id = header("Lambda-Extension-Identifier").unwrap_or_default();
    match (request.method(), rest) {
        (&Method::POST, "register") => {
            register(parties, header("Lambda-Extension-Name").unwrap_or_default(), request.body())
        }
        (&Method::GET, "event/next") => {
            let Some(event) = parties.poll_extension(id) else {
                return error(StatusCode::FORBIDDEN, "Extension.UnknownExtensionIdentifier");
            };
            match event.await {
                Ok(event) => loopback::json(StatusCode::OK, &event),
                Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "Container.Shutdown"),
            }
        }
        (&Method::POST, "init/error" | "exit/error") => {
            let said = String::from_utf8_lossy(request.body());
            parties.ended(format!("an extension: {rest}: {said}"));
            accepted(true)
        }
        _ => error(StatusCode::NOT_FOUND, "NotFound"),
    }
}

fn register(parties: &Parties, name: &str, body: &[u8]) -> Answered {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return error(StatusCode::BAD_REQUEST, "InvalidRequestFormat");
    };
    let events = body["events"].as_array().map_or(&[][..], Vec::as_slice);
    let events: Vec<&str> = events.iter().filter_map(Value::as_str).collect();
    match parties.register(name, &events) {
        Ok(id) => {
            let body = json!({
                "functionName": "tested", "functionVersion": "$LATEST", "handler": "bootstrap",
                "accountId": "000000000000",
            });
            let mut response = loopback::json(StatusCode::OK, &body);
            if let Ok(id) = id.parse() {
                response.headers_mut().insert("Lambda-Extension-Identifier", id);
            }
            response
        }
        Err(kind) => error(StatusCode::FORBIDDEN, kind),
    }
}

fn accepted(known: bool) -> Answered {
    if known {
        loopback::json(StatusCode::ACCEPTED, &json!({"status": "OK"}))
    } else {
        error(StatusCode::BAD_REQUEST, "InvalidRequestID")
    }
}

fn broken(cause: hyper::http::Error) -> Answered {
    loopback::text(StatusCode::INTERNAL_SERVER_ERROR, cause.to_string())
}

fn error(status: StatusCode, kind: &str) -> Answered {
    loopback::json(status, &json!({"errorType": kind, "errorMessage": kind}))
}
