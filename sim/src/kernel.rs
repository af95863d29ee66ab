//! What a kernel and a disk know of a folder: what a process sees, what is on the medium, and what lies between.
//!
//! Every sector of a file has what is safe (synced) and every content it had since: a crash of the machine leaves any
//! of them, each sector and the file's size on their own. That covers writes that are kept, dropped, torn, written
//! early and written in another order. A sector is written whole or not at all. After a failed sync the kernel takes
//! what it could not write for written: a later sync leaves it out until it is written again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::random::Random;

/// The unit in which disks write or do not write.
pub const SECTOR: usize = 512;

/// One change to the folder, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A name for a new file.
    Create(PathBuf, usize),
    /// A name goes.
    Remove(PathBuf),
    /// A name is given to the file of another, which goes.
    Rename(PathBuf, PathBuf),
    /// The names are safe.
    SyncDir,
    /// These bytes at this position of a file.
    Write(usize, usize, Arc<[u8]>),
    /// A file is cut or extended to this size.
    Truncate(usize, usize),
    /// A file is safe.
    Sync(usize),
    /// A file could not be made safe.
    SyncFailed(usize),
}

/// What a crash leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// All of it, still not synced: only the process died.
    All,
    /// Nothing of it.
    Nothing,
    /// The files end anywhere between their safe end and the last one; where space was made ready ahead and the end
    /// stays, what was written ends anywhere in it.
    Prefix,
    /// Any mixture of old and new sectors, sizes and names.
    Mixture,
    /// What was written last, without what was written before it.
    Reordered,
}

impl Leaves {
    /// Every way in which a machine crashes.
    pub const POWER: [Self; 4] = [Self::Nothing, Self::Prefix, Self::Mixture, Self::Reordered];
}

/// The folder.
#[derive(Debug, Clone, Default)]
pub struct Kernel {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    /// Which run of the machine this is.
    pub boot: u128,
}

#[derive(Debug, Clone, Default)]
struct File {
    seen: Vec<u8>,
    safe: Vec<u8>,
    /// What the sectors held since they were safe, oldest first.
    since: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Sectors whose sync failed.
    lost: BTreeSet<usize>,
}

impl Kernel {
    /// Makes a change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(path, file) => {
                self.files.resize_with(self.files.len().max(file + 1), File::default);
                self.names.insert(path.clone(), *file);
            }
            Change::Remove(path) => drop(self.names.remove(path)),
            Change::Rename(from, to) => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Change::SyncDir => self.safe_names = self.names.clone(),
            Change::Write(file, at, bytes) => self.files[*file].write(*at, bytes),
            Change::Truncate(file, size) => self.files[*file].resize(*size),
            Change::Sync(file) => self.files[*file].sync(),
            Change::SyncFailed(file) => self.files[*file].fail_to_sync(),
        }
    }

    /// The number of the next new file.
    pub fn next_file(&self) -> usize {
        self.files.len()
    }

    /// The file of this name, as a process sees it.
    pub fn file(&self, path: &std::path::Path) -> Option<usize> {
        self.names.get(path).copied()
    }

    /// All names, as a process sees them.
    pub fn names(&self) -> impl Iterator<Item = &PathBuf> {
        self.names.keys()
    }

    /// A file's bytes, as a process sees them.
    pub fn bytes(&self, file: usize) -> &[u8] {
        &self.files[file].seen
    }

    /// Changes a bit of a file on the medium, behind everybody's back.
    pub fn flip(&mut self, file: usize, bit: usize) {
        let File { seen, safe, .. } = &mut self.files[file];
        for bytes in [seen, safe] {
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// The folder as the next process finds it.
    pub fn after_crash(&self, leaves: Leaves, random: &mut Random) -> Self {
        if leaves == Leaves::All {
            return self.clone();
        }
        let mut next = Self { boot: self.boot + 1, ..Self::default() };
        let paths: BTreeSet<_> = self.names.keys().chain(self.safe_names.keys()).collect();
        for path in paths {
            let (seen, safe) = (self.names.get(path), self.safe_names.get(path));
            let file = match leaves {
                Leaves::Nothing => safe,
                Leaves::Reordered => seen,
                _ => random.pick(&[seen, safe]),
            };
            if let Some(file) = file {
                let bytes = self.files[*file].survivors(leaves, random);
                next.files.push(File { seen: bytes.clone(), safe: bytes, ..File::default() });
                next.names.insert(path.clone(), next.files.len() - 1);
            }
        }
        next.safe_names = next.names.clone();
        next
    }
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        let from = at.min(self.seen.len());
        self.seen.resize(self.seen.len().max(end), 0);
        self.seen[at..end].copy_from_slice(bytes);
        self.touch(from, end);
    }

    fn resize(&mut self, size: usize) {
        let (from, to) = (size.min(self.seen.len()), size.max(self.seen.len()));
        self.seen.resize(size, 0);
        self.touch(from, to);
    }

    /// Remembers what the sectors of this range hold now.
    fn touch(&mut self, from: usize, to: usize) {
        for sector in from / SECTOR..to.div_ceil(SECTOR) {
            let content = sector_of(&self.seen, sector).to_vec();
            self.since.entry(sector).or_default().push(content);
            self.lost.remove(&sector);
        }
    }

    fn sync(&mut self) {
        self.safe.resize(self.seen.len(), 0);
        for sector in self.since.keys().filter(|sector| !self.lost.contains(sector)) {
            put(&mut self.safe, *sector, sector_of(&self.seen, *sector));
        }
        let lost = &self.lost;
        self.since.retain(|sector, _| lost.contains(sector));
    }

    fn fail_to_sync(&mut self) {
        self.lost.extend(self.since.keys());
    }

    fn survivors(&self, leaves: Leaves, random: &mut Random) -> Vec<u8> {
        let (old, new) = (self.safe.len(), self.seen.len());
        let first = self.since.keys().next().copied();
        // Every sector from this one on is as it was.
        let stop = match leaves {
            Leaves::Prefix => self.since.keys().nth(random.below(self.since.len() + 1)).copied(),
            _ => None,
        };
        let size = match leaves {
            Leaves::All | Leaves::Reordered => new,
            Leaves::Nothing => old,
            Leaves::Prefix => old.min(new) + random.below(old.abs_diff(new) + 1),
            Leaves::Mixture => random.pick(&[old, new]),
        };
        // A file's first sector, and so its header, is there as far as it was written, or not at all.
        let size = if size < new.min(SECTOR) && size > old { old } else { size };
        let mut bytes = self.safe.clone();
        bytes.resize(size, 0);
        for (sector, contents) in &self.since {
            let content = match leaves {
                Leaves::Nothing => None,
                Leaves::All => contents.last(),
                Leaves::Prefix => contents.last().filter(|_| stop.is_none_or(|stop| *sector < stop)),
                Leaves::Reordered => contents.last().filter(|_| Some(*sector) != first),
                Leaves::Mixture => contents.get(random.below(contents.len() + 1)),
            };
            if let Some(content) = content {
                put(&mut bytes, *sector, content);
            }
        }
        bytes
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> &[u8] {
    let end = bytes.len().min((sector + 1) * SECTOR);
    &bytes[end.min(sector * SECTOR)..end]
}

/// Writes a sector as far as the bytes reach; where the sector ends early, zeros follow.
fn put(bytes: &mut [u8], sector: usize, content: &[u8]) {
    let (from, to) = (bytes.len().min(sector * SECTOR), bytes.len().min((sector + 1) * SECTOR));
    for (at, byte) in bytes[from..to].iter_mut().enumerate() {
        *byte = content.get(at).copied().unwrap_or(0);
    }
}
