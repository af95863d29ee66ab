//! The binary `onepixel`: reads the command line and runs what was asked for.

mod access;
mod admin;
mod api;
mod app;
mod audit;
mod balance;
mod cli;
mod clock;
mod config;
mod data_dir;
mod demo;
mod front;
mod meter;
mod metrics;
mod pages;
mod pipelines;
mod run;
mod snippet;
mod telemetry;
mod tls;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
