//! What can go wrong, one enum an operation.

use std::io;
use std::path::{Path, PathBuf};

use crate::Offset;

/// Why an append was refused. None of its records was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// One record, or the append as a whole, is over its limit: make it smaller.
    #[error("{bytes} bytes exceed the limit of {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Bytes that wait for their commit are at the limit: try again later.
    #[error("too many bytes wait for their commit")]
    Overloaded,
    /// Free disk space is below the watermark, or the disk is full: try again when there is space.
    #[error("free disk space is below the watermark")]
    DiskFull,
    /// The disk refused the write; the log is as it was before and goes on: try again.
    #[error("cannot write: {reason}")]
    NotWritten {
        /// What the disk said.
        reason: String,
    },
    /// The log failed and takes nothing until it is opened again.
    #[error("the log has failed: {reason}")]
    Failed {
        /// What happened.
        reason: String,
    },
    /// The log is shut down.
    #[error("the log is closed")]
    Closed,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log is closed and everything up to its end was handed out.
    #[error("the log is closed")]
    Closed,
    /// Retention has removed the offset; reading can go on at `oldest`.
    #[error("offset {offset} is gone, the oldest is {oldest}")]
    Gone {
        /// What was asked for.
        offset: Offset,
        /// What is there.
        oldest: Offset,
    },
    /// A segment is damaged.
    #[error("{path}: damaged at byte {position}, offset {offset}: {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
        /// The first offset that cannot be read.
        offset: Offset,
        /// What is wrong.
        what: String,
    },
    /// The operating system refused to read.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Why the log cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another part of this one) has it open.
    #[error("{dir} is in use by another process; stop it first, or choose another folder")]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// Acknowledged records are damaged or missing.
    #[error(
        "{path}: damaged at byte {position}, offset {offset}: {what}. Nothing was changed. Restore the file from a \
         copy; or, to give up every record from offset {offset} on, move this file and the segments after it out of \
         the folder, together with the files `durable` and `clean`"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
        /// The first offset that cannot be trusted.
        offset: Offset,
        /// What is wrong.
        what: String,
    },
    /// A newer release wrote the file.
    #[error("{path} has format version {found}, this release reads up to {supported}; use the newer release")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this release knows.
        supported: u32,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl OpenError {
    /// Adds the path to what the operating system said.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// The same, of a reader.
    pub(crate) fn into_read(self) -> ReadError {
        match self {
            Self::Corrupt { path, position, offset, what } => {
                ReadError::Corrupt { path, position, offset, what }
            }
            Self::Io { path, source } => ReadError::Io { path, source },
            Self::InUse { dir } => {
                ReadError::Io { path: dir, source: io::Error::from(io::ErrorKind::WouldBlock) }
            }
            Self::Version { path, found, supported } => ReadError::Corrupt {
                path,
                position: 8,
                offset: 0,
                what: format!("format version {found}, this release reads up to {supported}"),
            },
        }
    }
}

impl ReadError {
    /// Adds the path to what the operating system said.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
