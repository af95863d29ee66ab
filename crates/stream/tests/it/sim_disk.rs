//! A disk in memory that forgets what was not synced, fills up, and fails when told to.
//!
//! Every file has the bytes that a process sees and the bytes that would survive a crash of the machine; so has
//! the folder's list of names. A crash makes a new disk of any mixture of the two. Like a kernel, it may write
//! sectors before they are synced, and takes those for written whose sync failed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use onepixel_stream::{Access, Disk, DiskFile};

/// Numbers that look random and follow from a seed.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // The generator SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// A place in a list of `n`.
    pub(crate) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a crash of the machine leaves of the bytes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// All: only the process died.
    All,
    /// Nothing.
    Nothing,
    /// The file as long as it was, some sectors with what was written, the others as before or zero.
    SomeSectors,
    /// A part from the start.
    Prefix,
}

/// A handle to the disk.
#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: Vec<Bytes>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    locks: BTreeSet<PathBuf>,
    boot_id: u128,
    /// Bytes that fit.
    capacity: Option<u64>,
    /// Writes, syncs and the like until the disk dies.
    steps_to_live: Option<u64>,
    dead: bool,
    /// The next writes fail.
    write_error: Option<ErrorKind>,
    /// The next syncs fail.
    sync_fails: bool,
    truncate_fails: bool,
    syncs: u64,
    /// Writes some sectors after some changes.
    writes_back: Option<Rng>,
}

#[derive(Default, Clone)]
struct Bytes {
    seen: Vec<u8>,
    synced: Vec<u8>,
    /// Sectors whose sync failed: the kernel takes them for written until they are written again.
    lost: BTreeSet<usize>,
}

const SECTOR: usize = 512;

