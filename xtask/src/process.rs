//! Running other programs: shown to the person, or read by us.
//!
//! Promises that a program that is missing, or that fails, is named in the error together with its arguments.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// A program with its arguments, not started yet.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments);
    command
}

/// Runs to the end with the output shown as it comes; a failure is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    if !succeeds(command)? {
        bail!("`{}` failed; its own words are above", words(command));
    }
    Ok(())
}

/// Runs to the end with the output shown as it comes; says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> anyhow::Result<bool> {
    let status = command.status().with_context(|| format!("cannot start `{}`", words(command)))?;
    Ok(status.success())
}

/// Runs to the end and gives what it wrote on its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", words(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", words(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` did not write UTF-8", words(command)))
}

/// Runs to the end, shows every line of its standard output and hands it to `see`; says whether it succeeded.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> anyhow::Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", words(command)))?;
    let stdout = child.stdout.take().context("the child has no standard output")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.with_context(|| format!("cannot read the output of `{}`", words(command)))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        see(&line);
    }
    Ok(child.wait()?.success())
}

fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_program() {
        let error = run(&mut program("false", &["--really"])).unwrap_err();
        assert!(error.to_string().contains("`false --really` failed"), "{error}");
        let error = run(&mut program("no-such-program-here", &[])).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
    }

    #[test]
    fn watching_sees_every_line() {
        let mut lines = Vec::new();
        let ok =
            watch(&mut program("printf", &["one\ntwo\nthree"]), |line| lines.push(line.to_owned())).unwrap();
        assert!(ok);
        assert_eq!(lines, ["one", "two", "three"]);
        assert!(!watch(&mut program("false", &[]), |_| ()).unwrap());
    }
}
