//! The writing connection: one batch, one transaction.
//!
//! Counters, recent events, totals and the position are written together or not at all. Everything is decoded
//! before anything is written. Never retries: that is the consumer's policy.

use std::path::{Path, PathBuf};

use foldhash::HashSet;
use onepixel_consumer::{Batch, Offset, Record, SinkError};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::axis::Span;
use crate::error::{OpenLiveError, WriteError};
use crate::file::OpenFile;
use crate::fold;
use crate::limits::{RECENT_BYTES_MAX, RECENT_EVENTS_MAX, SEEN_VISITS_MAX};
use crate::progress::{self, ProgressError};
use crate::tally::{Count, Recent, Tally};
use crate::words::Words;

/// The connection that writes batches, and what it remembers of the file.
pub(crate) struct Writer {
    file: OpenFile,
    path: PathBuf,
    memory: Memory,
    /// Changes when another connection has written.
    data_version: i64,
}

/// What need not be looked up again. Forgotten when a transaction fails, as what it wrote was never stored, and when
/// another connection wrote, as it may have deleted rows.
#[derive(Default)]
struct Memory {
    words: Words,
    seen: Seen,
}

impl Memory {
    fn forget(&mut self) {
        self.words.forget();
        self.seen.0.clear();
    }
}

/// A row of a visitor as it is stored: span, bucket, site, class, visitor.
type VisitKey = (i64, i64, i64, i64, i64);

/// Rows of visitors that are stored already: most events come from a visitor that was just there.
#[derive(Default)]
struct Seen(HashSet<VisitKey>);

impl Seen {
    fn is_new(&mut self, row: &VisitKey) -> bool {
        if self.0.len() >= SEEN_VISITS_MAX {
            self.0.clear();
        }
        self.0.insert(*row)
    }
}

impl Writer {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenLiveError> {
        Ok(Self {
            file: OpenFile::to_write(path)?,
            path: path.into(),
            memory: Memory::default(),
            data_version: -1,
        })
    }

    /// True while the path leads to the file this writer writes.
    pub(crate) fn is_in_place(&self) -> bool {
        self.file.is_in_place()
    }

    /// The offset after the last one taken; 0 before the first.
    pub(crate) fn position(&self, partition: u32) -> Result<Offset, SinkError> {
        let taken = progress::taken(&self.file.connection, partition);
        Ok(taken.map_err(|error| failed(&self.path, error))?.map_or(0, |taken| taken.end))
    }

    /// Counts what the batch holds above the position, and moves the position to the batch's end.
    pub(crate) fn write(&mut self, batch: &Batch, horizon_ms: i64) -> Result<(), SinkError> {
        self.transact(|transaction, memory| {
            let Some(fresh) = progress::advance(transaction, batch)? else { return Ok(()) };
            let records = batch.records.iter().filter(|record| fresh.contains(&record.offset));
            count(transaction, memory, batch.partition, records, horizon_ms)
        })
    }

    /// Counts one record, unless its offset was counted before.
    pub(crate) fn replay(
        &mut self,
        partition: u32,
        record: &Record,
        horizon_ms: i64,
    ) -> Result<(), SinkError> {
        self.transact(|transaction, memory| {
            if progress::fill(transaction, partition, record.offset)? {
                count(transaction, memory, partition, std::iter::once(record), horizon_ms)?;
            }
            Ok(())
        })
    }

    fn transact(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Memory) -> Result<(), Failure>,
    ) -> Result<(), SinkError> {
        let Self { file, path, memory, data_version } = self;
        let attempt = || {
            let transaction = file.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let version = transaction.pragma_query_value(None, "data_version", |row| row.get(0))?;
            if version != *data_version {
                memory.forget();
                *data_version = version;
            }
            work(&transaction, memory)?;
            Ok(transaction.commit()?)
        };
        attempt().map_err(|failure| {
            memory.forget();
            match failure {
                Failure::Sink(error) => error,
                Failure::Progress(error) => failed(path, error),
            }
        })
    }
}

