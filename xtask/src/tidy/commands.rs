//! Commands in the documents exist: `cargo xtask ...` here, `onepixel ...` in the server's command line.

use super::{Finding, Text};
use crate::COMMANDS;

/// Checks one document against the commands there are. Words of a command stand in backticks or in code blocks.
pub(super) fn check(text: &Text, subcommands: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in code_lines(&text.content) {
        let ours =
            word_after(line, "cargo xtask ").filter(|word| !COMMANDS.iter().any(|(name, _, _)| name == word));
        let theirs = word_after(line, "onepixel ").or_else(|| word_after(line, "cargo run --release -- "));
        let theirs = theirs.filter(|word| !subcommands.iter().any(|name| name == word));
        findings.extend(ours.into_iter().chain(theirs).map(|word| {
            Finding::new(&text.path, index + 1, format!("there is no command `{word}`; correct the document"))
        }));
    }
    findings
}

/// The subcommands of the server: the variants of the enum that derives `Subcommand` and is named `Command`.
pub(super) fn subcommands(source: &str) -> Vec<String> {
    let variants = source.lines().skip_while(|line| !line.contains("enum Command {")).skip(1);
    let variants = variants.take_while(|line| *line != "}").filter_map(|line| line.strip_prefix("    "));
    let named = variants.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    named.map(|line| kebab(line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())).collect()
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}

/// Each piece of code with its line's index: what stands between backticks, and whole lines of code blocks.
fn code_lines(content: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut in_block = false;
    for (index, line) in content.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            pieces.push((index, line.trim_start().trim_start_matches("$ ")));
        } else {
            pieces.extend(super::paths::code_spans(line).map(|span| (index, span)));
        }
    }
    pieces
}

/// The word after a command's name, if the piece starts with that name and the word is no option or variable.
fn word_after<'a>(piece: &'a str, name: &str) -> Option<&'a str> {
    let word = piece.strip_prefix(name)?.split_whitespace().next()?;
    word.starts_with(|c: char| c.is_ascii_lowercase()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_document(content: &str, expected: &[usize]) {
        let subcommands = ["serve".to_owned(), "dead-letter".to_owned()];
        let text = Text { path: "README.md".to_owned(), content: content.to_owned() };
        let lines: Vec<usize> = check(&text, &subcommands).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expected, "{content}");
    }

    #[test]
    fn real_commands_are_fine() {
        check_document(
            "Run `cargo xtask test`, then `onepixel serve --listen ADDR` or `onepixel --help`.",
            &[],
        );
        check_document("```sh\n$ cargo run --release -- serve\nonepixel dead-letter list\n```", &[]);
    }

    #[test]
    fn others_are_found() {
        check_document("Run `cargo xtask deploy`.", &[1]);
        check_document("text\n```\nonepixel demo\n```\n`onepixel query`", &[3, 5]);
        check_document("```\ncargo run --release -- demo\n```", &[2]);
    }

    #[test]
    fn reads_the_subcommands_from_their_enum() {
        let source = "enum Other {\n    No,\n}\n\npub(crate) enum Command {\n    /// Serves.\n    Serve(Serve),\n    \
                      #[command(subcommand)]\n    DeadLetter {\n        id: u64,\n    },\n}\nenum After {\n    No,\n}\n";
        assert_eq!(subcommands(source), ["serve", "dead-letter"]);
    }
}
