//! Counting tests from what the test runners print: Rust's own, Vitest, and Terraform's.

use std::fmt;

/// How many tests ran, over all test binaries, and which of them failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) failures: Vec<String>,
}

impl Tally {
    /// Takes one line of output; lines that say nothing about tests are passed over.
    pub(crate) fn see(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count_before(counts, " passed;");
            self.failed += count_before(counts, " failed;");
        } else if let Some(counts) = line.trim_start().strip_prefix("Tests  ") {
            self.passed += count_before(counts, " passed");
            self.failed += count_before(counts, " failed");
        } else if let Some(counts) = terraform(line) {
            self.passed += count_before(counts, " passed,");
            self.failed += count_before(counts, " failed");
        } else if let Some(name) = failed_test(line) {
            self.failures.push(name.to_owned());
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn count_before(counts: &str, word: &str) -> u64 {
    let number = counts.split_once(word).and_then(|(before, _)| before.rsplit(' ').next());
    number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The counts in the closing line of `terraform test`.
fn terraform(line: &str) -> Option<&str> {
    line.strip_prefix("Success!").or_else(|| line.strip_prefix("Failure!"))
}

fn failed_test(line: &str) -> Option<&str> {
    let rust = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
    rust.or_else(|| line.trim_start().strip_prefix("× "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, expected: &str, failures: &[&str]) {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.see(line));
        assert_eq!(
            (tally.to_string().as_str(), tally.failures),
            (expected, failures.iter().map(|&f| f.into()).collect())
        );
    }

    #[test]
    fn sums_over_binaries() {
        check("", "0 passed, 0 failed", &[]);
        check(
            "running 2 tests\n\
             test a ... ok\n\
             test b::c ... FAILED\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             \n\
             test result: ok. 41 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.20s",
            "42 passed, 1 failed",
            &["b::c"],
        );
    }

    #[test]
    fn counts_what_vitest_ran() {
        check(" Test Files  10 passed (10)\n      Tests  196 passed (196)", "196 passed, 0 failed", &[]);
        check(
            "     × counts twice 5ms\n Test Files  1 failed | 9 passed (10)\n\
             \x20     Tests  1 failed | 194 passed | 1 skipped (196)",
            "194 passed, 1 failed",
            &["counts twice 5ms"],
        );
        check("      Tests  no tests", "0 passed, 0 failed", &[]);
    }

    #[test]
    fn counts_what_terraform_ran() {
        check("Success! 48 passed, 0 failed.", "48 passed, 0 failed", &[]);
        check("Failure! 41 passed, 2 failed, 5 skipped.", "41 passed, 2 failed", &[]);
        check(
            "  run \"as_it_comes\"... pass\nSuccess! The configuration is valid.",
            "0 passed, 0 failed",
            &[],
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        check("7 passed; 3 failed;\nthe test result: ok. 5 passed; 0 failed;", "0 passed, 0 failed", &[]);
    }
}
