//! The programs that `cargo xtask setup` installs for these tests, found where `cargo xtask test` says they are.
//!
//! A program that is missing is an error that says what to run: a skipped test proves nothing.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

/// The folder that holds the npm packages kinesalite and velocityjs.
pub fn node_modules() -> anyhow::Result<PathBuf> {
    variable("XTASK_NODE_MODULES", "the folder with the npm packages kinesalite and velocityjs")
}

/// The Python that has the packages ministack and duckdb.
pub fn python() -> anyhow::Result<PathBuf> {
    variable("XTASK_PYTHON", "the Python with the packages ministack and duckdb")
}

/// Debian's Chromium.
pub fn chromium() -> anyhow::Result<PathBuf> {
    variable("XTASK_CHROMIUM", "Debian's Chromium")
}

/// A script for Node that may require the installed npm packages.
pub fn node_script(script: &str) -> anyhow::Result<Command> {
    let mut command = Command::new("node");
    command.env("NODE_PATH", node_modules()?).args(["-e", script]);
    Ok(command)
}

/// A script for the Python that has the installed packages.
pub fn python_script(script: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(python()?);
    command.args(["-c", script]);
    Ok(command)
}

fn variable(name: &str, what: &str) -> anyhow::Result<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    let advice = "run the tests with `cargo xtask test`, which installs and names it";
    value.map(PathBuf::from).with_context(|| format!("{name} is not set: it names {what}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_to_run() {
        let error = variable("XTASK_NO_SUCH_THING", "a thing").unwrap_err().to_string();
        assert!(error.contains("XTASK_NO_SUCH_THING is not set: it names a thing"), "{error}");
        assert!(error.contains("`cargo xtask test`"), "{error}");
    }
}
