//! What every dependency is licensed under, against the list in `deny.toml`.
//!
//! Reads SPDX expressions, and the older form in which a slash means OR. The same list serves `cargo deny`.

use anyhow::Context;
use serde_json::Value;

use super::{Finding, Text};

/// Checks every package that `cargo metadata` knows against the policy's list.
pub(super) fn check(metadata: &Value, policy: &Text) -> anyhow::Result<Vec<Finding>> {
    let allowed = allowed(&policy.content).context("deny.toml has no list `allow` in [licenses]")?;
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let refused = packages.iter().filter(|package| {
        let expression = package["license"].as_str().unwrap_or_default();
        !Expression { words: words(expression), next: 0, allowed: &allowed }.satisfied()
    });
    Ok(refused.map(|package| refusal(package, policy)).collect())
}

fn refusal(package: &Value, policy: &Text) -> Finding {
    let text = |key: &str| package[key].as_str().unwrap_or("none");
    let (name, version, licence) = (text("name"), text("version"), text("license"));
    let message = format!(
        "{name} {version} is licensed under `{licence}`, which the list does not allow; find another crate, \
         or add the licence if it is as permissive as ours"
    );
    Finding::new(&policy.path, 1, message)
}

fn allowed(policy: &str) -> Option<Vec<String>> {
    let policy: toml::Table = policy.parse().ok()?;
    let list = policy.get("licenses")?.get("allow")?.as_array()?;
    Some(list.iter().filter_map(|licence| licence.as_str().map(str::to_owned)).collect())
}

fn words(expression: &str) -> Vec<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// A licence expression being read: OR binds weaker than AND, AND weaker than WITH.
struct Expression<'a> {
    words: Vec<String>,
    next: usize,
    allowed: &'a [String],
}

impl Expression<'_> {
    /// Whether the listed licences are enough for it. What cannot be read is not.
    fn satisfied(mut self) -> bool {
        self.any() == Some(true) && self.next == self.words.len()
    }

    fn any(&mut self) -> Option<bool> {
        let mut satisfied = self.all()?;
        while self.take("OR") {
            satisfied |= self.all()?;
        }
        Some(satisfied)
    }

    fn all(&mut self) -> Option<bool> {
        let mut satisfied = self.one()?;
        while self.take("AND") {
            satisfied &= self.one()?;
        }
        Some(satisfied)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let satisfied = self.any();
            return self.take(")").then_some(satisfied).flatten();
        }
        let mut licence = self.word()?;
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.word()?);
        }
        Some(self.allowed.contains(&licence))
    }

    fn word(&mut self) -> Option<String> {
        let word = self.words.get(self.next)?.clone();
        self.next += 1;
        Some(word)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.next).is_some_and(|next| next == word);
        self.next += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check_expression(licence: Value, expected: bool) {
        let content = "[licenses]\nallow = [\"MIT\", \"ISC\", \"Apache-2.0 WITH LLVM-exception\"]".to_owned();
        let policy = Text { path: "deny.toml".to_owned(), content };
        let metadata = json!({ "packages": [{ "name": "x", "version": "1.0.0", "license": licence }] });
        let findings = check(&metadata, &policy).unwrap();
        assert_eq!(findings.is_empty(), expected, "{licence}: {findings:?}");
    }

    #[test]
    fn listed_licences_are_enough() {
        check_expression(json!("MIT"), true);
        check_expression(json!("GPL-3.0 OR MIT"), true);
        check_expression(json!("Apache-2.0/MIT"), true);
        check_expression(json!("ISC AND (Apache-2.0 OR MIT)"), true);
        check_expression(json!("Apache-2.0 WITH LLVM-exception OR GPL-3.0"), true);
    }

    #[test]
    fn anything_else_is_refused() {
        check_expression(json!("GPL-3.0"), false);
        check_expression(json!("MIT AND GPL-3.0"), false);
        check_expression(json!("ISC AND (Apache-2.0 OR GPL-3.0)"), false);
        check_expression(json!("Apache-2.0"), false);
        check_expression(json!("MIT OR"), false);
        check_expression(json!("(MIT"), false);
        check_expression(json!("MIT MIT"), false);
        check_expression(json!(null), false);
    }

    #[test]
    fn a_policy_without_a_list_is_an_error() {
        let policy = Text { path: "deny.toml".to_owned(), content: "[licenses]".to_owned() };
        assert!(check(&json!({}), &policy).is_err());
    }
}
