//! What can go wrong, one type for each operation.

use std::path::{Path, PathBuf};

use onepixel_consumer::{Offset, SinkError};
use onepixel_view::QueryError;

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
    /// What is stored does not fit together.
    #[error("{} is damaged: {what}. Move live.sqlite* away: it is filled again from what the stream retains", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
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

/// Why the file cannot be read; as an answer to a question it is [`QueryError::Unavailable`].
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
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
    /// What is stored does not fit together.
    #[error("{} is damaged: {what}. Move live.sqlite* away: it is filled again from what the stream retains", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
}

impl From<ReadError> for QueryError {
    fn from(error: ReadError) -> Self {
        Self::unavailable(error)
    }
}

/// What ends a reading or a merging early.
#[derive(Debug)]
pub(crate) enum Fault {
    Database(rusqlite::Error),
    Damaged(String),
    TooManyValues,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Fault {
    /// As the answer to a question.
    pub(crate) fn asked(self, path: &Path) -> QueryError {
        match self {
            Self::Database(source) => ReadError::Database { path: path.into(), source }.into(),
            Self::Damaged(what) => ReadError::Damaged { path: path.into(), what }.into(),
            Self::TooManyValues => QueryError::TooManyValues,
        }
    }

    /// As what the writing connection met.
    pub(crate) fn written(self, path: &Path) -> WriteError {
        match self {
            Self::Database(source) => WriteError::Database { path: path.into(), source },
            Self::Damaged(what) => WriteError::Damaged { path: path.into(), what },
            Self::TooManyValues => WriteError::Damaged { path: path.into(), what: "too many values".into() },
        }
    }
}

/// True when another connection holds the lock.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}
