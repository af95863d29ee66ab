//! A local folder as archive: what `object_store` leaves open about durability and order.
//!
//! With its `fsync` option the store syncs an object, its folder, and folders it created in that very call. What is
//! left: folders created by a process that was killed before it synced them, the archive's own folder, and the
//! half-written files that such a process leaves behind.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Creates `path` and the folders above it, durably, and gives its absolute form.
pub(crate) fn create(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(&path).to_owned();
    std::fs::create_dir_all(&path)?;
    if there != path {
        sync_up(&path, &there)?;
    }
    path.canonicalize()
}

/// Syncs `folder` and every folder above it up to `top`, itself included: their entries are then durable.
pub(crate) fn sync_up(folder: &Path, top: &Path) -> io::Result<()> {
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(top)) {
        sync(folder)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the archive's local folder is this module's to sync")]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes what a killed process left of this very object: the store stages `name` as `name#1`, `name#2`, ...
/// A rewrite takes the first free number, so leftovers have no gap before them.
#[expect(clippy::disallowed_methods, reason = "the archive's local folder is this module's to tidy")]
pub(crate) fn remove_staged(object: &Path) -> io::Result<()> {
    for number in 1_u32.. {
        let mut staged = OsString::from(object);
        staged.push(format!("#{number}"));
        match std::fs::remove_file(&staged) {
            Ok(()) => tracing::debug!(path = %staged.display(), "removed a half-written object"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
