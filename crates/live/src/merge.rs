//! Merging: many fresh chunks become a few of one hour each.
//!
//! Works in the writer's transaction, when the fresh chunks are enough for a large one: each event is written about
//! two or three times, at a time when nobody waits for it. Chunks of one hour grow geometrically until they are
//! full, and an hour that is over ends with one that is not. Forgets on the way what is older than the time to live.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::chunk::{Builder, Columns};
use crate::error::Fault;
use crate::limits::{FRESH_BYTES_MAX, FRESH_CHUNKS_MAX, FRESH_EVENTS_MAX, HOURS_CLOSED_MAX};
use crate::pieces::{self, Chunk, Meta};

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Merges when there are as many fresh chunks as there may be. True: something was merged.
pub(crate) fn make_room(connection: &Connection, horizon_ms: i64) -> Result<bool, Fault> {
    let (chunks, events, bytes): (i64, i64, i64) = connection
        .prepare_cached(
            "SELECT count(*), ifnull(sum(events), 0), ifnull(sum(bytes), 0) FROM chunk WHERE hour IS NULL",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let [chunks, events, bytes] =
        [chunks, events, bytes].map(|sum| usize::try_from(sum).unwrap_or(usize::MAX));
    let is_due = chunks >= FRESH_CHUNKS_MAX || events >= FRESH_EVENTS_MAX || bytes >= FRESH_BYTES_MAX;
    if is_due {
        merge_fresh(connection, horizon_ms)?;
    }
    Ok(is_due)
}

/// Merges all fresh chunks into chunks of their hours.
pub(crate) fn merge_fresh(connection: &Connection, horizon_ms: i64) -> Result<(), Fault> {
    let fresh = pieces::chunks(connection, "hour IS NULL ORDER BY first, id", [])?;
    let mut newest = BTreeMap::new();
    let mut at = 0;
    // Chunks of several batches may be larger than one can hold in memory at once.
    while at < fresh.len() {
        let mut group = Vec::new();
        let (partition, mut bytes, mut events) = (fresh[at].partition, 0, 0);
        while let Some(meta) = fresh.get(at).filter(|meta| meta.partition == partition) {
            if !group.is_empty() && (events >= FRESH_EVENTS_MAX || bytes >= FRESH_BYTES_MAX) {
                break;
            }
            let columns = Chunk::new(connection, meta).columns()?;
            events += columns.times.len();
            bytes += columns.texts.iter().map(crate::dictionary::Texts::size_bytes).sum::<usize>();
            group.push(columns);
            pieces::delete(connection, meta.id)?;
            at += 1;
        }
        let hour = merge_group(connection, partition, &group, horizon_ms)?;
        let latest = newest.entry(partition).or_insert(hour);
        *latest = hour.max(*latest);
    }
    for (partition, hour) in newest {
        close_hours(connection, partition, hour)?;
    }
    Ok(())
}

/// Brings the events of `group` into chunks of their hours; returns the newest hour.
fn merge_group(
    connection: &Connection,
    partition: u32,
    group: &[Columns],
    horizon_ms: i64,
) -> Result<i64, Fault> {
    let mut hours: BTreeMap<i64, Vec<(usize, Vec<u32>)>> = BTreeMap::new();
    for (index, columns) in group.iter().enumerate() {
        let rows = (0_u32..).zip(&columns.times).filter(|(_, ms)| **ms >= horizon_ms);
        let rows: Vec<(u32, i64)> = rows.map(|(row, ms)| (row, ms.div_euclid(HOUR_MS))).collect();
        for run in rows.chunk_by(|(_, hour), (_, next)| hour == next) {
            let parts = hours.entry(run[0].1).or_default();
            let run = run.iter().map(|(row, _)| *row);
            match parts.last_mut() {
                Some((of, rows)) if *of == index => rows.extend(run),
                _ => parts.push((index, run.collect())),
            }
        }
    }
    for (hour, parts) in &hours {
        let events = parts.iter().map(|(_, rows)| rows.len()).sum();
        let mut output = Output { connection, partition, hour: *hour, builder: Builder::default() };
        for meta in similar(connection, partition, *hour, events)? {
            output.take(&meta)?;
        }
        for (index, rows) in parts {
            output.append(&group[*index], rows)?;
        }
        output.finish()?;
    }
    Ok(hours.last_key_value().map_or(i64::MIN, |(hour, _)| *hour))
}

/// Those chunks of the hour that are not full and not much larger than what is merged into them: each event is then
/// written again only when its chunk at least grows by half.
fn similar(connection: &Connection, partition: u32, hour: i64, events: usize) -> Result<Vec<Meta>, Fault> {
    let open = "partition = ?1 AND hour = ?2 AND is_full = 0 ORDER BY events, id";
    let mut chunks = pieces::chunks(connection, open, params![partition, hour])?;
    let mut sum = events;
    chunks.retain(|meta| {
        let is_similar = meta.events <= 2 * sum;
        if is_similar {
            sum += meta.events;
        }
        is_similar
    });
    chunks.sort_by_key(|meta| meta.first);
    Ok(chunks)
}

/// Leaves at most one chunk that is not full in hours before `newest`, a few hours at a time.
fn close_hours(connection: &Connection, partition: u32, newest: i64) -> Result<(), Fault> {
    let hours: Vec<i64> = connection
        .prepare_cached(
            "SELECT hour FROM chunk WHERE partition = ?1 AND hour < ?2 AND is_full = 0
             GROUP BY hour HAVING count(*) > 1 ORDER BY hour LIMIT ?3",
        )?
        .query_map(params![partition, newest, HOURS_CLOSED_MAX], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for hour in hours {
        let mut output = Output { connection, partition, hour, builder: Builder::default() };
        for meta in similar(connection, partition, hour, usize::MAX / 4)? {
            output.take(&meta)?;
        }
        output.finish()?;
    }
    Ok(())
}

/// The chunks of one hour that are being written.
struct Output<'c> {
    connection: &'c Connection,
    partition: u32,
    hour: i64,
    builder: Builder,
}

impl Output<'_> {
    /// Takes over all events of a chunk, which is deleted.
    fn take(&mut self, meta: &Meta) -> Result<(), Fault> {
        let columns = Chunk::new(self.connection, meta).columns()?;
        pieces::delete(self.connection, meta.id)?;
        let rows: Vec<u32> = (0_u32..).take(columns.times.len()).collect();
        self.append(&columns, &rows)
    }

    fn append(&mut self, columns: &Columns, rows: &[u32]) -> Result<(), Fault> {
        let mut rows = rows;
        while !rows.is_empty() {
            let taken = if self.builder.is_full() { 0 } else { self.builder.append(columns, rows) };
            rows = rows.get(taken..).unwrap_or_default();
            if !rows.is_empty() {
                self.write(true)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Fault> {
        let is_full = self.builder.is_full();
        if self.builder.is_empty() { Ok(()) } else { self.write(is_full) }
    }

    fn write(&mut self, is_full: bool) -> Result<(), Fault> {
        let chunk = self.builder.finish();
        Ok(pieces::insert(self.connection, self.partition, Some(self.hour), is_full, &chunk)?)
    }
}
