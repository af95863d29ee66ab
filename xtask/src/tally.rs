//! Counting tests from what the test runner prints.

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

fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
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
    fn other_lines_count_nothing() {
        check("7 passed; 3 failed;\nthe test result: ok. 5 passed; 0 failed;", "0 passed, 0 failed", &[]);
    }
}
