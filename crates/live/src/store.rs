//! The dashboard's questions: one method each, all blocking, callable from several threads.
//!
//! Owns a bounded pool of read-only connections. Each answer comes from one snapshot of the file. Never writes, and
//! never shows what is older than the time to live.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use onepixel_consumer::Clock;
use onepixel_view::{
    Dimension, Grid, Overview, Page, Property, Query, QueryError, Ranking, RecentEvent, Series, SiteCount,
    Top, Unit,
};
use rusqlite::Transaction;

use crate::error::{Fault, OpenLiveError, ReadError};
use crate::file::OpenFile;
use crate::limits::{READER_WAIT, READERS_MAX};
use crate::query::{self, Gap, Scope, Size, Totals};
use crate::retention::{horizon_ms, now_ms};

/// Answers questions about the newest events; cheap to clone.
#[derive(Clone)]
pub struct LiveStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    ttl: Duration,
    clock: Clock,
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    idle: Vec<OpenFile>,
    in_use: usize,
}

impl LiveStore {
    /// Opens the file at `path`, which [`LiveSink::open`](crate::LiveSink::open) has created, for reading.
    ///
    /// # Errors
    /// [`OpenLiveError`] when it is not there, or not at this program's version.
    pub fn open(path: &Path, ttl: Duration, clock: Clock) -> Result<Self, OpenLiveError> {
        let pool = Mutex::new(Pool { idle: vec![OpenFile::to_read(path)?], in_use: 0 });
        Ok(Self { inner: Arc::new(Inner { path: path.into(), ttl, clock, pool, returned: Condvar::new() }) })
    }

    /// The sites that had events, the busiest first.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn sites(&self) -> Result<Vec<SiteCount>, QueryError> {
        let scope = self.scope(&Query::default());
        self.ask(|file| query::sites(file, &scope))
    }

    /// Events, page views and visitors over the range, and by class; `with_previous`: also those of the range of
    /// the same length just before.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn overview(&self, query: &Query, with_previous: bool) -> Result<Overview, QueryError> {
        let scope = self.scope(query);
        self.ask(|file| query::overview(file, &scope, with_previous))
    }

    /// One point for each minute, hour or day of the range, those without events included. `zone` is a name of the
    /// IANA database. A range without an end is up to now, and one without a start from the time to live on.
    ///
    /// # Errors
    /// [`QueryError::Zone`] and [`QueryError::TooManyPoints`]; else as for every question.
    pub fn series(&self, query: &Query, unit: Unit, zone: &str) -> Result<Series, QueryError> {
        let mut scope = self.scope(query);
        let from_ms = if query.from_ms == i64::MIN { scope.horizon_ms } else { query.from_ms };
        if query.to_ms == i64::MAX {
            scope.to_ms = scope.now_ms.saturating_add(1);
        }
        let wanted = (from_ms, scope.to_ms);
        let grid = Grid::new(unit, zone, wanted.0, wanted.1)?;
        self.ask(|file| query::series(file, &scope, grid, wanted))
    }

    /// The most frequent values of `dimension`.
    ///
    /// # Errors
    /// [`QueryError::TooManyValues`]; else as for every question.
    pub fn top(&self, query: &Query, dimension: Dimension, ranking: &Ranking) -> Result<Top, QueryError> {
        let scope = self.scope(query);
        self.ask(|file| query::top(file, &scope, dimension, ranking))
    }

    /// What events, those named `event` or all, say in their own properties, with at most `limit` values of each.
    ///
    /// # Errors
    /// [`QueryError::TooManyValues`]; else as for every question.
    pub fn properties(
        &self,
        query: &Query,
        event: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Property>, QueryError> {
        let scope = self.scope(query);
        self.ask(|file| query::properties(file, &scope, event, limit))
    }

    /// The newest events, the newest first.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn recent(&self, query: &Query, page: &Page) -> Result<Vec<RecentEvent>, QueryError> {
        let scope = self.scope(query);
        self.ask(|file| query::recent(file, &scope, page))
    }

    /// One event by its offset.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn event(&self, offset: u64) -> Result<Option<RecentEvent>, QueryError> {
        let scope = self.scope(&Query::default());
        self.ask(|file| query::event(file, &scope, offset))
    }

    /// What was counted since the file was made, for each partition; the time to live does not apply.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn totals(&self) -> Result<Totals, QueryError> {
        self.ask(|file| Ok(query::totals(file)?))
    }

    /// Ranges of offsets below the position that were not counted: dead letters that were not replayed.
    /// At most [`GAPS_MAX`](crate::limits::GAPS_MAX), from `from` on, in order.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn gaps(&self, partition: u32, from: u64) -> Result<Vec<Gap>, QueryError> {
        self.ask(|file| Ok(query::gaps(file, partition, from)?))
    }

    /// How much the file holds.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn size(&self) -> Result<Size, QueryError> {
        self.ask(|file| Ok(query::size(file)?))
    }

    fn scope(&self, query: &Query) -> Scope {
        let (clock, ttl) = (&self.inner.clock, self.inner.ttl);
        Scope::new(query, horizon_ms(clock, ttl), now_ms(clock))
    }

    /// Asks within one read transaction, so that all of an answer is of the same moment.
    fn ask<T>(&self, question: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, QueryError> {
        let mut reader = self.checkout()?;
        let answer = reader
            .connection()
            .map_err(ReadError::Open)?
            .transaction()
            .map_err(Fault::from)
            .and_then(|transaction| question(&transaction))
            .map_err(|fault| fault.asked(&self.inner.path));
        if answer.is_err() {
            reader.file = None;
        }
        answer
    }

    fn checkout(&self) -> Result<Reader<'_>, QueryError> {
        let inner = &*self.inner;
        let pool = inner.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut pool, waited) = inner
            .returned
            .wait_timeout_while(pool, READER_WAIT, |pool| pool.in_use >= READERS_MAX)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(QueryError::Busy);
        }
        pool.in_use += 1;
        Ok(Reader { inner, file: pool.idle.pop() })
    }
}

/// A place in the pool, given back when dropped; its connection is opened when first needed.
struct Reader<'a> {
    inner: &'a Inner,
    file: Option<OpenFile>,
}

impl Reader<'_> {
    fn connection(&mut self) -> Result<&mut rusqlite::Connection, OpenLiveError> {
        let file = match self.file.take() {
            Some(file) if file.is_in_place() => file,
            _ => OpenFile::to_read(&self.inner.path)?,
        };
        Ok(&mut self.file.insert(file).connection)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut pool = self.inner.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.in_use -= 1;
        pool.idle.extend(self.file.take());
        drop(pool);
        self.inner.returned.notify_one();
    }
}
