//! No file may name a place that exists on one machine only, or the host of a package registry.

use super::{Finding, Text};

/// Folders of somebody's machine, in two halves so that this list is not a finding of its own.
const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];

/// Registries are asked through their ordinary clients, by package name.
const REGISTRY_HOSTS: [&str; 5] = [
    concat!("crates", ".io"),
    concat!("registry.", "npmjs"),
    concat!("deb.", "debian.org"),
    concat!("security.", "debian.org"),
    concat!("pypi", ".org"),
];

/// Written by the package clients themselves.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// Checks one text file.
pub(super) fn check(text: &Text) -> Vec<Finding> {
    let name = text.path.rsplit('/').next().unwrap_or_default();
    if LOCK_FILES.contains(&name) {
        return Vec::new();
    }
    let lines = text.content.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            check_line(line).map(|message| Finding::new(&text.path, index + 1, message))
        })
        .collect()
}

fn check_line(line: &str) -> Option<String> {
    if let Some(place) = MACHINE_PATHS.iter().find(|place| starts_a_path(line, place)) {
        return Some(format!("`{place}` is a folder of one machine; use a relative path or an argument"));
    }
    let host = REGISTRY_HOSTS.iter().find(|host| line.contains(*host))?;
    Some(format!("`{host}` is a registry's host; name the package and let its client find it"))
}

/// Whether the line has this folder at the root of a path, not in the middle of one.
fn starts_a_path(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !".-_})".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(path: &str, content: &str, expected: &[usize]) {
        let findings = check(&Text { path: path.to_owned(), content: content.to_owned() });
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expected, "{content}: {findings:?}");
    }

    #[test]
    fn machine_paths_are_found() {
        check_text("README.md", concat!("fine\ncd /ro", "ot/project\n"), &[2]);
        check_text("a.rs", concat!("let path = \"/wo", "rk/main\";"), &[1]);
        check_text("a.rs", "https://example.com/home/page", &[]);
        check_text("a.rs", "format!(\"{base}/home/x\")", &[]);
    }

    #[test]
    fn registry_hosts_are_found() {
        check_text("setup.rs", concat!("https://registry.", "npmjs.org/x"), &[1]);
        check_text("Cargo.lock", concat!("registry+https://crates", ".io-index"), &[]);
    }
}
