//! The shape of a Rust file: its size, its header, its name, and no silenced lints.

use super::{Finding, Text};

/// Above this a file holds more than one idea.
const PRODUCTION_LINES_MAX: usize = 500;

/// Words that say where code was put, not what it does.
const EMPTY_NAMES: [&str; 8] =
    ["common", "commons", "helper", "helpers", "manager", "managers", "util", "utils"];

/// Checks one Rust file.
pub(super) fn check(text: &Text) -> Vec<Finding> {
    let checks = [check_size, check_header, check_name];
    let mut findings: Vec<Finding> = checks.iter().filter_map(|check| check(text)).collect();
    findings.extend(check_silenced(text));
    findings
}

fn check_size(text: &Text) -> Option<Finding> {
    let lines = production_lines(&text.content);
    let message =
        format!("{lines} lines of production code, at most {PRODUCTION_LINES_MAX}; split it by what it does");
    (lines > PRODUCTION_LINES_MAX).then(|| Finding::new(&text.path, PRODUCTION_LINES_MAX + 1, message))
}

/// The lines before the tests at the end of the file.
fn production_lines(content: &str) -> usize {
    let lines: Vec<&str> = content.lines().collect();
    let is_tests =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(is_tests).unwrap_or(lines.len())
}

fn check_header(text: &Text) -> Option<Finding> {
    let message =
        "no `//!` header; say what the module owns, what it promises, what it deliberately does not do";
    (!text.content.starts_with("//!")).then(|| Finding::new(&text.path, 1, message))
}

fn check_name(text: &Text) -> Option<Finding> {
    let mut names = text.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let empty = names.find(|name| name.split(['_', '-']).any(|word| EMPTY_NAMES.contains(&word)))?;
    Some(Finding::new(&text.path, 1, format!("`{empty}` does not say what the module does; name that")))
}

fn check_silenced(text: &Text) -> Vec<Finding> {
    let silences =
        |line: &str| line.trim_start().starts_with("#[allow(") || line.trim_start().starts_with("#![allow(");
    let lines = text.content.lines().enumerate().filter(|(_, line)| silences(line));
    lines
        .map(|(index, _)| {
            Finding::new(&text.path, index + 1, "`allow` outlives its reason; write `expect` with a `reason`")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_file(path: &str, content: &str, expected: &[(usize, &str)]) {
        let findings = check(&Text { path: path.to_owned(), content: content.to_owned() });
        assert_eq!(findings.len(), expected.len(), "{path}: {findings:?}");
        for (finding, (line, part)) in findings.iter().zip(expected) {
            assert!(finding.line == *line && finding.message.contains(part), "{finding}");
        }
    }

    #[test]
    fn a_good_file_has_no_finding() {
        check_file("crates/stream/src/writer.rs", "//! Writes.\nfn f() {}\n", &[]);
    }

    #[test]
    fn production_code_is_at_most_500_lines() {
        let lines = |count: usize| format!("//! Big.\n{}", "// x\n".repeat(count - 1));
        check_file("big.rs", &lines(500), &[]);
        check_file("big.rs", &lines(501), &[(501, "501 lines")]);
        check_file("big.rs", &format!("{}#[cfg(test)]\nmod tests {{\n{}", lines(500), lines(600)), &[]);
        check_file(
            "big.rs",
            &format!("//! Big.\n#[cfg(test)]\nmod tests;\n{}", lines(600)),
            &[(501, "603 lines")],
        );
    }

    #[test]
    fn every_module_has_a_header() {
        check_file("bare.rs", "use std::fmt;\n", &[(1, "no `//!` header")]);
    }

    #[test]
    fn names_say_what_a_module_does() {
        check_file("crates/live/src/util.rs", "//! x\n", &[(1, "`util`")]);
        check_file("tests/product/common/mod.rs", "//! x\n", &[(1, "`common`")]);
        check_file("crates/live/src/query_helpers.rs", "//! x\n", &[(1, "`query_helpers`")]);
        check_file("crates/live/src/utility_bill.rs", "//! x\n", &[]);
    }

    #[test]
    fn lints_are_not_silenced() {
        let content =
            "//! x\n#[allow(dead_code)]\nfn f() {}\n    #![allow(unused)]\n// #[allow(x)] in words\n";
        check_file("a.rs", content, &[(2, "`expect`"), (4, "`expect`")]);
    }
}
