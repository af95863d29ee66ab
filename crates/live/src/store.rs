//! The dashboard's questions: one method each, all blocking, callable from several threads.
//!
//! Owns a bounded pool of read-only connections. Each answer comes from one snapshot of the file. Never writes, and
//! never shows what is older than the time to live.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use onepixel_consumer::Clock;
use onepixel_event::EventId;
use rusqlite::Transaction;

use crate::axis::Dimension;
use crate::error::{OpenLiveError, QueryError};
use crate::file::OpenFile;
use crate::limits::{READER_WAIT, READERS_MAX};
use crate::query::{
    self, Gap, Overview, Page, Query, Ranked, RecentEvent, Scope, Series, Size, Top, TopOrder, Totals,
};
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
    pub fn sites(&self) -> Result<Vec<Ranked>, QueryError> {
        self.ask(|file| query::sites(file, &self.scope(file, &Query::default())?))
    }

    /// Events, page views and visitors over the range, and by class.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn overview(&self, query: &Query) -> Result<Overview, QueryError> {
        let now_ms = now_ms(&self.inner.clock);
        self.ask(|file| query::overview(file, &self.scope(file, query)?, now_ms))
    }

    /// One point for each `bucket_seconds` of the range, those without events included. Points begin at multiples of
    /// their width in a zone that lies `zone_offset_seconds` east of UTC: 86400 and 7200 are days of UTC+2.
    ///
    /// # Errors
    /// [`QueryError::Bucket`] and [`QueryError::TooManyPoints`]; else as for every question.
    pub fn series(
        &self,
        query: &Query,
        bucket_seconds: i64,
        zone_offset_seconds: i64,
    ) -> Result<Series, QueryError> {
        let grid = query::Grid::new(query, bucket_seconds, zone_offset_seconds)?;
        self.ask(|file| query::series(file, &self.scope(file, query)?, &grid))
    }

    /// The values of `dimension` with the most events or page views, at most `limit` of them. Events that say
    /// nothing along the dimension are left out.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn top(
        &self,
        query: &Query,
        dimension: Dimension,
        order: TopOrder,
        limit: usize,
    ) -> Result<Top, QueryError> {
        self.ask(|file| query::top(file, &self.scope(file, query)?, dimension, order, limit))
    }

    /// The newest events, the newest first.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn recent(&self, query: &Query, page: &Page) -> Result<Vec<RecentEvent>, QueryError> {
        self.ask(|file| query::recent(file, &self.scope(file, query)?, query, page))
    }

    /// One of the newest events by its id.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn event(&self, id: EventId) -> Result<Option<RecentEvent>, QueryError> {
        self.ask(|file| query::event(file, &self.scope(file, &Query::default())?, id))
    }

    /// What was counted since the file was made, for each partition; the time to live does not apply.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn totals(&self) -> Result<Totals, QueryError> {
        self.ask(|file| query::totals(file))
    }

    /// Ranges of offsets below the position that were not counted: dead letters that were not replayed.
    /// At most [`GAPS_MAX`](crate::limits::GAPS_MAX), from `from` on, in order.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn gaps(&self, partition: u32, from: u64) -> Result<Vec<Gap>, QueryError> {
        self.ask(|file| query::gaps(file, partition, from))
    }

    /// How much the file holds.
    ///
    /// # Errors
    /// [`QueryError`], as for every question.
    pub fn size(&self) -> Result<Size, QueryError> {
        self.ask(|file| query::size(file))
    }

    fn scope(&self, file: &Transaction<'_>, query: &Query) -> rusqlite::Result<Scope> {
        Scope::new(file, query, horizon_ms(&self.inner.clock, self.inner.ttl))
    }

    /// Asks within one read transaction, so that all of an answer is of the same moment.
    fn ask<T>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, QueryError> {
        let mut reader = self.checkout()?;
        let answer = reader
            .connection()?
            .transaction()
            .and_then(|transaction| question(&transaction))
            .map_err(|source| QueryError::Database { path: self.inner.path.clone(), source });
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
