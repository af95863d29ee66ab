//! The archive function's sink: one object for each UTC hour of a batch.
//!
//! The layout, the names and the bytes are those of `onepixel-archive`. A name says the shard and the first and last sequence
//! number of the hour's records, so the same batch written again overwrites itself. Kinesis may cut a batch anew, so the same
//! event can stand in two objects: readers tell by its id, and the printed DDL does.

use std::collections::BTreeMap;

use onepixel_archive::{Archive, ObjectName, gzip_lines};
use onepixel_event::Time;
use tokio::time::{Instant, timeout_at};

use crate::consumer::{Batch, Line, Sink, Unwritten};

/// Writes batches into the bucket.
#[derive(Debug, Clone)]
pub struct ArchiveObjects {
    bucket: Archive,
}

/// One object before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourObject<'a> {
    /// Its name below the bucket's root.
    pub name: String,
    /// Its events, in the order of their records.
    pub lines: Vec<&'a Line>,
}

impl ArchiveObjects {
    /// An archive in this bucket.
    pub fn new(bucket: Archive) -> Self {
        Self { bucket }
    }

    /// Writes one object.
    ///
    /// # Errors
    /// The reason when it is not written by `deadline`.
    pub async fn put(&self, object: &HourObject<'_>, deadline: Instant) -> Result<(), String> {
        let HourObject { name, lines } = object;
        let bytes = gzip_lines(lines.iter().map(|line| &*line.text));
        tracing::debug!(name, events = lines.len(), bytes = bytes.len(), "object");
        match timeout_at(deadline, self.bucket.put(name, bytes)).await {
            Ok(put) => put.map_err(|error| error.to_string()),
            Err(_) => Err(format!("{name} was not written in time")),
        }
    }
}

/// The objects of some lines, each hour's named by the sequence numbers of its first and last record.
pub fn by_hour<'a>(
    shard: &str,
    lines: impl IntoIterator<Item = &'a Line>,
    sequence: impl Fn(usize) -> &'a str,
) -> Vec<HourObject<'a>> {
    let mut hours: BTreeMap<Time, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        hours.entry(line.received_at.hour_start()).or_default().push(line);
    }
    let object = |lines: Vec<&'a Line>| {
        let (first, last) = (*lines.first()?, *lines.last()?);
        let (from, to) = (sequence(first.record), sequence(last.record));
        Some(HourObject { name: ObjectName::elsewhere(first.received_at, shard, from, to), lines })
    };
    hours.into_values().filter_map(object).collect()
}

impl Sink for ArchiveObjects {
    const NAME: &'static str = "archive";

    /// A batch is done when all its objects are there, else all of it is sent again: then the names are the same, and
    /// what was written is not there twice.
    async fn write(&self, batch: &Batch, deadline: Instant) -> Result<(), Unwritten> {
        let shard = batch.shard().number().to_string();
        for object in by_hour(&shard, batch.lines(), |record| batch.sequence(record)) {
            self.put(&object, deadline).await.map_err(|reason| Unwritten { record: 0, reason })?;
        }
        Ok(())
    }
}
