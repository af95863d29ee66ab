//! The one test command: every check and every test, in the order in which they fail fastest.
//!
//! What waits for clocks more than it works, or measures nothing, runs beside the rest and gives way to it; what it says is
//! shown when the rest is done.
//!
//! Promises that it goes on after a failed check, so that one run shows everything; that the closing line counts every
//! test of every binary, with a failed check counted as one failure; and that a run in which no test ran fails.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use crate::process::{Beside, succeeds, watch};
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{setup, tidy, web};

/// The integration tests of the functions in an emulated AWS, and those of the whole product: many of them mostly wait, so
/// there are more threads than processors.
const EMULATED: &str = "emulated";
const PRODUCT: &str = "product";

/// What a plain build leaves out: the relay to Kinesis. The release build is plain, and so is what the product's tests run.
const RELAY: [&str; 2] = ["--features", "onepixel/aws"];

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
            let strict = ["--", "-D", "warnings"];
            let plain = suite.cargo(&[&scope[..], &strict].concat())?;
            Ok(suite.cargo(&[&scope[..], &RELAY, &strict].concat())? && plain)
        });
        suite.step("Documentation of the code (fix: see each broken link)", Suite::documentation);
        suite.step("Release build", |suite| {
            suite.cargo(&["build", "--release", "--package", "onepixel", "--locked"])
        });
        suite.step("Build of the tests", Suite::build);
        // Browsers and clocks are in it, so nothing runs beside it.
        suite.step("Tests: the whole product", Suite::product);
        let beside = suite.beside();
        suite.step("Tests: unit, property, integration, documentation", Suite::tests);
        suite.step("Tests: the dashboard and the tracker (alone: npm test in web/)", |suite| {
            web::test(suite.workspace, &mut suite.tally)
        });
        suite.step("Tests: what strangers send (the fuzzers' corpus)", Suite::replay);
        for (title, started) in beside {
            suite.step(title, |suite| started?.finish(|line| suite.tally.see(line)));
        }
    }
    Ok(suite.close())
}

impl Suite<'_> {
    fn step(&mut self, title: &'static str, run: impl FnOnce(&mut Self) -> anyhow::Result<bool>) {
        println!("\n=== {title}");
        let (start, failed) = (Instant::now(), self.tally.failed);
        let ok = run(self).unwrap_or_else(|error| {
            println!("error: {error:#}");
            false
        });
        let took = start.elapsed();
        if !ok && self.tally.failed == failed {
            // No test is to blame, so the step itself counts.
            self.tally.failed += 1;
        }
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

    /// All that the tests run, so that nothing is compiled while they do, except what is in the documentation.
    fn build(&mut self) -> anyhow::Result<bool> {
        let tests = self.cargo(&[&["test", "--no-run", "--workspace", "--locked"], &RELAY[..]].concat())?;
        let simulation = succeeds(self.simulation().arg("--no-run"))?;
        Ok(succeeds(&mut self.fuzzing("build"))? && tests && simulation)
    }

    /// Starts what runs beside the other tests.
    fn beside(&self) -> Vec<(&'static str, anyhow::Result<Beside>)> {
        vec![
            ("Tests: the functions in an emulated AWS, beside the above", self.emulated()),
            ("Tests: simulated crashes of the log, beside the above", Beside::start(&self.simulation())),
            (
                "Tests: the deployment to AWS, beside the above (alone: cargo xtask terraform)",
                Beside::start(&self.offline(&["xtask", "terraform"])),
            ),
        ]
    }

    fn product(&mut self) -> anyhow::Result<bool> {
        let mut command = self.test_command(&["test", "--workspace", "--locked", "--test", PRODUCT])?;
        watch(command.args(RELAY).args(["--", "--test-threads", "3"]), |line| self.tally.see(line))
    }

    /// All but those that have a step of their own.
    fn tests(&mut self) -> anyhow::Result<bool> {
        let targets = test_targets(&self.workspace.metadata()?);
        let mut arguments = vec!["test", "--workspace", "--no-fail-fast", "--locked", "--lib", "--bins"];
        arguments.extend(RELAY);
        for target in targets.iter().filter(|target| ![EMULATED, PRODUCT].contains(&target.as_str())) {
            arguments.extend(["--test", target]);
        }
        let ok = watch(&mut self.test_command(&arguments)?, |line| self.tally.see(line))?;
        let documentation = [&["test", "--workspace", "--doc", "--locked"], &RELAY[..]].concat();
        let mut documentation = self.test_command(&documentation)?;
        Ok(watch(&mut documentation, |line| self.tally.see(line))? && ok)
    }

    /// With what they print, as some of it is figures.
    fn emulated(&self) -> anyhow::Result<Beside> {
        let mut command = self.test_command(&["test", "--workspace", "--locked", "--test", EMULATED])?;
        Beside::start(command.args(RELAY).args(["--", "--show-output", "--test-threads", "4"]))
    }

    fn test_command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = self.offline(arguments);
        command.envs(setup::environment(self.workspace).context("the tests cannot find their tools")?);
        // Built with the tests of their packages.
        command.env("XTASK_FUNCTIONS", self.workspace.target.join("debug"));
        command.env("XTASK_ONEPIXEL", self.workspace.target.join("release").join("onepixel"));
        Ok(command)
    }

    /// The model of a disk that forgets is a workspace of its own, built with optimisation and the log's assertions.
    fn simulation(&self) -> Command {
        let mut command =
            self.offline(&["test", "--release", "--locked", "--manifest-path", setup::SIMULATION]);
        command.env("CARGO_TARGET_DIR", self.workspace.target.join("sim"));
        command
    }

    /// What is fuzzed, fed with the corpus and a few thousand changes of it. Needs no fuzzer, and builds little: the
    /// crates are those that the tests were built of.
    fn replay(&mut self) -> anyhow::Result<bool> {
        succeeds(&mut self.fuzzing("run"))
    }

    fn fuzzing(&self, verb: &str) -> Command {
        let mut command =
            self.offline(&[verb, "--locked", "--manifest-path", setup::FUZZING, "--bin", "replay"]);
        command.env("CARGO_TARGET_DIR", &self.workspace.target);
        command
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
        if self.tally.passed + self.tally.failed == 0 {
            println!("no test ran");
            self.tally.failed = 1;
        }
        println!("{}", self.tally);
        self.tally.failed == 0
    }
}

