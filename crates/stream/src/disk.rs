//! The port to the disk: all the log's input and output passes through it, so that a test can take bytes away.
//!
//! It is the caller's view of a POSIX file system, not a store of its own: what is written is only promised to
//! survive a crash of the machine once it was synced, the file's entry in its folder included.

use std::io;
use std::path::Path;

/// Why a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read an existing file.
    Read,
    /// To read and write an existing file.
    Write,
    /// To write a new file; one that is there is emptied.
    Create,
}

/// A folder's files.
///
/// # Contract
/// 1. A created, removed or renamed file survives a crash of the machine only after [`Disk::sync_dir`] on its folder.
/// 2. A file that is removed while it is open can be read to the end through its handle.
pub trait Disk: Send + Sync {
    /// Makes the folder and those above it; one that is there is fine.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in the folder, in any order; names that are not UTF-8 are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name in the same folder, at which there is none.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the folder's entries survive a crash of the machine.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that this process may still write in the folder.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// Owns the file until the handle is dropped; `WouldBlock` while somebody else does. Makes the file.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Identifies the machine's run: as long as it is the same, nothing that was written but not synced has been
    /// forgotten. 0 where that is not known: every run then counts as the same.
    fn boot_id(&self) -> u128;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Fills `bytes` from `position`; returns how many there were before the end of the file.
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `position`. After an error any part of them may be there.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Writes this many zeros at `position` and begins to bring them to the disk, without waiting for it.
    fn prepare(&self, position: u64, bytes: u64) -> io::Result<()>;

    /// Makes the content and the size survive a crash of the machine. After an error nobody knows what does.
    fn sync(&self) -> io::Result<()>;

    /// Cuts or extends (by zeros) the file.
    fn truncate(&self, size: u64) -> io::Result<()>;
}
