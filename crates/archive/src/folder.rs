//! A local folder as archive: objects written whole and durably.
//!
//! Reading goes through `object_store` as for any other store. Writing does not: its local store hands the work to a
//! pool of threads, where it goes on after the caller's future was dropped and could bring back an object that was
//! removed meanwhile; and what a killed process had staged would stay. Here a write is over when the call is.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
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

/// Writes the object at `top`/`name`, over what is there: readers see the old bytes or the new ones, and a crash after
/// the return loses nothing.
#[expect(clippy::disallowed_methods, reason = "the archive's local folder is this module's")]
pub(crate) fn put(top: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let object = top.join(name);
    let folder = object.parent().unwrap_or(top);
    std::fs::create_dir_all(folder)?;
    let staged = staged(&object);
    let mut file = File::create(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&staged, &object)?;
    // Up to the top each time: who made the folders may have been killed before they were synced, and to sync what
    // has not changed costs next to nothing.
    sync_up(folder, top)
}

/// Removes the object at `top`/`name` and what a killed process had staged of it, durably; fine when nothing is there.
#[expect(clippy::disallowed_methods, reason = "the archive's local folder is this module's")]
pub(crate) fn remove(top: &Path, name: &str) -> io::Result<()> {
    let object = top.join(name);
    for path in [staged(&object), object.clone()] {
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    match object.parent() {
        Some(folder) if folder.exists() => sync(folder),
        _ => Ok(()),
    }
}

/// A name that `object_store` does not list, and that no reader of `*.json.gz` takes.
fn staged(object: &Path) -> PathBuf {
    let mut staged = OsString::from(object);
    staged.push("#1");
    staged.into()
}

/// Syncs `folder` and every folder above it up to `top`, itself included: their entries are then durable.
fn sync_up(folder: &Path, top: &Path) -> io::Result<()> {
    folder.ancestors().take_while(|folder| folder.starts_with(top)).try_for_each(sync)
}

#[expect(clippy::disallowed_methods, reason = "the archive's local folder is this module's")]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
