//! The binary `onepixel`: reads the command line and runs what was asked for.

mod admin;
mod api;
mod app;
mod audit;
mod cli;
mod clock;
mod config;
mod dashboard;
mod data_dir;
mod front;
mod metrics;
mod pipelines;
mod run;
mod telemetry;
mod tls;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
