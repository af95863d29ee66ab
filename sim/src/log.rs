//! Opening the log on a simulated disk, and reading it whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use onepixel_stream::{
    Clock, Cut, Durability, OpenError, ReadError, Reader, Record, Recovered, Settings, Stream,
};
use tokio::runtime::Runtime;

use crate::disk::{Faults, SimDisk};
use crate::kernel::{Change, Kernel};
use crate::model::{Found, Violation, require};

/// The folder of every simulated log.
pub const DIR: &str = "/log";

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct Hand(Arc<AtomicU64>);

impl Default for Hand {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1_700_000_000_000)))
    }
}

impl Hand {
    /// For the log.
    pub fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::SeqCst))
    }

    /// Moves it.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// Settings of a small log.
pub fn settings(segment_bytes: u64, durability: Durability) -> Settings {
    Settings { segment_bytes, durability, disk_watermark_bytes: 0, ..Settings::new(DIR) }
}

/// Where a segment lies.
pub fn path_of(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// Opens the log.
///
/// # Errors
/// As [`Stream::open`].
pub fn open(disk: &SimDisk, settings: &Settings, hand: &Hand) -> Result<(Stream, Recovered), OpenError> {
    Stream::open(Arc::new(disk.clone()), settings.clone(), hand.clock())
}

/// Everything from the oldest record to the durable end.
///
/// # Errors
/// As [`Reader::next`].
pub async fn read_all(reader: &mut Reader) -> Result<Found, ReadError> {
    let (oldest, end) = (reader.oldest(), reader.end());
    reader.seek(oldest);
    let mut records: Vec<Record> = Vec::new();
    while oldest + (records.len() as u64) < end {
        records.extend(reader.next(64, 1 << 16).await?);
    }
    Ok(Found { oldest, records })
}

/// What opening the log on a disk came to.
pub struct Opened {
    /// What it holds.
    pub found: Found,
    /// What was cut.
    pub cut: Option<Cut>,
    /// What opening changed.
    pub changes: Vec<Change>,
    /// The disk afterwards.
    pub kernel: Kernel,
}

/// Opens the log, reads all of it, and stops without closing it.
///
/// # Errors
/// The log's own words when it cannot be opened or read, or what does not fit together.
pub fn look(kernel: Kernel, settings: &Settings, runtime: &Runtime) -> Result<Opened, Violation> {
    let disk = SimDisk::new(kernel, Faults::default());
    let (stream, recovered) = open(&disk, settings, &Hand::default()).map_err(|error| error.to_string())?;
    let found = runtime.block_on(read_all(&mut stream.reader(0))).map_err(|error| error.to_string());
    let (changes, kernel) = disk.freeze();
    runtime.block_on(stream.close());
    let found = found?;
    require(found.oldest == recovered.oldest && found.end() == recovered.next, || {
        format!("{recovered:?}, but a reader finds {} to {}", found.oldest, found.end())
    })?;
    Ok(Opened { found, cut: recovered.cut, changes, kernel })
}

/// How far the log reaches for another process.
///
/// # Errors
/// The log's own words.
pub fn seen_from_outside(kernel: Kernel) -> Result<u64, Violation> {
    let disk = SimDisk::new(kernel, Faults::default());
    let extent = onepixel_stream::extent(Arc::new(disk), Path::new(DIR));
    extent.map(|extent| extent.end).map_err(|error| format!("from another process: {error}"))
}
