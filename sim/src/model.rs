//! What a log must hold after a crash at any moment of its life, and what it may hold beyond.

use std::sync::Arc;

use onepixel_stream::{Key, Offset, Record};

use crate::kernel::Leaves;

/// One record as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its key.
    pub key: Option<Key>,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// What was appended together: stored whole or not at all.
pub type Chunk = Arc<Vec<Item>>;

/// Why a promise was broken.
pub type Violation = String;

/// Fails unless it holds.
pub fn require(holds: bool, what: impl FnOnce() -> Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(what()) }
}

/// An append, and when it was under way (in changes of the disk).
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The records that were not there before.
    pub chunk: Chunk,
    /// When it began.
    pub begun: usize,
    /// When its outcome was known.
    pub done: usize,
    /// It was refused: none of it is stored.
    pub refused: bool,
}

/// From here on the log reaches at least so far.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// When it was given, in changes of the disk.
    pub from: usize,
    /// The offset after the last record it is about.
    pub end: Offset,
    /// It holds after a crash of the machine too, not only of the process.
    pub power: bool,
}

/// One life of a log, from its opening to its crash.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// What was there, from offset 0 on, with what retention has removed.
    pub start: Vec<Chunk>,
    /// The appends, in the order of their offsets.
    pub attempts: Vec<Attempt>,
    /// What was promised.
    pub promises: Vec<Promise>,
    /// Retention may have removed the records below this offset, from this change on.
    pub released: Vec<(usize, Offset)>,
}

/// What a log was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The first offset.
    pub oldest: Offset,
    /// All records.
    pub records: Vec<Record>,
}

impl Found {
    /// The offset after the last record.
    pub fn end(&self) -> Offset {
        self.oldest + self.records.len() as u64
    }
}

impl Story {
    /// How far the log reaches at least after a crash at this moment.
    pub fn promised(&self, at: usize, leaves: Leaves) -> Offset {
        let given = self.promises.iter().filter(|promise| promise.from <= at);
        given
            .filter(|promise| promise.power || leaves == Leaves::All)
            .map(|promise| promise.end)
            .max()
            .unwrap_or(0)
    }

    /// Up to where retention may have removed records at this moment.
    pub fn released(&self, at: usize) -> Offset {
        self.released.iter().filter(|(from, _)| *from <= at).map(|(_, end)| *end).max().unwrap_or(0)
    }

    /// Checks what was found after a crash at this moment; what the log holds from offset 0 on then.
    pub fn check(&self, at: usize, leaves: Leaves, found: &Found) -> Result<Vec<Chunk>, Violation> {
        let released = self.released(at);
        require(found.oldest <= released, || {
            format!("starts at {}, released are only those below {released}", found.oldest)
        })?;
        let chunks = self.match_chunks(at, found)?;
        let promised = self.promised(at, leaves);
        let end = found.end();
        require(end >= promised, || format!("ends at {end}, {promised} were acknowledged or shown"))?;
        Ok(chunks)
    }

    fn match_chunks(&self, at: usize, found: &Found) -> Result<Vec<Chunk>, Violation> {
        let begun = self.attempts.iter().filter(|attempt| attempt.begun <= at);
        let known = begun.filter(|attempt| !(attempt.refused && attempt.done <= at));
        let start = self.start.iter().map(|chunk| (chunk, false));
        let (mut chunks, mut offset, mut rest) = (Vec::new(), 0, &found.records[..]);
        for (chunk, may_be_missing) in start.chain(known.map(|attempt| (&attempt.chunk, attempt.refused))) {
            let is_removed = offset + chunk.len() as u64 <= found.oldest;
            if is_removed {
                offset += chunk.len() as u64;
            } else if starts_with(rest, chunk, offset) {
                offset += chunk.len() as u64;
                rest = &rest[chunk.len()..];
            } else if may_be_missing {
                continue;
            } else {
                break;
            }
            chunks.push(Arc::clone(chunk));
        }
        require(rest.is_empty(), || {
            format!("from offset {offset} on there are {} records that nobody appended so", rest.len())
        })?;
        Ok(chunks)
    }
}

fn starts_with(records: &[Record], chunk: &[Item], offset: Offset) -> bool {
    let pairs = records.iter().zip(chunk).zip(offset..);
    records.len() >= chunk.len()
        && pairs.into_iter().all(|((record, item), offset)| is_same(record, item, offset))
}

fn is_same(record: &Record, item: &Item, offset: Offset) -> bool {
    record.offset == offset && record.key == item.key && record.payload == item.payload
}
