//! A hash over everything that happened, so that two runs of a seed can be compared.

use crate::kernel::Change;
use crate::model::{Chunk, Found};

/// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923).
#[derive(Debug, Clone)]
pub struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    /// The hash.
    pub fn hash(&self) -> u64 {
        self.0
    }

    /// Every change of the disk.
    pub fn changes(&mut self, changes: &[Change]) {
        changes.iter().for_each(|change| self.change(change));
    }

    /// Every record that a log was found to hold.
    pub fn found(&mut self, found: &Found) {
        self.number(found.oldest);
        for record in &found.records {
            self.number(record.offset);
            self.number(record.committed_at_ms);
            self.bytes(record.key.as_ref().map_or(&[], |key| key));
            self.bytes(&record.payload);
        }
    }

    /// What a log was known to hold.
    pub fn chunks(&mut self, chunks: &[Chunk]) {
        for item in chunks.iter().flat_map(|chunk| chunk.iter()) {
            self.bytes(&item.payload);
        }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Create(path, file) => {
                self.bytes(path.as_os_str().as_encoded_bytes());
                self.numbers(1, *file, 0);
            }
            Change::Remove(path) => {
                self.bytes(path.as_os_str().as_encoded_bytes());
                self.numbers(2, 0, 0);
            }
            Change::Rename(from, to) => {
                self.bytes(from.as_os_str().as_encoded_bytes());
                self.bytes(to.as_os_str().as_encoded_bytes());
                self.numbers(8, 0, 0);
            }
            Change::SyncDir => self.numbers(3, 0, 0),
            Change::Write(file, at, bytes) => {
                self.numbers(4, *file, *at);
                self.bytes(bytes);
            }
            Change::Truncate(file, size) => self.numbers(5, *file, *size),
            Change::Sync(file) => self.numbers(6, *file, 0),
            Change::SyncFailed(file) => self.numbers(7, *file, 0),
        }
    }

    fn numbers(&mut self, kind: u64, first: usize, second: usize) {
        self.number(kind);
        self.number(first as u64);
        self.number(second as u64);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&(bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
