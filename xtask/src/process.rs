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

/// How long a program may run beside others; a run takes a fraction of it.
const BESIDE_FOR: &str = "1200";

/// A program that runs while others do and gives way to them; what it says is kept until somebody waits for it.
pub(crate) struct Beside {
    words: String,
    running: JoinHandle<std::io::Result<Output>>,
}

impl Beside {
    /// Starts it, and whatever it starts is ended with it when its time is over.
    pub(crate) fn start(command: &Command) -> anyhow::Result<Self> {
        let words = words(command);
        let mut command = giving_way(command);
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

/// The same with a smaller claim on the processors and an end, by two programs of every Debian.
fn giving_way(command: &Command) -> Command {
    let mut bounded = program("timeout", &["--kill-after=10", BESIDE_FOR, "nice", "-n", "5"]);
    bounded.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bounded.current_dir(folder);
    }
    bounded
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
        let mut command = program("sh", &["-c", "echo $SAID; pwd"]);
        command.env("SAID", "something").current_dir("/");
        let beside = Beside::start(&command).unwrap();
        assert!(beside.finish(|line| lines.push(line.to_owned())).unwrap());
        assert_eq!(lines, ["something", "/"]);
        for failing in ["false", "no-such-program-here"] {
            assert!(!Beside::start(&program(failing, &[])).unwrap().finish(|_| ()).unwrap(), "{failing}");
        }
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
