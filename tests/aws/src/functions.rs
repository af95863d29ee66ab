//! The product's programs, as they are now.
//!
//! `ONEPIXEL_FUNCTIONS` names a folder that has them, built for release for instance; `XTASK_FUNCTIONS` does, too, and is set by
//! `cargo xtask test`, which has just built them. Without both they are built here, once, beside the running test; what has not
//! changed costs Cargo a second. Whatever lies there from some day before would be tested in their place otherwise.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, bail, ensure};

/// The packages of the programs; the tests' own among them, so that Cargo chooses the same features of all dependencies as
/// for the tests, and builds none twice.
const PACKAGES: [&str; 6] = ["-p", "onepixel", "-p", "onepixel-aws", "-p", "onepixel-aws-tests"];

/// A program, such as the function `onepixel-ingest`, or `onepixel` itself with its relay.
pub fn bootstrap(name: &str) -> anyhow::Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOLDER.get_or_init(|| folder().map_err(|error| format!("{error:#}")));
    let folder = match found {
        Ok(folder) => folder,
        Err(error) => bail!("{error}"),
    };
    let program = folder.join(name);
    ensure!(program.is_file(), "there is no {}", program.display());
    Ok(program)
}

fn folder() -> anyhow::Result<PathBuf> {
    let named = |name: &&str| std::env::var_os(name).filter(|folder| !folder.is_empty());
    match ["ONEPIXEL_FUNCTIONS", "XTASK_FUNCTIONS"].iter().find_map(named) {
        Some(folder) => Ok(folder.into()),
        None => build(),
    }
}

/// Builds all of them as the running test was built, and gives their folder: that above the test's own.
fn build() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("the test lies in no folder")?;
    let target = folder.parent().context("the test lies in no target folder")?;
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => bail!("{} names no profile", folder.display()),
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The tests have compiled, so everything that is needed is there.
    cargo.args(["build", "--offline", "--locked", "--bins", "--features", "onepixel/aws"]).args(PACKAGES);
    cargo.args(["--profile", profile]).arg("--target-dir").arg(target);
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    let done = cargo.output().context("cannot start Cargo")?;
    ensure!(done.status.success(), "{cargo:?} failed:\n{}", String::from_utf8_lossy(&done.stderr));
    Ok(folder.to_owned())
}
