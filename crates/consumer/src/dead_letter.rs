//! The dead-letter log: what a sink refused, with the reason, until somebody replays or discards it.
//!
//! One file of JSON lines for a sink, only ever appended to: letters by the pipeline, resolutions also by other
//! processes while it runs. Promises that a letter is durable before its position is passed, and that each offset
//! has one letter however often it is appended. A line that a crash tore was never promised and is passed over.
//! Keeps no payload in memory, only which offsets there are.

mod line;
mod offsets;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use onepixel_stream::Offset;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{create_dir, sync_dir};
use offsets::Offsets;

/// Lines are handed to the operating system in pieces of about this size, each of whole lines.
const WRITE_BYTES: usize = 1 << 20;

/// One record that a sink did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The partition of the record.
    pub partition: u32,
    /// Its offset.
    pub offset: Offset,
    /// When it was given up, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Why.
    pub reason: String,
    /// In how many writes it was tried.
    pub attempts: u32,
    /// Its payload.
    pub payload: Bytes,
    /// What became of it; `None` while it is open. Not looked at by [`DeadLetters::append`].
    pub resolved: Option<Resolution>,
}

impl DeadLetter {
    /// Nobody has decided about it.
    pub fn is_open(&self) -> bool {
        self.resolved.is_none()
    }

    /// The sink has it after all.
    pub fn is_replayed(&self) -> bool {
        self.resolved == Some(Resolution::Replayed)
    }
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// The sink took it.
    Replayed,
    /// It was given up for good.
    Discarded,
}

/// Why the log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// There is no such letter.
    #[error("{path}: there is no dead letter at offset {offset}")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        offset: Offset,
    },
}

/// The dead letters of one sink and partition.
#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    sink: String,
    index: Index,
    /// After a failed sync nobody knows what is on disk: letters are then written again.
    distrusted: bool,
}

/// What is known of the file up to `read_to`, always the start of a line.
#[derive(Debug, Default)]
struct Index {
    read_to: u64,
    letters: Offsets,
    replayed: Offsets,
    discarded: Offsets,
}

impl DeadLetters {
    /// Reads `{dir}/{sink}.ndjson`; a file that does not exist holds no letters. Creates nothing.
    ///
    /// # Errors
    /// [`DeadLetterError::Io`].
    pub fn open(dir: &Path, sink: &str) -> Result<Self, DeadLetterError> {
        let path = dir.join(format!("{sink}.ndjson"));
        let mut letters = Self { path, sink: sink.to_owned(), index: Index::default(), distrusted: false };
        letters.refresh()?;
        Ok(letters)
    }

    /// How many letters are neither replayed nor discarded, other processes' decisions included.
    ///
    /// # Errors
    /// [`DeadLetterError::Io`].
    pub fn open_count(&mut self) -> Result<u64, DeadLetterError> {
        self.refresh()?;
        Ok(self.index.letters.len() - self.index.replayed.len() - self.index.discarded.len())
    }

    /// Every letter, in the order in which they were given up. Takes the memory of all payloads; see
    /// [`scan`](Self::scan).
    ///
    /// # Errors
    /// [`DeadLetterError::Io`].
    pub fn list(&mut self) -> Result<Vec<DeadLetter>, DeadLetterError> {
        self.scan()?.collect()
    }

    /// The letter of an offset.
    ///
    /// # Errors
    /// [`DeadLetterError::Io`].
    pub fn get(&mut self, offset: Offset) -> Result<Option<DeadLetter>, DeadLetterError> {
        self.refresh()?;
        if !self.index.letters.contains(offset) {
            return Ok(None);
        }
        self.scan()?.find(|letter| letter.as_ref().map_or(true, |letter| letter.offset == offset)).transpose()
    }

    /// Every letter, one at a time, in the order in which they were given up.
    ///
    /// # Errors
    /// [`DeadLetterError::Io`], now or while iterating.
    pub fn scan(
        &mut self,
    ) -> Result<impl Iterator<Item = Result<DeadLetter, DeadLetterError>>, DeadLetterError> {
        self.refresh()?;
        let lines = match open(&self.path) {
            Ok(file) => Some(Lines { reader: BufReader::new(file.take(self.index.read_to)) }),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(self.failed(error)),
        };
        let mut seen = Offsets::default();
        let letters = lines.into_iter().flatten().filter_map(move |line| match line {
            Ok(line) => line::read_letter(&line).filter(|letter| seen.insert(letter.offset)).map(Ok),
            Err(error) => Some(Err(error)),
        });
        Ok(letters.map(|letter| match letter {
            Ok(letter) => Ok(DeadLetter { resolved: self.index.resolution(letter.offset), ..letter }),
            Err(error) => Err(self.failed(error)),
        }))
    }

