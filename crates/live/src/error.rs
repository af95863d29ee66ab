//! What can go wrong, one type for each operation.

use std::path::PathBuf;

use onepixel_consumer::{Offset, SinkError};

/// Why the live view cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenLiveError {
    /// A newer onepixel wrote the file.
    #[error(
        "{} has version {found}, this program knows versions up to {known}: \
         use the newer program, or move the file away to start a new live view", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The file has not been brought to this program's version; the sink does that when it opens it.
    #[error("{} has version {found}, version {known} is needed: start the live consumer once", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version this program reads.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{} is not a live view of onepixel: move the file away, or choose another folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be used: not there, not writable, damaged, locked.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl OpenLiveError {
    /// True when the same call may succeed later without anybody's help: another process holds the lock.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database { source, .. } if is_busy(source))
    }
}

/// Why the live view cannot be written. All of these may pass; none is about an event's content.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenLiveError),
    /// SQLite refuses: locked, full, read-only, damaged.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// SQLite counts to 2^63 - 1.
    #[error("offset {offset} is beyond what the live view can store")]
    Offset {
        /// The offset.
        offset: Offset,
    },
}

impl From<WriteError> for SinkError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenLiveError),
    /// SQLite cannot read.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// All read connections are in use: ask again.
    #[error("too many queries run at once")]
    Busy,
    /// The width of a series' points is not a whole, positive number of minutes, or its shift is not a whole
    /// number of minutes within a day.
    #[error("points must be whole minutes wide and shifted by whole minutes within a day")]
    Bucket,
    /// The series would have too many points.
    #[error("the series would have more than {points_max} points: choose wider points or a shorter range")]
    TooManyPoints {
        /// The limit.
        points_max: i64,
    },
}

/// True when another connection holds the lock.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}
