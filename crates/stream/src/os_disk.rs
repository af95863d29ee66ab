//! The disk of the operating system. The only home of `std::fs` in the log.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, FlockOperation};

use crate::disk::{Access, Disk, DiskFile};

/// Where Linux tells which run of the machine this is.
const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

/// What files are filled with.
static ZEROS: [u8; 128 * 1024] = [0; 128 * 1024];

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.sync_dir(parent),
            _ => self.sync_dir(Path::new(".")),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        match access {
            Access::Read => options.read(true),
            Access::Write => options.read(true).write(true),
            Access::Create => options.read(true).write(true).create(true).truncate(true),
        };
        Ok(Box::new(OsFile(options.open(path)?)))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the home of the log's files; callers sync the folder"
    )]
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the home of the log's files; callers sync the folder"
    )]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the home of the log's files")]
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(OsFile(file)))
    }

    fn boot_id(&self) -> u128 {
        let text = fs::read_to_string(BOOT_ID_PATH).unwrap_or_default();
        u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0)
    }
}

struct OsFile(File);

impl DiskFile for OsFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self.0.read_at(&mut bytes[done..], position + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, position)
    }

    fn prepare(&self, position: u64, bytes: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes {
            let piece = usize::try_from(bytes - done).unwrap_or(usize::MAX).min(ZEROS.len());
            self.0.write_all_at(&ZEROS[..piece], position + done)?;
            done += piece as u64;
        }
        // The kernel starts writing what it is told to forget, and forgets it only once it is written.
        rustix::fs::fadvise(&self.0, position, NonZeroU64::new(bytes), Advice::DontNeed)?;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_exclusive_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = OsDisk.lock(&path).unwrap();
        assert_eq!(OsDisk.lock(&path).err().unwrap().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(OsDisk.lock(&path).is_ok());
    }

    #[test]
    fn reads_end_at_the_end_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsDisk.open(&dir.path().join("file"), Access::Create).unwrap();
        file.write_at(b"abc", 2).unwrap();
        let mut bytes = [9; 8];
        assert_eq!(file.read_at(&mut bytes, 1).unwrap(), 4);
        assert_eq!(bytes, [0, b'a', b'b', b'c', 9, 9, 9, 9]);
        assert_eq!(OsDisk.list(dir.path()).unwrap(), ["file"]);
    }

    #[test]
    fn the_machine_knows_its_run_and_its_space() {
        assert_ne!(OsDisk.boot_id(), 0);
        assert!(OsDisk.free_bytes(Path::new("/tmp")).unwrap() > 0);
    }
}
