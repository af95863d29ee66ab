//! Figures about the file itself: what was counted, what was not, how large it is.

use rusqlite::{Connection, Row, params};

use super::{Gap, Partition, Size, Totals};
use crate::limits::GAPS_MAX;
use crate::progress::stored;

pub(crate) fn totals(connection: &Connection) -> rusqlite::Result<Totals> {
    let partitions = connection
        .prepare_cached(
            "SELECT p.partition, p.first, p.position, p.pixel, p.api,
                 (SELECT ifnull(sum(g.end - g.first), 0) FROM gap AS g WHERE g.partition = p.partition),
                 (SELECT count(*) FROM stray AS s WHERE s.partition = p.partition)
             FROM progress AS p ORDER BY p.partition",
        )?
        .query_map([], partition)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Totals { partitions })
}

fn partition(row: &Row<'_>) -> rusqlite::Result<Partition> {
    let (pixel, api) = (stored(row.get(3)?), stored(row.get(4)?));
    Ok(Partition {
        partition: row.get(0)?,
        first: row.get::<_, Option<i64>>(1)?.map(stored),
        position: row.get::<_, Option<i64>>(2)?.map(stored),
        counted: pixel + api,
        pixel,
        api,
        missing: stored(row.get(5)?),
        strays: stored(row.get(6)?),
    })
}

pub(crate) fn gaps(connection: &Connection, partition: u32, from: u64) -> rusqlite::Result<Vec<Gap>> {
    let limit = i64::try_from(GAPS_MAX).unwrap_or(i64::MAX);
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT max(first, ?2), end FROM gap WHERE partition = ?1 AND end > ?2 ORDER BY first LIMIT ?3",
        )?
        .query_map(params![partition, from, limit], |row| {
            Ok(Gap { first: stored(row.get(0)?), end: stored(row.get(1)?) })
        })?
        .collect()
}

pub(crate) fn size(connection: &Connection) -> rusqlite::Result<Size> {
    let number = |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row.get(0).map(stored));
    let page_bytes = number("PRAGMA page_size")?;
    Ok(Size {
        bytes: number("PRAGMA page_count")? * page_bytes,
        free_bytes: number("PRAGMA freelist_count")? * page_bytes,
        events: number("SELECT ifnull(sum(events), 0) FROM chunk")?,
        chunks: number("SELECT count(*) FROM chunk")?,
    })
}
