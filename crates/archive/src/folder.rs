//! A local folder as archive: objects written whole and durably.
//!
//! Reading goes through `object_store` as for any other store. Writing does not: its local store hands the work to a
//! pool of threads, where it goes on after the caller's future was dropped and could bring back an object that was
//! removed meanwhile; and what a killed process had staged would stay. Here a write is over when the call is.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A local folder that holds an archive.
#[derive(Debug)]
pub(crate) struct Folder {
    top: PathBuf,
    /// The folder of objects that was last synced together with all those above it.
    rooted: Mutex<PathBuf>,
}

impl Folder {
    /// Creates `path` and the folders above it, durably, and opens it under its absolute path.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(&path).to_owned();
        std::fs::create_dir_all(&path)?;
        if there != path {
            sync_up(&path, &there)?;
        }
        Ok(Self { top: path.canonicalize()?, rooted: Mutex::default() })
    }

    /// Its absolute path.
    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    /// Writes the object of this name, over what is there: readers see the old bytes or the new ones, and a crash
    /// after the return loses nothing.
    #[expect(clippy::disallowed_methods, reason = "the archive's local folder is this module's")]
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let object = self.top.join(name);
        let folder = object.parent().unwrap_or(&self.top);
        if !folder.is_dir() {
            // Somebody may have removed what was synced.
            self.rooted().clear();
            std::fs::create_dir_all(folder)?;
        }
        let staged = staged(&object);
        let mut file = File::create(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&staged, &object)?;
        self.sync(folder)
    }

    /// Up to the top for the first object of a folder: who made the folders may have been killed before they were
    /// synced. Each sync has the disk empty its cache, so for the others only what has changed.
    fn sync(&self, folder: &Path) -> io::Result<()> {
        if *self.rooted() == folder {
            return sync(folder);
        }
        sync_up(folder, &self.top)?;
        folder.clone_into(&mut self.rooted());
        Ok(())
    }

    fn rooted(&self) -> MutexGuard<'_, PathBuf> {
        self.rooted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the object of this name and what a killed process had staged of it, durably; fine when nothing is
    /// there.
    #[expect(clippy::disallowed_methods, reason = "the archive's local folder is this module's")]
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let object = self.top.join(name);
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

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "events/hour=21/a";

    #[test]
    fn folders_are_synced_to_the_top_once_and_again_after_they_were_removed() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::create(&home.path().join("archive")).unwrap();
        let hour = folder.top().join("events/hour=21");
        assert_eq!(*folder.rooted(), PathBuf::new());
        folder.put(NAME, b"1").unwrap();
        assert_eq!(*folder.rooted(), hour);
        folder.put("events/hour=22/a", b"2").unwrap();
        assert_eq!(*folder.rooted(), folder.top().join("events/hour=22"));
        std::fs::remove_dir_all(folder.top().join("events")).unwrap();
        std::fs::create_dir_all(folder.top().join("events")).unwrap();
        // A file where the folder belongs: nothing is known to be synced then.
        drop(std::fs::OpenOptions::new().write(true).create_new(true).open(&hour).unwrap());
        folder.put(NAME, b"3").unwrap_err();
        assert_eq!(*folder.rooted(), PathBuf::new());
    }
}
