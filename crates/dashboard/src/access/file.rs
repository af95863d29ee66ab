//! The access file: JSON, mode 0600, written atomically and durably.
//!
//! Several processes may write it (`serve`, and `onepixel access` beside it): each change is made under a lock and on
//! top of what is there. A file that cannot be read is never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::AccessError;
use super::keeper::Keeper;
use super::state::State;

/// The file, and which writing of it is known.
#[derive(Debug)]
pub struct AccessFile {
    path: PathBuf,
    known: Option<Identity>,
    /// The lock, from a change that came too late to the next try: nobody is too late twice.
    held: Option<File>,
}

/// Every writing makes a new inode; the rest tells an inode that is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    inode: u64,
    bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl AccessFile {
    /// The file at `path`, which need not exist.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), known: None, held: None }
    }
}

impl Keeper for AccessFile {
    fn read_if_changed(&mut self) -> Result<Option<State>, AccessError> {
        let read = self.look();
        if read.is_err() {
            self.held = None;
        }
        read
    }

    /// After a crash the file holds the old state or the new one, never a part.
    fn replace(&mut self, state: &State) -> Result<bool, AccessError> {
        let lock = match self.held.take() {
            Some(lock) => lock,
            None => self.lock()?,
        };
        let found = match identity(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => Some(found.map_err(|error| self.failed("read", &error))?),
        };
        if found != self.known {
            self.held = Some(lock);
            return Ok(false);
        }
        let written = replace(&self.path, state).and_then(|()| identity(&self.path));
        drop(lock);
        self.known = Some(written.map_err(|error| self.failed("write", &error))?);
        Ok(true)
    }
}

impl AccessFile {
    fn look(&mut self) -> Result<Option<State>, AccessError> {
        let found = match identity(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.known.is_none() => return Ok(None),
            // Somebody has deleted it: nobody may sign in with what stood there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.known = None;
                return Ok(Some(State::default()));
            }
            Err(error) => return Err(self.failed("read", &error)),
        };
        if self.known == Some(found) {
            return Ok(None);
        }
        let bytes = read(&self.path).map_err(|error| self.failed("read", &error))?;
        let state = State::from_json(&bytes).map_err(|error| {
            let path = self.path.display();
            AccessError::Kept(format!(
                "{path} is damaged, or of a newer version ({error}): put the right one back, or move it away and \
                 restart, and a new sign-in link is printed (API tokens and public links are then gone)"
            ))
        })?;
        self.known = Some(found);
        Ok(Some(state))
    }

    /// Waits until no other process changes the file. The lock is on the folder, which is there and stays.
    fn lock(&self) -> Result<File, AccessError> {
        let locked = open_folder(&self.path).and_then(|folder| folder.lock().map(|()| folder));
        locked.map_err(|error| self.failed("lock the folder of", &error))
    }

    fn failed(&self, action: &str, error: &io::Error) -> AccessError {
        AccessError::Kept(format!("cannot {action} {}: {error}", self.path.display()))
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let found = fs::metadata(path)?;
    Ok(Identity {
        inode: found.ino(),
        bytes: found.size(),
        modified_s: found.mtime(),
        modified_ns: found.mtime_nsec(),
    })
}

#[expect(clippy::disallowed_methods, reason = "this module owns the access file")]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

#[expect(clippy::disallowed_methods, reason = "this module owns the access file")]
fn replace(path: &Path, state: &State) -> io::Result<()> {
    let new = path.with_extension("new");
    // Removed first: an old one may have another mode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    // `onepixel access` may be run by another user than the server, who must be able to read it all the same.
    let (owner, mine) = (fs::metadata(path).or_else(|_| fs::metadata(folder(path)))?, file.metadata()?);
    if (owner.uid(), owner.gid()) != (mine.uid(), mine.gid()) {
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(&state.to_json()?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    open_folder(path)?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[expect(clippy::disallowed_methods, reason = "this module owns the access file")]
fn open_folder(path: &Path) -> io::Result<File> {
    File::open(folder(path))
}
