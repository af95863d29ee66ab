//! The one test command: every check and every test, in the order in which they fail fastest.
//!
//! Promises that it goes on after a failed check, so that one run shows everything; that the closing line counts every
//! test of every binary, with a failed check counted as one failure; and that a run in which no test ran fails.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::process::{succeeds, watch};
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{setup, tidy};

/// How a step ended.
struct Outcome {
    title: &'static str,
    ok: bool,
    took: Duration,
}

/// The steps that have run, and the tests they counted.
struct Suite<'a> {
    workspace: &'a Workspace,
    outcomes: Vec<Outcome>,
    tally: Tally,
}

/// Runs everything; true if everything held.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut suite = Suite { workspace, outcomes: Vec::new(), tally: Tally::default() };
    suite.step("Install what is missing", |suite| setup::run(suite.workspace));
    if suite.outcomes.iter().all(|outcome| outcome.ok) {
        suite.step("House rules (fix: see each finding)", |suite| tidy::run(suite.workspace));
        suite.step("Formatting (fix: cargo fmt --all)", |suite| suite.cargo(&["fmt", "--all", "--check"]));
        suite.step("Lints (fix: see each warning)", |suite| {
            let scope = ["clippy", "--workspace", "--all-targets", "--keep-going", "--locked"];
            suite.cargo(&[&scope[..], &["--", "-D", "warnings"]].concat())
        });
        suite.step("Documentation of the code (fix: see each broken link)", Suite::documentation);
        suite.step("Release build", |suite| {
            suite.cargo(&["build", "--release", "--package", "onepixel", "--locked"])
        });
        suite.step("Tests: unit, property, integration, whole product, documentation", Suite::tests);
    }
    Ok(suite.close())
}

impl Suite<'_> {
    fn step(&mut self, title: &'static str, run: impl FnOnce(&mut Self) -> anyhow::Result<bool>) {
        println!("\n=== {title}");
        let start = Instant::now();
        let ok = run(self).unwrap_or_else(|error| {
            println!("error: {error:#}");
            false
        });
        let took = start.elapsed();
        println!("--- {} after {:.1} s", if ok { "ok" } else { "FAILED" }, took.as_secs_f32());
        self.outcomes.push(Outcome { title, ok, took });
    }

    /// Links to private items are fine: it is read by those who change the code.
    fn documentation(&mut self) -> anyhow::Result<bool> {
        let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
        succeeds(
            self.offline(&arguments).env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"),
        )
    }

    fn tests(&mut self) -> anyhow::Result<bool> {
        let mut command = self.offline(&["test", "--workspace", "--no-fail-fast", "--locked"]);
        command.envs(setup::environment(self.workspace).context("the tests cannot find their tools")?);
        command.env("XTASK_ONEPIXEL", self.workspace.target.join("release").join("onepixel"));
        watch(&mut command, |line| self.tally.see(line))
    }

    fn cargo(&self, arguments: &[&str]) -> anyhow::Result<bool> {
        succeeds(&mut self.offline(arguments))
    }

    /// After the first step nothing may need the network.
    fn offline(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.cargo(arguments);
        command.env("CARGO_NET_OFFLINE", "true");
        command
    }

    fn close(mut self) -> bool {
        println!("\n=== Summary");
        for Outcome { title, ok, took } in &self.outcomes {
            println!("{:>7.1} s  {:<6}  {title}", took.as_secs_f32(), if *ok { "ok" } else { "FAILED" });
        }
        for name in &self.tally.failures {
            println!("failed test: {name}");
        }
        let held = verdict(&self.outcomes, &mut self.tally);
        println!("{}", self.tally);
        held
    }
}

/// Whether the run held. What failed without a test to blame is counted as a failure too, and so is an empty run.
fn verdict(outcomes: &[Outcome], tally: &mut Tally) -> bool {
    let failed_steps = outcomes.iter().filter(|outcome| !outcome.ok).count() as u64;
    let blamed = u64::from(tally.failed > 0);
    tally.failed += failed_steps.saturating_sub(blamed);
    if tally.passed + tally.failed == 0 {
        println!("no test ran");
        tally.failed = 1;
    }
    tally.failed == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[bool], passed: u64, failed: u64, expected: (bool, &str)) {
        let outcome = |&ok: &bool| Outcome { title: "a step", ok, took: Duration::ZERO };
        let outcomes: Vec<Outcome> = steps.iter().map(outcome).collect();
        let mut tally = Tally { passed, failed, failures: Vec::new() };
        let held = verdict(&outcomes, &mut tally);
        assert_eq!((held, tally.to_string().as_str()), expected);
    }

    #[test]
    fn everything_held() {
        check(&[true, true], 12, 0, (true, "12 passed, 0 failed"));
    }

    #[test]
    fn a_failed_test_fails_the_run_and_is_counted_once() {
        check(&[true, false], 12, 2, (false, "12 passed, 2 failed"));
    }

    #[test]
    fn a_failed_check_counts_as_a_failure() {
        check(&[false, true], 12, 0, (false, "12 passed, 1 failed"));
        check(&[false, false], 12, 2, (false, "12 passed, 3 failed"));
    }

    #[test]
    fn an_empty_run_fails() {
        check(&[true, true], 0, 0, (false, "0 passed, 1 failed"));
    }
}
