//! `audit`: prints the proof; exit 1 when it does not hold.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;

use super::{Failure, Global, archive_flag};
use crate::audit;
use crate::data_dir::DataDir;

#[derive(Debug, Args)]
#[command(
    after_help = "Reads the stream, every archive object, the dead letters and the live view of --data-dir, and changes nothing.
It may run beside the server. Give it the same settings as `serve`, --archive above all.

Exit 0: acknowledged = archived + pending + dead-lettered. Exit 1: it does not hold; the offsets are printed.

Examples:
  onepixel audit
  onepixel audit --archive s3://bucket/hits --json"
)]
pub(crate) struct AuditArgs {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Where the archive is, as given to `serve` [default: DATA_DIR/archive]
    #[arg(long, value_name = "URL")]
    archive: Option<String>,
}

pub(super) fn run(global: &Global, args: &AuditArgs) -> Result<(), Failure> {
    let settings = global.load(archive_flag(&args.archive))?.settings;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(audit::audit(&settings, &DataDir::new(global.data_dir())))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let text = serde_json::to_string_pretty(&report).context("cannot write the findings as JSON")?;
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{report}")?;
    }
    if report.balanced { Ok(()) } else { Err(Failure::CheckFailed) }
}
