//! The edge from outside: raw bytes over TCP, a real stream on disk behind it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it cannot go on"
)]

mod client;
mod cors;
mod edge;
mod elsewhere;
mod events;
mod http1;
mod limits;
mod pixel;
mod proxies;
mod shutdown;
mod throttle;
mod tls;
mod ways;
