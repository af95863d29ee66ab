//! The HTTP edge and ingest: a hit becomes a durable event.
//!
//! [`http`] takes connections, limits what clients may do and answers; [`ingest`] turns a hit into the bytes of an
//! event. An answer that says so is sent when the stream has made the event durable, never before.
//! Knows no sink and no dashboard: whatever is not one of the two doors goes to a service the binary brings along.

pub mod http;
pub mod ingest;
mod metrics;
mod settings;

pub use http::{Client, Fallback, Gateway, Limits, Served, serve};
pub use metrics::{Door, Metrics};
pub use settings::{BODY_LIMIT_MAX, InvalidSettings, Settings};
