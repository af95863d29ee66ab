//! The whole product from outside: the real binary, real sockets, real disks, real faults.
//!
//! Each test starts its own server on its own port and data directory, and asks only what a user can ask: HTTP, the
//! command line, the files of the archive. Run it with `cargo xtask test`, which brings wrk, Chromium and an S3 server.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test's own clock, threads and files are outside the product, a test fails by panicking, and prints"
)]

mod access;
mod bad_input;
mod browser;
mod cli;
mod crash;
#[path = "../duckdb.rs"]
mod duckdb;
mod faults;
mod feed;
mod harness;
mod layout;
mod load;
mod openapi;
mod operations;
mod pages;
mod questions;
