//! The house rules that no compiler checks: who may depend on whom, sizes, headers, names, licences, true documents.
//!
//! Each rule is a function from small inputs to findings, so that each is tested on inputs that break it. Reports
//! everything at once. What rustc or clippy can check stands in the workspace's lints instead.

mod commands;
mod directions;
mod licences;
mod paths;
mod places;
mod source;

use std::fmt;

use anyhow::Context;

use crate::workspace::Workspace;

/// One place where a rule does not hold, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// A text file of the project: its path relative to the root, and its content.
struct Text {
    path: String,
    content: String,
}

/// Checks every rule; true if there is no finding.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut findings = check(workspace)?;
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("every house rule holds"),
        count => println!("{count} findings"),
    }
    Ok(findings.is_empty())
}

fn check(workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let metadata = workspace.metadata()?;
    let texts = texts(workspace)?;
    let files: Vec<&str> = texts.iter().map(|text| text.path.as_str()).collect();
    let policy = find(&texts, "deny.toml")?;
    let subcommands = commands::subcommands(&find(&texts, "crates/server/src/cli.rs")?.content);
    let mut findings = directions::check(&metadata);
    findings.extend(licences::check(&metadata, policy)?);
    for text in &texts {
        findings.extend(places::check(text));
        if text.path.ends_with(".rs") {
            findings.extend(source::check(text));
        }
        if is_document(&text.path) {
            findings.extend(paths::check(text, &files));
            findings.extend(commands::check(text, &subcommands));
        }
    }
    findings
        .extend(costs(&find(&texts, "docs/aws.md")?.content, &find(&texts, "deploy/cost.toml")?.content)?);
    Ok(findings)
}

/// The table of costs is what the figures give.
fn costs(document: &str, figures: &str) -> anyhow::Result<Option<Finding>> {
    let current = crate::cost::with_table(document, figures)? == document;
    Ok((!current).then(|| Finding::new("docs/aws.md", 1, "its costs are old; run `cargo xtask cost`")))
}

fn texts(workspace: &Workspace) -> anyhow::Result<Vec<Text>> {
    let mut texts = Vec::new();
    for path in workspace.files()? {
        let content = workspace.text(&path)?.unwrap_or_default();
        texts.push(Text { path, content });
    }
    Ok(texts)
}

fn find<'a>(texts: &'a [Text], path: &str) -> anyhow::Result<&'a Text> {
    texts.iter().find(|text| text.path == path).with_context(|| format!("the project has no {path}"))
}

/// Documents for people, whose paths and commands must be real. The history in CHANGELOG.md may name what is gone.
fn is_document(path: &str) -> bool {
    path.ends_with(".md") && path != "CHANGELOG.md"
}
