//! Where things are: the repository, Cargo's target folder, and the files that belong to the project.
//!
//! Asks Cargo and git, so that `CARGO_TARGET_DIR` and ignored files are honoured without rules of our own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use crate::process;

/// The repository this command was built from.
pub(crate) struct Workspace {
    /// The folder that holds the root manifest.
    pub(crate) root: PathBuf,
    /// Where Cargo builds; downloaded tools live here too, so that `cargo clean` removes everything.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks Cargo where the workspace of the current folder is.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let arguments = ["metadata", "--no-deps", "--format-version", "1"];
        let metadata: Value = serde_json::from_str(&process::output(&mut cargo(&arguments))?)?;
        let folder = |key: &str| {
            let path = metadata[key].as_str().with_context(|| format!("`cargo metadata` gave no {key}"))?;
            anyhow::Ok(PathBuf::from(path))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// Cargo with these arguments, in the repository's root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(arguments);
        command.current_dir(&self.root);
        command
    }

    /// What Cargo knows of the members, and of every package they depend on.
    pub(crate) fn metadata(&self) -> anyhow::Result<Value> {
        let arguments = ["metadata", "--locked", "--format-version", "1"];
        Ok(serde_json::from_str(&process::output(&mut self.cargo(&arguments))?)?)
    }

    /// Every file of the project, relative to the root, sorted: tracked, or new and not ignored.
    pub(crate) fn files(&self) -> anyhow::Result<Vec<String>> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = process::output(process::program("git", &arguments).current_dir(&self.root))?;
        let present = |file: &&str| !file.is_empty() && self.root.join(file).is_file();
        let mut files: Vec<String> = listed.split('\0').filter(present).map(str::to_owned).collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The text of a file of the project; `None` if it is not text.
    pub(crate) fn text(&self, file: &str) -> anyhow::Result<Option<String>> {
        let bytes = read(&self.root.join(file))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// Where Cargo tools are installed, apart from the person's own.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Where npm packages are installed.
    pub(crate) fn npm(&self) -> PathBuf {
        self.target.join("xtask").join("npm")
    }
}

/// The bytes of a file; the error names it.
#[expect(clippy::disallowed_methods, reason = "the one place where these commands read files")]
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn cargo(arguments: &[&str]) -> Command {
    // Cargo tells its children which cargo they run under; a bare name would do as well.
    let name = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    process::program(&name, arguments)
}
