//! Which offsets were counted: the position, the gaps below it and the strays outside.
//!
//! Lives in the transaction that holds the counters. Promises that an offset is counted at most once, whatever
//! is repeated, overlaps or is replayed, and that `counted = position - first - gaps + strays`.

use std::collections::BTreeSet;
use std::ops::Range;

use onepixel_consumer::{Batch, Offset};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Why the state of a partition cannot be read or changed.
pub(crate) enum ProgressError {
    Database(rusqlite::Error),
    Offset(Offset),
}

impl From<rusqlite::Error> for ProgressError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

type Result<T> = std::result::Result<T, ProgressError>;

/// The offsets from the first one taken to the position; `None` before the first batch.
pub(crate) fn taken(connection: &Connection, partition: u32) -> Result<Option<Range<Offset>>> {
    let row = connection
        .prepare_cached("SELECT first, position FROM progress WHERE partition = ?1")?
        .query_row([partition], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))
        .optional()?;
    Ok(row.and_then(|(first, position)| Some(stored(first?)..stored(position?))))
}

/// Adds events to the partition's totals.
pub(crate) fn add(connection: &Connection, partition: u32, pixel: i64, api: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO progress (partition, pixel, api) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET pixel = pixel + excluded.pixel, api = api + excluded.api",
        )?
        .execute(params![partition, pixel, api])?;
    Ok(())
}

/// Which records of a batch are to be counted now.
pub(crate) struct Fresh {
    range: Range<Offset>,
    strays: BTreeSet<Offset>,
}

impl Fresh {
    /// True for a record that was not counted before.
    pub(crate) fn contains(&self, offset: Offset) -> bool {
        self.range.contains(&offset) && (self.strays.is_empty() || !self.strays.contains(&offset))
    }
}

/// Moves the position over a batch. Returns which of its records are to be counted now. `None`: the batch lies below the position, all of it was taken before.
pub(crate) fn advance(connection: &Connection, batch: &Batch) -> Result<Option<Fresh>> {
    let before = taken(connection, batch.partition)?;
    let start = before.as_ref().map_or(batch.range.start, |taken| taken.end);
    let end = batch.range.end;
    if before.is_some() && end <= start {
        return Ok(None);
    }
    if start < batch.range.start {
        tracing::warn!(
            partition = batch.partition,
            from = start,
            to = batch.range.start,
            "events are missing before this batch; the live view goes on without them"
        );
    }
    let strays = take_strays(connection, batch.partition, start..end)?;
    let from = start.max(batch.range.start);
    let mut present: Vec<Offset> = batch
        .records
        .iter()
        .map(|record| record.offset)
        .filter(|offset| (from..end).contains(offset))
        .chain(strays.iter().copied())
        .collect();
    // Records come in order: only strays have to be put between them.
    present.sort();
    for gap in gaps_between(start..end, &present) {
        insert_gap(connection, batch.partition, gap)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO progress (partition, first, position) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET first = ifnull(first, excluded.first), position = excluded.position",
        )?
        .execute(params![batch.partition, number(start)?, number(end)?])?;
    Ok(Some(Fresh { range: from..end, strays }))
}

/// Marks one offset as counted, out of order. False: it was counted before.
pub(crate) fn fill(connection: &Connection, partition: u32, offset: Offset) -> Result<bool> {
    match taken(connection, partition)? {
        Some(taken) if taken.contains(&offset) => fill_gap(connection, partition, offset),
        _ => {
            let changed = connection
                .prepare_cached("INSERT OR IGNORE INTO stray (partition, offset) VALUES (?1, ?2)")?
                .execute(params![partition, number(offset)?])?;
            Ok(changed > 0)
        }
    }
}

fn fill_gap(connection: &Connection, partition: u32, offset: Offset) -> Result<bool> {
    let gap = connection
        .prepare_cached(
            "SELECT first, end FROM gap WHERE partition = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
        )?
        .query_row(params![partition, number(offset)?], |row| Ok(stored(row.get(0)?)..stored(row.get(1)?)))
        .optional()?;
    let Some(gap) = gap.filter(|gap| gap.contains(&offset)) else { return Ok(false) };
    connection
        .prepare_cached("DELETE FROM gap WHERE partition = ?1 AND first = ?2")?
        .execute(params![partition, number(gap.start)?])?;
    insert_gap(connection, partition, gap.start..offset)?;
    insert_gap(connection, partition, offset + 1..gap.end)?;
    Ok(true)
}

fn insert_gap(connection: &Connection, partition: u32, gap: Range<Offset>) -> Result<()> {
    if !gap.is_empty() {
        connection
            .prepare_cached("INSERT INTO gap (partition, first, end) VALUES (?1, ?2, ?3)")?
            .execute(params![partition, number(gap.start)?, number(gap.end)?])?;
    }
    Ok(())
}

/// Strays that the position passes are ordinary counted offsets from then on.
fn take_strays(connection: &Connection, partition: u32, range: Range<Offset>) -> Result<BTreeSet<Offset>> {
    connection
        .prepare_cached(
            "DELETE FROM stray WHERE partition = ?1 AND offset >= ?2 AND offset < ?3 RETURNING offset",
        )?
        .query_map(params![partition, number(range.start)?, number(range.end)?], |row| {
            row.get(0).map(stored)
        })?
        .map(|offset| Ok(offset?))
        .collect()
}

/// The parts of `range` without any of `present`, which lie in it and are in order.
fn gaps_between(range: Range<Offset>, present: &[Offset]) -> Vec<Range<Offset>> {
    let mut gaps = Vec::new();
    let mut start = range.start;
    for &offset in present {
        if start < offset {
            gaps.push(start..offset);
        }
        start = start.max(offset + 1);
    }
    if start < range.end {
        gaps.push(start..range.end);
    }
    gaps
}

fn number(offset: Offset) -> Result<i64> {
    i64::try_from(offset).map_err(|_| ProgressError::Offset(offset))
}

/// An offset as it was stored; never negative but in a damaged file.
pub(crate) fn stored(number: i64) -> Offset {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_is_not_present() {
        fn check(range: Range<Offset>, present: &[Offset], expected: &[(Offset, Offset)]) {
            let gaps = gaps_between(range.clone(), present);
            let found: Vec<_> = gaps.iter().map(|gap| (gap.start, gap.end)).collect();
            assert_eq!(found, expected, "{range:?} {present:?}");
        }
        check(0..0, &[], &[]);
        check(5..8, &[], &[(5, 8)]);
        check(5..8, &[5, 6, 7], &[]);
        check(5..9, &[6, 8], &[(5, 6), (7, 8)]);
        check(5..9, &[5], &[(6, 9)]);
        check(u64::MAX - 2..u64::MAX, &[u64::MAX - 1], &[(u64::MAX - 2, u64::MAX - 1)]);
    }
}