    /// Adds letters, but for those it has; `Ok` with the number of new ones when all of them survive a crash.
    ///
    /// # Errors
    /// [`DeadLetterError::Io`]; some letters may have been added. The same call may be repeated.
    pub fn append(&mut self, letters: &[DeadLetter]) -> Result<u64, DeadLetterError> {
        self.refresh()?;
        let known = self.index.letters.len();
        let mut log = self.appender()?;
        let mut lines = Vec::new();
        for letter in letters {
            if self.distrusted || !self.index.letters.contains(letter.offset) {
                line::write_letter(letter, &self.sink, &mut lines)
                    .map_err(|error| self.failed(error.into()))?;
            }
            if lines.len() >= WRITE_BYTES {
                self.write(&mut log, &mut lines)?;
            }
        }
        self.write(&mut log, &mut lines)?;
        self.sync(&log)?;
        self.refresh()?;
        Ok(self.index.letters.len() - known)
    }

    /// Notes what became of a letter, durably. The last resolution counts.
    ///
    /// # Errors
    /// [`DeadLetterError::Unknown`] without such a letter, else [`DeadLetterError::Io`].
    pub fn resolve(&mut self, offset: Offset, how: Resolution, at_ms: u64) -> Result<(), DeadLetterError> {
        self.refresh()?;
        if !self.index.letters.contains(offset) {
            return Err(DeadLetterError::Unknown { path: self.path.clone(), offset });
        }
        let mut line = Vec::new();
        line::write_resolution(offset, how, at_ms, &mut line).map_err(|error| self.failed(error.into()))?;
        let mut log = self.appender()?;
        self.write(&mut log, &mut line)?;
        self.sync(&log)?;
        self.refresh()
    }

    /// The record is a dead letter and no replay has brought it into the sink. Knows what this handle has read and
    /// written; what another process does meanwhile is seen later.
    pub(crate) fn withholds(&self, offset: Offset) -> bool {
        self.index.letters.contains(offset) && !self.index.replayed.contains(offset)
    }

    /// Reads what was appended since the last time, by whomever.
    fn refresh(&mut self) -> Result<(), DeadLetterError> {
        self.index.read(&self.path).map_err(|error| self.failed(error))
    }

    /// The file, ready for whole lines at its end: a torn line of a crashed writer is ended first.
    fn appender(&self) -> Result<File, DeadLetterError> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let opened = || -> io::Result<File> {
            create_dir(dir)?;
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
            // Also when the file was there: whoever created it may have crashed before this.
            sync_dir(dir)?;
            let mut last = [b'\n'];
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
            Ok(file)
        };
        opened().map_err(|error| self.failed(error))
    }

    /// Writes whole lines in one call, so that those of another process do not come between, and empties `lines`.
    fn write(&self, log: &mut File, lines: &mut Vec<u8>) -> Result<(), DeadLetterError> {
        log.write_all(lines).map_err(|error| self.failed(error))?;
        lines.clear();
        Ok(())
    }

    /// Syncs also when nothing was written: lines left by a crash need not be durable yet.
    fn sync(&mut self, log: &File) -> Result<(), DeadLetterError> {
        let synced = log.sync_data();
        self.distrusted = synced.is_err();
        synced.map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> DeadLetterError {
        DeadLetterError::Io { path: self.path.clone(), source }
    }
}

impl Index {
    fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = match open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                *self = Self::default();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let len = file.metadata()?.len();
        if len < self.read_to {
            *self = Self::default();
        }
        file.seek(SeekFrom::Start(self.read_to))?;
        for line in (Lines { reader: BufReader::new(file.take(len - self.read_to)) }) {
            let line = line?;
            // The rest of a line that is being written, or was torn: not promised yet, perhaps never.
            if !line.ends_with(b"\n") {
                break;
            }
            if !self.add(&line) {
                let (path, position) = (path.display(), self.read_to);
                tracing::warn!(%path, position, "a line is no dead letter, torn by a crash or damaged: passed over");
            }
            self.read_to += line.len() as u64;
        }
        Ok(())
    }

    /// False when the line is not whole.
    fn add(&mut self, line: &[u8]) -> bool {
        if line.trim_ascii().is_empty() {
            return true;
        }
        let Some(mark) = line::read_mark(line) else { return false };
        if let Some(how) = mark.resolved.filter(|_| self.letters.contains(mark.offset)) {
            self.replayed.remove(mark.offset);
            self.discarded.remove(mark.offset);
            match how {
                Resolution::Replayed => self.replayed.insert(mark.offset),
                Resolution::Discarded => self.discarded.insert(mark.offset),
            };
        } else if mark.resolved.is_none() {
            self.letters.insert(mark.offset);
        }
        true
    }

    fn resolution(&self, offset: Offset) -> Option<Resolution> {
        if self.replayed.contains(offset) {
            return Some(Resolution::Replayed);
        }
        self.discarded.contains(offset).then_some(Resolution::Discarded)
    }
}

/// Lines with their ends, the last perhaps without.
struct Lines {
    reader: BufReader<io::Take<File>>,
}

impl Iterator for Lines {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this module owns the dead-letter log's file")]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}