/// What ends a transaction early.
enum Failure {
    Sink(SinkError),
    Progress(ProgressError),
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl From<ProgressError> for Failure {
    fn from(error: ProgressError) -> Self {
        Self::Progress(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Progress(error.into())
    }
}

fn failed(path: &Path, error: ProgressError) -> SinkError {
    match error {
        ProgressError::Database(source) => WriteError::Database { path: path.into(), source }.into(),
        ProgressError::Offset(offset) => WriteError::Offset { offset }.into(),
    }
}

fn count<'a>(
    connection: &Connection,
    memory: &mut Memory,
    partition: u32,
    records: impl Iterator<Item = &'a Record>,
    horizon_ms: i64,
) -> Result<(), Failure> {
    let mut tally = Tally::for_events(records.size_hint().1.unwrap_or(0));
    for record in records {
        tally.add(record.offset, &record.payload, horizon_ms)?;
    }
    let ids = memory.words.ids(connection, &tally)?;
    let newest = tally.counts.keys().map(|cell| cell.minute).max().unwrap_or(i64::MIN);
    let folded = fold::advance(connection, newest)?;
    write_counts(connection, &tally, &ids, folded)?;
    write_visits(connection, &mut memory.seen, &tally, &ids, folded)?;
    write_recent(connection, &tally.recent, &ids)?;
    progress::add(connection, partition, tally.pixel, tally.api)?;
    Ok(())
}

/// The id behind a word's number in the tally, which has one for each.
fn id(ids: &[i64], local: usize) -> i64 {
    ids.get(local).copied().unwrap_or(0)
}

/// A rollup row as it is stored: span, dimension, bucket, site, class, value.
type RollupKey = (i64, i64, i64, i64, i64, i64);

/// Writes the rows of minutes, and those of longer spans where the minute is part of them already.
fn write_counts(
    connection: &Connection,
    tally: &Tally<'_>,
    ids: &[i64],
    folded: i64,
) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO rollup (span, dimension, bucket, site, class, value, events, views)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET events = events + excluded.events, views = views + excluded.views",
    )?;
    for span in Span::ALL {
        let end = fold::late_before(span, folded);
        let cells = tally.counts.iter().filter(|(cell, _)| cell.minute < end);
        let mut rows: Vec<(RollupKey, Count)> = cells
            .map(|(cell, count)| {
                let (site, value) = (id(ids, cell.site), id(ids, cell.value));
                let bucket = cell.minute.div_euclid(span.minutes());
                ((span.code(), cell.dimension, bucket, site, cell.class, value), *count)
            })
            .collect();
        // In the order of the table: neighbours are written one after the other.
        rows.sort_unstable_by_key(|(key, _)| *key);
        for ((span, dimension, bucket, site, class, value), count) in rows {
            upsert.execute(params![
                span,
                dimension,
                bucket,
                site,
                class,
                value,
                count.events,
                count.views
            ])?;
        }
    }
    Ok(())
}

fn write_visits(
    connection: &Connection,
    seen: &mut Seen,
    tally: &Tally<'_>,
    ids: &[i64],
    folded: i64,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO visit (span, bucket, site, class, visitor) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for span in Span::ALL {
        let end = fold::late_before(span, folded);
        let visits = tally.visits.iter().filter(|visit| visit.minute < end);
        let mut rows: Vec<VisitKey> = visits
            .map(|v| (span.code(), v.minute.div_euclid(span.minutes()), id(ids, v.site), v.class, v.visitor))
            .filter(|row| seen.is_new(row))
            .collect();
        rows.sort_unstable();
        for row in rows {
            insert.execute(row)?;
        }
    }
    Ok(())
}

fn write_recent(connection: &Connection, recent: &[Recent<'_>], ids: &[i64]) -> rusqlite::Result<()> {
    let (mut seq, mut end_bytes): (i64, i64) = connection
        .prepare_cached("SELECT ifnull(max(seq), 0), ifnull(end_bytes, 0) FROM recent")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO recent (seq, received, site, class, id, end_bytes, line) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let kept = usize::try_from(RECENT_EVENTS_MAX).unwrap_or(usize::MAX);
    for event in recent.iter().skip(recent.len().saturating_sub(kept)) {
        seq += 1;
        end_bytes += i64::try_from(event.line.len()).unwrap_or(i64::MAX);
        insert.execute(params![
            seq,
            event.received_ms,
            id(ids, event.site),
            event.class,
            event.id.bytes(),
            end_bytes,
            event.line
        ])?;
    }
    trim_recent(connection, seq, end_bytes)
}

/// Keeps the newest events within both limits. `end_bytes` grows by each line's length: two of them tell the bytes
/// between two rows.
fn trim_recent(connection: &Connection, seq: i64, end_bytes: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM recent WHERE seq <= ?1")?
        .execute([seq.saturating_sub_unsigned(RECENT_EVENTS_MAX)])?;
    let bytes_floor = end_bytes.saturating_sub_unsigned(RECENT_BYTES_MAX);
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT min(end_bytes) FROM (SELECT end_bytes FROM recent ORDER BY seq LIMIT 1)")?
        .query_row([], |row| row.get(0))?;
    if oldest.is_some_and(|oldest| oldest <= bytes_floor) {
        connection.prepare_cached("DELETE FROM recent WHERE end_bytes <= ?1")?.execute([bytes_floor])?;
    }
    Ok(())
}
