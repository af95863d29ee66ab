//! Running other programs: shown to the person, read by us, or beside all else.
//!
//! Promises that a program that is missing, or that fails, is named in the error together with its arguments.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

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

/// A program that runs while others do; what it says is kept until somebody waits for it.
pub(crate) struct Beside {
    words: String,
    running: JoinHandle<std::io::Result<Output>>,
}

impl Beside {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let words = words(&command);
        let thread = std::thread::Builder::new().name("beside".to_owned());
        let running = thread.spawn(move || command.stdin(Stdio::null()).output())?;
        Ok(Self { words, running })
    }

    /// Waits for its end, shows what it said and hands every line of its standard output to `see`; says whether it
    /// succeeded.
    pub(crate) fn finish(self, mut see: impl FnMut(&str)) -> anyhow::Result<bool> {
        let Ok(output) = self.running.join() else { bail!("`{}` cannot be waited for", self.words) };
        let output = output.with_context(|| format!("cannot run `{}`", self.words))?;
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            println!("{line}");
            see(line);
        }
        Ok(output.status.success())
    }
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
    fn what_ran_beside_is_seen_afterwards() {
        let mut lines = Vec::new();
        let beside = Beside::start(program("printf", &["one\ntwo"])).unwrap();
        assert!(beside.finish(|line| lines.push(line.to_owned())).unwrap());
        assert_eq!(lines, ["one", "two"]);
        assert!(!Beside::start(program("false", &[])).unwrap().finish(|_| ()).unwrap());
        let missing = Beside::start(program("no-such-program-here", &[])).unwrap();
        assert!(missing.finish(|_| ()).unwrap_err().to_string().contains("no-such-program-here"));
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
