//! The disk port on a [`Kernel`]: writes down every change, fails when told to, and can hold the writer at a change.
//!
//! Holding is what makes a run the same every time: appends that are to share a frame are queued while the writer
//! stands still. A frozen disk takes no change any more; what came before is the life of the log.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onepixel_stream::{Access, Disk, DiskFile};

use crate::kernel::{Change, Kernel};

/// How long the writer may take to come to a change.
const HELD_WITHIN: Duration = Duration::from_secs(60);

/// Bytes that are written whole or not at all: the kernel copies so few into one page at once.
const WHOLE: usize = 40;

/// What the disk does to the changes to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Fails a write: after how many others, why, and how many percent of it are done all the same.
    pub write: Option<(u32, ErrorKind, u8)>,
    /// Fails the next sync of a file.
    pub sync: bool,
    /// Says that files are synced, and does nothing.
    pub lies_about_files: bool,
    /// Says that names are synced, and does nothing.
    pub lies_about_names: bool,
}

/// A handle to the disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    kernel: Kernel,
    changes: Vec<Change>,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
    frozen: bool,
    gate: Gate,
}

/// Where the writer is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Gate {
    #[default]
    Open,
    /// Before the change after so many others.
    Armed(u32),
    /// It stands there.
    Holds,
}

impl SimDisk {
    /// A disk in this state.
    pub fn new(kernel: Kernel, faults: Faults) -> Self {
        let state = Mutex::new(State { kernel, faults, ..State::default() });
        Self(Arc::new(Shared { state, moved: Condvar::new() }))
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// How many changes were made.
    pub fn changes(&self) -> usize {
        self.lock().changes.len()
    }

    /// Holds the writer after so many changes more.
    pub fn arm(&self, after: u32) {
        self.lock().gate = Gate::Armed(after);
    }

    /// Waits until the writer is held; false if it never came.
    pub fn wait_until_held(&self) -> bool {
        let waiting = |state: &mut State| state.gate != Gate::Holds;
        let waited = self.0.moved.wait_timeout_while(self.lock(), HELD_WITHIN, waiting);
        waited.is_ok_and(|(state, _)| state.gate == Gate::Holds)
    }

    /// Lets the writer go on.
    pub fn let_go(&self) {
        self.lock().gate = Gate::Open;
        self.0.moved.notify_all();
    }

    /// Takes no change any more; every change that was made, and what they came to.
    pub fn freeze(&self) -> (Vec<Change>, Kernel) {
        let mut state = self.lock();
        state.frozen = true;
        (std::mem::take(&mut state.changes), state.kernel.clone())
    }

    /// What a process sees now.
    pub fn look(&self) -> Kernel {
        self.lock().kernel.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, once a change may be made.
    fn change(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        match state.gate {
            Gate::Armed(0) => {
                state.gate = Gate::Holds;
                self.0.moved.notify_all();
                let held = |state: &mut State| state.gate == Gate::Holds;
                state = self.0.moved.wait_while(state, held).unwrap_or_else(PoisonError::into_inner);
            }
            Gate::Armed(after) => state.gate = Gate::Armed(after - 1),
            Gate::Open | Gate::Holds => {}
        }
        if state.frozen { Err(Error::other("the disk is gone")) } else { Ok(state) }
    }
}

impl State {
    fn make(&mut self, change: Change) {
        self.kernel.apply(&change);
        self.changes.push(change);
    }

    /// Whether this write fails, and how much of it is done.
    fn write_fault(&mut self, bytes: usize) -> Option<(ErrorKind, usize)> {
        let (after, kind, percent) = self.faults.write?;
        self.faults.write = after.checked_sub(1).map(|after| (after, kind, percent));
        let done = bytes * usize::from(percent) / 100;
        (after == 0).then_some((kind, if bytes <= WHOLE { 0 } else { done }))
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let state = self.lock();
        let inside = state.kernel.names().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn DiskFile>> {
        let file = if access == Access::Create {
            let mut state = self.change()?;
            if let Some(file) = state.kernel.file(path) {
                state.make(Change::Truncate(file, 0));
                file
            } else {
                let file = state.kernel.next_file();
                state.make(Change::Create(path.to_owned(), file));
                file
            }
        } else {
            self.lock().kernel.file(path).ok_or(Error::from(ErrorKind::NotFound))?
        };
        Ok(Box::new(SimFile { disk: self.clone(), file }))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        if self.lock().kernel.file(path).is_none() {
            return Err(Error::from(ErrorKind::NotFound));
        }
        self.change()?.make(Change::Remove(path.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        if self.lock().kernel.file(from).is_none() {
            return Err(Error::from(ErrorKind::NotFound));
        }
        self.change()?.make(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> Result<()> {
        let mut state = self.change()?;
        if !state.faults.lies_about_names {
            state.make(Change::SyncDir);
        }
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> Result<u64> {
        Ok(1 << 40)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        if !self.lock().locks.insert(path.to_owned()) {
            return Err(Error::from(ErrorKind::WouldBlock));
        }
        Ok(Box::new(Lock { disk: self.clone(), path: path.to_owned() }))
    }

    fn boot_id(&self) -> u128 {
        self.lock().kernel.boot
    }
}

struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl DiskFile for SimFile {
    fn size(&self) -> Result<u64> {
        Ok(self.disk.lock().kernel.bytes(self.file).len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> Result<usize> {
        let state = self.disk.lock();
        let seen = state.kernel.bytes(self.file);
        let from = place(position)?.min(seen.len());
        let to = seen.len().min(from + bytes.len());
        bytes[..to - from].copy_from_slice(&seen[from..to]);
        Ok(to - from)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        let mut state = self.disk.change()?;
        let fault = state.write_fault(bytes.len());
        let done = fault.map_or(bytes.len(), |(_, done)| done);
        state.make(Change::Write(self.file, place(position)?, bytes[..done].into()));
        fault.map_or(Ok(()), |(kind, _)| Err(Error::from(kind)))
    }

    fn prepare(&self, position: u64, bytes: u64) -> Result<()> {
        self.write_at(&vec![0; place(bytes)?], position)
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.disk.change()?;
        if std::mem::take(&mut state.faults.sync) {
            state.make(Change::SyncFailed(self.file));
            return Err(Error::other("the sync failed"));
        }
        if !state.faults.lies_about_files {
            state.make(Change::Sync(self.file));
        }
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.disk.change()?.make(Change::Truncate(self.file, place(size)?));
        Ok(())
    }
}

/// The folder's lock: a file without content.
struct Lock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.disk.lock().locks.remove(&self.path);
    }
}

impl DiskFile for Lock {
    fn size(&self) -> Result<u64> {
        Ok(0)
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> Result<usize> {
        Ok(0)
    }

    fn write_at(&self, _: &[u8], _: u64) -> Result<()> {
        Err(Error::from(ErrorKind::Unsupported))
    }

    fn prepare(&self, _: u64, _: u64) -> Result<()> {
        Err(Error::from(ErrorKind::Unsupported))
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn truncate(&self, _: u64) -> Result<()> {
        Err(Error::from(ErrorKind::Unsupported))
    }
}

fn place(position: u64) -> Result<usize> {
    usize::try_from(position).map_err(|_| Error::from(ErrorKind::InvalidInput))
}
