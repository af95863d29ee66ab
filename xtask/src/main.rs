//! The project's own commands: `cargo xtask test`, `cargo xtask setup`, `cargo xtask tidy`.
//!
//! Each is one straight list of steps that a person can read. Promises that a failure says what to do, that the
//! exit status is 0 only when everything held, and that only `setup` touches the network.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its product")]

mod process;
mod setup;
mod suite;
mod tally;
mod tidy;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

/// A command: its name, what it does (for the usage text), and the function that says whether everything held.
type Command = (&'static str, &'static str, fn(&Workspace) -> anyhow::Result<bool>);

/// Every command there is; the documents are checked against it.
const COMMANDS: [Command; 3] = [
    ("test", "install what is missing, then run every check and every test", suite::run),
    ("setup", "only install what the tests need: Debian packages, npm packages, Cargo tools", setup::run),
    ("tidy", "only check the house rules that no compiler checks", tidy::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match arguments.as_slice() {
        [name] => COMMANDS.iter().find(|(known, _, _)| known == name),
        _ => None,
    };
    let Some((_, _, run)) = command else {
        return usage();
    };
    match Workspace::find().and_then(|workspace| run(&workspace)) {
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
        eprintln!("  {name:<6} {purpose}");
    }
    ExitCode::from(2)
}
