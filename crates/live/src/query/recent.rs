//! The newest events, whole.

use onepixel_event::EventId;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::value::RawValue;

use super::scope::Scope;
use super::{Page, Query, RecentEvent};
use crate::limits::RECENT_ROWS_MAX;

pub(crate) fn recent(
    connection: &Connection,
    scope: &Scope,
    query: &Query,
    page: &Page,
) -> rusqlite::Result<Vec<RecentEvent>> {
    let limit = i64::try_from(page.limit.min(RECENT_ROWS_MAX)).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT seq, line FROM recent
             WHERE received >= ?1 AND received < ?2 AND (?3 >> class) & 1 AND (?4 IS NULL OR site = ?4)
                 AND seq < ifnull(?5, 9223372036854775807) AND seq > ifnull(?6, 0)
             ORDER BY seq DESC LIMIT ?7",
        )?
        .query_map(
            params![
                query.from_ms.max(scope.horizon_ms),
                query.to_ms,
                scope.classes,
                scope.site,
                page.before,
                page.after,
                limit
            ],
            whole,
        )?
        .collect()
}

/// The table is small by its own limit: no index on the id is worth its upkeep.
pub(crate) fn event(
    connection: &Connection,
    scope: &Scope,
    id: EventId,
) -> rusqlite::Result<Option<RecentEvent>> {
    connection
        .prepare_cached(
            "SELECT seq, line FROM recent WHERE id = ?1 AND received >= ?2 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![id.bytes(), scope.horizon_ms], whole)
        .optional()
}

fn whole(row: &Row<'_>) -> rusqlite::Result<RecentEvent> {
    let event = RawValue::from_string(row.get(1)?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error)))?;
    Ok(RecentEvent { seq: row.get(0)?, event })
}
