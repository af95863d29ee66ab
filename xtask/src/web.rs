//! The tests of `web/`: types, build, unit tests and sizes, as `npm test` runs them.
//!
//! Works on a copy in Cargo's target folder, so that the source tree stays as it is and what the build keeps for the
//! binary is not touched. Takes the packages that `setup` installed there and needs no network.

use std::path::Path;

use anyhow::{Context, bail};

use crate::process::{program, watch};
use crate::setup;
use crate::tally::Tally;
use crate::workspace::Workspace;

/// What stays in the copy from one run to the next.
const KEPT: &str = "node_modules";

/// Runs the tests and counts them; true if everything held.
pub(crate) fn test(workspace: &Workspace, tally: &mut Tally) -> anyhow::Result<bool> {
    let folder = setup::web_tests(workspace);
    copy(workspace, &folder).with_context(|| format!("cannot copy web/ to {}", folder.display()))?;
    let before = tally.passed + tally.failed;
    let mut npm = program("npm", &["test"]);
    // Colours would stand between the words that are counted.
    npm.current_dir(&folder).env("NO_COLOR", "1").env_remove("FORCE_COLOR").env("npm_config_offline", "true");
    let ok = watch(&mut npm, |line| tally.see(line))?;
    if ok && tally.passed + tally.failed == before {
        bail!("`npm test` in web/ told of no test");
    }
    Ok(ok)
}

/// The project's files of `web/`, and nothing that an earlier run left.
fn copy(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    clear(folder)?;
    for file in workspace.files()? {
        let Some(inside) = file.strip_prefix("web/") else { continue };
        let to = folder.join(inside);
        std::fs::create_dir_all(to.parent().unwrap_or(folder))?;
        std::fs::copy(workspace.root.join(&file), to)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the copy is made here, and its files are nobody else's")]
fn clear(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == KEPT {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_copy_goes_and_the_packages_stay() {
        let folder = tempfile::tempdir().unwrap();
        for made in ["node_modules/preact", "src/old"] {
            std::fs::create_dir_all(folder.path().join(made)).unwrap();
        }
        #[expect(clippy::disallowed_methods, reason = "the test makes the file that has to go")]
        std::fs::write(folder.path().join("old.ts"), "").unwrap();
        clear(folder.path()).unwrap();
        assert!(folder.path().join("node_modules/preact").is_dir());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
