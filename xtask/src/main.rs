//! The project's own commands: `cargo xtask test`, `cargo xtask setup`, `cargo xtask tidy`, `cargo xtask bench`.
//!
//! Each is one straight list of steps that a person can read. Promises that a failure says what to do, that the
//! exit status is 0 only when everything held, and that only the steps that install touch the network.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its product")]

mod bench;
mod process;
mod setup;
mod suite;
mod tally;
mod terraform;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

/// A command: its name, what it does (for the usage text), and the function that says whether everything held.
type Command = (&'static str, &'static str, fn(&Workspace, &[String]) -> anyhow::Result<bool>);

/// Every command there is; the documents are checked against it.
const COMMANDS: [Command; 5] = [
    ("test", "install what is missing, then run every check and every test", |here, _| suite::run(here)),
    (
        "setup",
        "only install what the tests need: packages of Debian, npm and Python, Cargo tools",
        |here, _| setup::run(here),
    ),
    ("tidy", "only check the house rules that no compiler checks", |here, _| tidy::run(here)),
    ("terraform", "only check the deployment to AWS, as far as that goes without AWS", |here, _| {
        terraform::run_alone(here)
    }),
    ("bench", "measure side by side with nginx; takes names of cases, or `all`", bench::run),
];

/// The only command that takes words of its own.
const TAKES_WORDS: &str = "bench";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, words)) = arguments.split_first() else {
        return usage();
    };
    let command = COMMANDS.iter().find(|(known, _, _)| known == name);
    let Some((_, _, run)) = command.filter(|_| words.is_empty() || name == TAKES_WORDS) else {
        return usage();
    };
    match Workspace::find().and_then(|workspace| run(&workspace, words)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask <command>\n");
    for (name, purpose, _) in COMMANDS {
        eprintln!("  {name:<9} {purpose}");
    }
    ExitCode::from(2)
}
