//! `demo`: a temporary instance with made-up traffic.

use std::net::SocketAddr;

use clap::Args;

use super::{Failure, Global};
use crate::demo;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  onepixel demo                               open the link it prints; Ctrl-C ends it and removes everything
  onepixel demo --listen 127.0.0.1:0          on a free port")]
pub(crate) struct DemoArgs {
    /// Address to listen on; port 0 picks a free one and prints it [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) fn run(global: &Global, args: &DemoArgs) -> Result<(), Failure> {
    let listen = args.listen.map(|address| ("gateway.listen".to_owned(), address.to_string()));
    let settings = global.load(demo::settings().into_iter().chain(listen))?.settings;
    Ok(demo::run(&settings)?)
}
