//! `config check` and `config print`.

use std::io::Write as _;

use clap::Subcommand;

use super::{Failure, Global};

#[derive(Debug, Clone, Copy, Subcommand)]
#[command(after_help = "Examples:
  onepixel config print > onepixel.toml       a file to begin with
  onepixel --config onepixel.toml config check
  ONEPIXEL_GATEWAY__RATE=0 onepixel config print --set live.ttl=30d")]
pub(crate) enum ConfigCommand {
    /// Say whether the settings are valid; exit 2 and the reason if not
    Check,
    /// Print every setting with its origin: default, file, env or flag
    Print,
}

pub(crate) fn run(global: &Global, command: &ConfigCommand) -> Result<(), Failure> {
    let loaded = global.load([])?;
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check => writeln!(out, "The settings are valid.")?,
        ConfigCommand::Print => out.write_all(loaded.to_toml().as_bytes())?,
    }
    Ok(())
}
