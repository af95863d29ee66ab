//! Connections to the file, and whether it is still the file they were opened on.
//!
//! SQLite goes on writing to a file that was deleted or replaced under its path; what it writes is then lost
//! with the last connection. So every connection is compared with its path before it is used again.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::OpenLiveError;
use crate::limits::{
    BUSY_TIMEOUT, CHECKPOINT_PAGES, LOG_BYTES_KEPT, LOG_BYTES_MAX, PAGE_BYTES, READER_CACHE_KIB,
    WRITER_CACHE_KIB,
};
use crate::schema;

/// A connection and the file it was opened on.
pub(crate) struct OpenFile {
    pub(crate) connection: Connection,
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl OpenFile {
    /// Opens for writing: creates the file, or brings it to this program's version.
    pub(crate) fn to_write(path: &Path) -> Result<Self, OpenLiveError> {
        // No URI: a path is a path, whatever it begins with.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
        let mut file = Self::open(path, flags, tune_to_write)?;
        schema::migrate(&mut file.connection, path, schema::STEPS)?;
        Ok(file)
    }

    /// Opens for reading a file that the sink has opened before.
    pub(crate) fn to_read(path: &Path) -> Result<Self, OpenLiveError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
        match Self::checked(path, flags) {
            // Even a reader makes a file beside a log's. Where it may not and there is nothing in a log, nobody writes: the
            // file is read as it lies there.
            Err(OpenLiveError::Database { source, .. }) if is_refused(&source) && log_bytes(path) == 0 => {
                Self::checked(&immutable(path), flags | OpenFlags::SQLITE_OPEN_URI).map(|file| file.at(path))
            }
            opened => opened,
        }
    }

    fn checked(path: &Path, flags: OpenFlags) -> Result<Self, OpenLiveError> {
        let file = Self::open(path, flags, |c| c.pragma_update(None, "cache_size", -READER_CACHE_KIB))?;
        schema::check(&file.connection, path)?;
        Ok(file)
    }

    /// The same, opened by a name that is not its path.
    fn at(self, path: &Path) -> Self {
        Self { path: path.into(), identity: identity(path), ..self }
    }

    fn open(
        path: &Path,
        flags: OpenFlags,
        tune: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, OpenLiveError> {
        let database = |source| OpenLiveError::Database { path: path.into(), source };
        let connection = Connection::open_with_flags(path, flags).map_err(database)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(database)?;
        connection.set_prepared_statement_cache_capacity(64);
        tune(&connection).map_err(database)?;
        Ok(Self { connection, path: path.into(), identity: identity(path) })
    }

    /// Begins the write-ahead log again when it has grown too large. Whether it can is seen at the next call.
    pub(crate) fn trim_log(&self) -> rusqlite::Result<()> {
        let is_large = log_bytes(&self.path) > LOG_BYTES_MAX;
        if is_large {
            self.connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    /// True while the path leads to the file that the connection has open.
    pub(crate) fn is_in_place(&self) -> bool {
        self.identity.is_some() && self.identity == identity(&self.path)
    }
}

fn tune_to_write(connection: &Connection) -> rusqlite::Result<()> {
    // Takes effect in a new file only.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
}

/// The size of the file's write-ahead log.
fn log_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

/// Whether this user may not do to the folder what SQLite wants to.
fn is_refused(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

/// The path as a URI that promises that nobody writes.
fn immutable(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri.into()
}

/// Device and inode: two files are the same when both agree.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
