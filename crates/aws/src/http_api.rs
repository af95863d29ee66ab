//! API Gateway's HTTP API and function URLs (payload format 2.0): a payload read as a request, an answer written.
//!
//! Promises that every payload has an answer: what is no request is told so with a 400, and nothing in it ends the process.
//! The crate `lambda_http` is not used: it panics when a path or a query is no part of a URI, which a stranger can bring
//! about, and builds maps that nobody reads.

mod answer;
mod request;

use serde_json::value::RawValue;

pub use answer::HttpAnswer;
pub use request::{BadRequest, HttpRequest};

/// What the runtime hands over, not looked into: an error of its own would be answered with 500.
pub type Payload = Box<RawValue>;
