//! The product's functions, found where Cargo has built them.

use std::path::PathBuf;

use anyhow::{Context, ensure};

/// The program of a function, such as `onepixel-ingest`: in the folder that `ONEPIXEL_FUNCTIONS` names, else beside the
/// running test's own folder, where Cargo puts the programs of all packages.
pub fn bootstrap(name: &str) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("ONEPIXEL_FUNCTIONS").map(PathBuf::from);
    let folder = match named.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => folder,
        None => {
            let test = std::env::current_exe()?;
            test.ancestors().nth(2).context("the test lies in no folder")?.to_owned()
        }
    };
    let program = folder.join(name);
    let advice = "build it with `cargo build -p onepixel-aws --bins`";
    ensure!(program.is_file(), "there is no {}; {advice}", program.display());
    Ok(program)
}
