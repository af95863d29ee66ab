//! `access`: who may look at the dashboard, for whoever has a shell on the machine.

use std::io::Write as _;

use clap::Subcommand;
use onepixel_dashboard::access::{Access, AccessFile};

use super::{Failure, Global};
use crate::data_dir::DataDir;
use crate::{clock, run};

#[derive(Debug, Clone, Copy, Subcommand)]
#[command(after_help = "Examples:
  onepixel access reset                       the password is lost
  onepixel access reset --data-dir /var/lib/onepixel")]
pub(crate) enum AccessCommand {
    /// Print a new one-time sign-in link, which lets you set a new password; also while the server runs
    Reset,
}

pub(super) fn run(global: &Global, command: &AccessCommand) -> Result<(), Failure> {
    let AccessCommand::Reset = command;
    let settings = global.load([])?.settings;
    let path = DataDir::new(global.data_dir()).access();
    let access = Access::open(Box::new(AccessFile::new(&path)), clock::system(), None);
    let token = access.print_sign_in().map_err(|error| {
        anyhow::anyhow!("{error}. Is --data-dir right, and has `onepixel serve` run there?")
    })?;
    // A listener of its own is not encrypted.
    let (scheme, address) = match settings.dashboard_listen()? {
        Some(own) => ("http", own),
        None => (run::scheme(&settings), settings.gateway.listen),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "Sign in    {scheme}://{}/?token={}", run::reachable(address), token.text())?;
    writeln!(
        out,
        "It works once, for 24 hours, at whatever address the dashboard answers; then set a new password."
    )?;
    Ok(())
}
