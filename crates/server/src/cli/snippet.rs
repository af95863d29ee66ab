//! `snippet`: what to paste where.

use std::io::Write as _;

use clap::Args;

use super::{Failure, Global};
use crate::run;
use crate::snippet::{Addresses, Place};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  onepixel snippet --site blog --origin https://stats.example.com
  onepixel snippet --site my-project --for readme
  onepixel snippet --site newsletter --for email")]
pub(crate) struct SnippetArgs {
    /// The name of the placement
    #[arg(long, value_name = "ID", value_parser = site)]
    site: String,
    /// Where it is pasted
    #[arg(long = "for", value_enum, default_value = "html")]
    place: Place,
    /// Where the server answers from outside, such as `https://stats.example.com` [default: where it listens]
    #[arg(long, value_name = "URL", value_parser = checked)]
    origin: Option<String>,
}

pub(super) fn run(global: &Global, args: &SnippetArgs) -> Result<(), Failure> {
    let settings = global.load([])?.settings;
    let origin = match &args.origin {
        None => format!("{}://{}", run::scheme(&settings), run::reachable(settings.gateway.listen)),
        Some(origin) => origin.clone(),
    };
    let text = Addresses::of(&settings, origin).snippet(args.place, &args.site);
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

fn site(text: &str) -> Result<String, String> {
    match text.is_empty() {
        true => Err("give the placement a name".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn checked(origin: &str) -> Result<String, String> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['"', '<', '>', ' ', '?', '#']) => {
            Ok(origin.to_owned())
        }
        _ => Err("write it like https://stats.example.com".to_owned()),
    }
}
