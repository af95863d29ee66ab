//! Paths in the documents exist: what stands in backticks and looks like a path of the project, and relative links.

use super::{Finding, Text};

/// Checks one document against the list of the project's files.
pub(super) fn check(text: &Text, files: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.content.lines().enumerate() {
        let spans = code_spans(line).filter(|span| looks_like_a_path(span)).map(|span| resolve("", span));
        let folder = text.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let links = links(line).map(|link| resolve(folder, link));
        let missing = spans.chain(links).filter(|path| !exists(path, files));
        findings.extend(missing.map(|path| {
            Finding::new(
                &text.path,
                index + 1,
                format!("`{path}` is not in the project; correct the document"),
            )
        }));
    }
    findings
}

/// What stands between single backticks.
pub(super) fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of Markdown links into the project, without their anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    targets.filter(|target| !target.is_empty() && !target.contains(':'))
}

/// The folders whose content documents speak of, and the documents and manifests at the root.
fn looks_like_a_path(span: &str) -> bool {
    const FOLDERS: [&str; 8] = ["crates/", "deploy/", "docs/", "sim/", "tests/", "xtask/", ".ci/", ".cargo/"];
    const ROOT_ENDINGS: [&str; 2] = [".md", "-MIT"];
    const ROOT_FILES: [&str; 4] = ["Cargo.toml", "clippy.toml", "deny.toml", "rustfmt.toml"];
    let is_pattern = span.contains(['*', '{', '<', ' ', '$']) || span.contains("...");
    let is_root_file = ROOT_FILES.contains(&span) || ROOT_ENDINGS.iter().any(|ending| span.ends_with(ending));
    !is_pattern && (FOLDERS.iter().any(|folder| span.starts_with(folder)) || is_root_file)
}

/// The path from the root, for one that starts in `folder`; a line number behind a colon is left out.
fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split(':').next().unwrap_or_default().split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn exists(path: &str, files: &[&str]) -> bool {
    let is_inside = |file: &&str| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    files.contains(&path) || files.iter().any(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 4] =
        ["README.md", "crates/stream/src/writer.rs", "docs/adr/0001-frames.md", "docs/format.md"];

    fn check_document(path: &str, content: &str, expected: &[&str]) {
        let findings = check(&Text { path: path.to_owned(), content: content.to_owned() }, &FILES);
        let messages: Vec<&str> =
            findings.iter().map(|finding| finding.message.split('`').nth(1).unwrap()).collect();
        assert_eq!(messages, expected, "{content}");
    }

    #[test]
    fn real_paths_are_fine() {
        check_document(
            "README.md",
            "See `crates/stream/src/writer.rs:12`, `crates/stream/` and `docs/format.md`.",
            &[],
        );
        check_document(
            "README.md",
            "[format](docs/format.md#frames) [site](https://example.com/x.md) [here](#top)",
            &[],
        );
        check_document("docs/format.md", "[decision](adr/0001-frames.md) [readme](../README.md)", &[]);
    }

    #[test]
    fn others_are_found() {
        check_document("README.md", "See `crates/stream/src/gone.rs`.", &["crates/stream/src/gone.rs"]);
        check_document("README.md", "`crates/str`", &["crates/str"]);
        check_document("README.md", "![picture](docs/missing.png)", &["docs/missing.png"]);
        check_document("docs/format.md", "[readme](README.md)", &["docs/README.md"]);
    }

    #[test]
    fn patterns_and_other_words_are_not_paths() {
        check_document("README.md", "`crates/*/src`, `archive/events/year=2026`, `a/b`, `GET /p.gif`", &[]);
    }
}