impl SimDisk {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { boot_id: 1, ..State::default() })))
    }

    /// The disk takes `steps` more changes and then dies in the middle of one.
    pub(crate) fn dies_after(&self, steps: u64) {
        self.lock().steps_to_live = Some(steps);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    pub(crate) fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    pub(crate) fn set_write_error(&self, error: Option<ErrorKind>) {
        self.lock().write_error = error;
    }

    pub(crate) fn set_sync_fails(&self, fails: bool) {
        self.lock().sync_fails = fails;
    }

    pub(crate) fn set_truncate_fails(&self, fails: bool) {
        self.lock().truncate_fails = fails;
    }

    /// Some sectors are written before anybody asks for it.
    pub(crate) fn writes_back(&self, seed: u64) {
        self.lock().writes_back = Some(Rng::new(seed));
    }

    /// How many syncs of files there were.
    pub(crate) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Bytes of all files.
    pub(crate) fn used(&self) -> u64 {
        self.lock().used()
    }

    /// The names of all files.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.lock().names.keys().cloned().collect::<Vec<_>>();
        names.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// The bytes of a file, by its name.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.lock();
        let (_, file) = state.names.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        state.files[*file].seen.clone()
    }

    /// Puts a file there, synced.
    pub(crate) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.lock();
        state.files.push(Bytes { seen: bytes.clone(), synced: bytes, ..Bytes::default() });
        let file = state.files.len() - 1;
        state.names.insert(path.to_owned(), file);
        state.synced_names.insert(path.to_owned(), file);
    }

    /// Takes a file away, synced.
    pub(crate) fn take_away(&self, path: &Path) {
        let mut state = self.lock();
        state.names.remove(path);
        state.synced_names.remove(path);
    }

    /// The disk as the next process finds it.
    pub(crate) fn after_crash(&self, leaves: Leaves, rng: &mut Rng) -> Self {
        let state = self.lock();
        let mut next = State { boot_id: state.boot_id, ..State::default() };
        if leaves != Leaves::All {
            next.boot_id += 1;
        }
        let paths: BTreeSet<_> = state.names.keys().chain(state.synced_names.keys()).collect();
        for path in paths {
            let (seen, synced) = (state.names.get(path), state.synced_names.get(path));
            let file = match leaves {
                Leaves::All => seen,
                _ if seen == synced => seen,
                Leaves::Nothing => synced,
                _ => [seen, synced][rng.index(2)],
            };
            if let Some(file) = file {
                let bytes = state.files[*file].survivors(leaves, rng);
                next.files.push(Bytes { seen: bytes.clone(), synced: bytes, ..Bytes::default() });
                next.names.insert(path.clone(), next.files.len() - 1);
            }
        }
        next.synced_names = next.names.clone();
        Self(Arc::new(Mutex::new(next)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Bytes {
    fn survivors(&self, leaves: Leaves, rng: &mut Rng) -> Vec<u8> {
        match leaves {
            Leaves::All => self.seen.clone(),
            Leaves::Nothing => self.synced.clone(),
            Leaves::Prefix if self.seen.len() > self.synced.len() => {
                let more = rng.below((self.seen.len() - self.synced.len()) as u64 + 1);
                let size = self.synced.len() + usize::try_from(more).unwrap();
                self.seen[..size].to_vec()
            }
            Leaves::Prefix | Leaves::SomeSectors => self.some_sectors(rng),
        }
    }

    fn sync(&mut self) {
        self.synced.resize(self.seen.len(), 0);
        for (nth, (seen, synced)) in self.seen.chunks(SECTOR).zip(self.synced.chunks_mut(SECTOR)).enumerate()
        {
            if !self.lost.contains(&nth) {
                synced.copy_from_slice(seen);
            }
        }
    }

    fn fail_to_sync(&mut self) {
        let sectors =
            self.seen.chunks(SECTOR).zip(self.synced.chunks(SECTOR).chain(std::iter::repeat(&[][..])));
        self.lost
            .extend(sectors.enumerate().filter(|(_, (seen, synced))| seen != synced).map(|(nth, _)| nth));
    }

    fn some_sectors(&self, rng: &mut Rng) -> Vec<u8> {
        let size = if rng.one_in(3) { self.synced.len() } else { self.seen.len() };
        let mut bytes = self.synced.clone();
        bytes.resize(size, 0);
        let keep = 1 + rng.below(4);
        for sector in 0..size.div_ceil(SECTOR) {
            if rng.below(4) < keep {
                let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(size).min(self.seen.len()));
                if from < to {
                    bytes[from..to].copy_from_slice(&self.seen[from..to]);
                }
            }
        }
        bytes
    }
}

impl State {
    /// Counts a change. False: the disk dies in this one, which may be done in part.
    fn step(&mut self) -> Result<bool> {
        self.alive()?;
        match &mut self.steps_to_live {
            Some(0) => {
                self.dead = true;
                Ok(false)
            }
            Some(steps) => {
                *steps -= 1;
                Ok(true)
            }
            None => Ok(true),
        }
    }

    fn write_back(&mut self, file: usize) {
        if let Some(rng) = &mut self.writes_back
            && rng.one_in(3)
        {
            self.files[file].synced = self.files[file].some_sectors(rng);
        }
    }

    fn alive(&self) -> Result<()> {
        if self.dead { Err(Error::other("the disk is dead")) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].seen.len() as u64).sum()
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, _: &Path) -> Result<()> {
        self.lock().alive()
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let state = self.lock();
        state.alive()?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.alive()?;
        let file = match (state.names.get(path).copied(), access) {
            (Some(file), Access::Read | Access::Write) => file,
            (None, Access::Read | Access::Write) => return Err(Error::from(ErrorKind::NotFound)),
            (there, Access::Create) => {
                if !state.step()? {
                    return Err(Error::other("died"));
                }
                if let Some(file) = there {
                    state.files[file].seen.clear();
                    file
                } else {
                    state.files.push(Bytes::default());
                    let file = state.files.len() - 1;
                    state.names.insert(path.to_owned(), file);
                    file
                }
            }
        };
        Ok(Box::new(SimFile { disk: self.clone(), file, lock: None }))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let mut state = self.lock();
        let lives = state.step()?;
        state.names.remove(path).ok_or(Error::from(ErrorKind::NotFound))?;
        if lives { Ok(()) } else { Err(Error::other("died")) }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut state = self.lock();
        let lives = state.step()?;
        let file = state.names.remove(from).ok_or(Error::from(ErrorKind::NotFound))?;
        state.names.insert(to.to_owned(), file);
        if lives { Ok(()) } else { Err(Error::other("died")) }
    }

    fn sync_dir(&self, _: &Path) -> Result<()> {
        let mut state = self.lock();
        if !state.step()? {
            return Err(Error::other("died"));
        }
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> Result<u64> {
        let state = self.lock();
        state.alive()?;
        Ok(state.capacity.unwrap_or(1 << 40).saturating_sub(state.used()))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.alive()?;
        if !state.locks.insert(path.to_owned()) {
            return Err(Error::from(ErrorKind::WouldBlock));
        }
        state.files.push(Bytes::default());
        let file = state.files.len() - 1;
        Ok(Box::new(SimFile { disk: self.clone(), file, lock: Some(path.to_owned()) }))
    }

    fn boot_id(&self) -> u128 {
        self.lock().boot_id
    }
}

struct SimFile {
    disk: SimDisk,
    file: usize,
    lock: Option<PathBuf>,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if let Some(path) = &self.lock {
            self.disk.lock().locks.remove(path);
        }
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> Result<u64> {
        let state = self.disk.lock();
        state.alive()?;
        Ok(state.files[self.file].seen.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> Result<usize> {
        let state = self.disk.lock();
        state.alive()?;
        let seen = &state.files[self.file].seen;
        let from = usize::try_from(position).unwrap().min(seen.len());
        let to = (from + bytes.len()).min(seen.len());
        bytes[..to - from].copy_from_slice(&seen[from..to]);
        Ok(to - from)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        let mut state = self.disk.lock();
        let lives = state.step()?;
        let position = usize::try_from(position).unwrap();
        let free = state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used()));
        let size = state.files[self.file].seen.len();
        let grows = (position + bytes.len()).saturating_sub(size);
        let lacking = grows.saturating_sub(usize::try_from(free).unwrap_or(usize::MAX));
        let error = match state.write_error {
            _ if !lives => Some(ErrorKind::Other),
            Some(error) => Some(error),
            None if lacking > 0 => Some(ErrorKind::StorageFull),
            None => None,
        };
        // A write that fails may have been done in part.
        let done = match error {
            Some(_) => (bytes.len() - lacking) / 2,
            None => bytes.len(),
        };
        let seen = &mut state.files[self.file].seen;
        seen.resize(seen.len().max(position + done), 0);
        seen[position..position + done].copy_from_slice(&bytes[..done]);
        let sectors = position / SECTOR..(position + done).div_ceil(SECTOR);
        state.files[self.file].lost.retain(|sector| !sectors.contains(sector));
        state.write_back(self.file);
        error.map_or(Ok(()), |error| Err(Error::from(error)))
    }

    fn prepare(&self, position: u64, bytes: u64) -> Result<()> {
        self.write_at(&vec![0; usize::try_from(bytes).unwrap()], position)
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.disk.lock();
        if !state.step()? || state.sync_fails {
            state.files[self.file].fail_to_sync();
            return Err(Error::other("the sync failed"));
        }
        state.syncs += 1;
        state.files[self.file].sync();
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        let mut state = self.disk.lock();
        if !state.step()? || state.truncate_fails {
            return Err(Error::other("the truncation failed"));
        }
        state.files[self.file].seen.resize(usize::try_from(size).unwrap(), 0);
        Ok(())
    }
}