/// The names of all integration tests, in the output of `cargo metadata`, so that none is left out.
fn test_targets(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let members: Vec<Value> =
        list(&metadata["packages"]).into_iter().filter(|package| package["source"].is_null()).collect();
    let targets = members.iter().flat_map(|package| list(&package["targets"]));
    let tests = targets.filter(|target| list(&target["kind"]).contains(&Value::from("test")));
    let mut names: Vec<String> =
        tests.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Each step is whether it held, and the tests it counted as passed and failed.
    fn check(steps: &[(bool, u64, u64)], expected: (bool, u64)) {
        let workspace = Workspace { root: PathBuf::new(), target: PathBuf::new() };
        let mut suite = Suite { workspace: &workspace, outcomes: Vec::new(), tally: Tally::default() };
        for &(ok, passed, failed) in steps {
            suite.step("a step", |suite| {
                suite.tally.passed += passed;
                suite.tally.failed += failed;
                Ok(ok)
            });
        }
        let failed = suite.tally.failed;
        assert_eq!((suite.close(), failed), expected, "{steps:?}");
    }

    #[test]
    fn every_integration_test_of_a_member_is_named_once() {
        let target = |name: &str, kind: &str| serde_json::json!({"name": name, "kind": [kind]});
        let metadata = serde_json::json!({"packages": [
            {"source": null, "targets": [target("a", "lib"), target("it", "test")]},
            {"source": null, "targets": [target("it", "test"), target("emulated", "test")]},
            {"source": "elsewhere", "targets": [target("other", "test")]},
        ]});
        assert_eq!(test_targets(&metadata), ["emulated", "it"]);
    }

    #[test]
    fn everything_held() {
        check(&[(true, 0, 0), (true, 12, 0)], (true, 0));
    }

    #[test]
    fn a_failed_test_fails_the_run_and_is_counted_once() {
        check(&[(true, 0, 0), (false, 12, 2)], (false, 2));
        check(&[(false, 12, 2), (false, 3, 1)], (false, 3));
    }

    #[test]
    fn a_failed_step_without_a_test_counts_as_a_failure() {
        check(&[(false, 0, 0), (true, 12, 0)], (false, 1));
        check(&[(false, 0, 0), (false, 12, 2)], (false, 3));
        check(&[(true, 12, 0), (false, 0, 0)], (false, 1));
    }

    #[test]
    fn an_empty_run_fails() {
        check(&[(true, 0, 0), (true, 0, 0)], (false, 0));
    }
}
