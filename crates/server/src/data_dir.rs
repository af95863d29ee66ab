//! What lies where in the data directory.

use std::path::{Path, PathBuf};

/// Where it is unless somebody says otherwise.
pub(crate) const DATA_DIR: &str = "./onepixel-data";

/// The data directory. Only paths; each part creates and owns its own files.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The durable log.
    pub(crate) fn stream(&self) -> PathBuf {
        self.0.join("stream")
    }

    /// Checkpoints of intents, one file a sink.
    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// What sinks refused, one file a sink.
    pub(crate) fn dead_letter(&self) -> PathBuf {
        self.0.join("dead-letter")
    }

    /// The archive, unless it has a URL of its own.
    pub(crate) fn archive(&self) -> PathBuf {
        self.0.join("archive")
    }

    /// The live view.
    pub(crate) fn live(&self) -> PathBuf {
        self.0.join("live.sqlite")
    }

    /// Who may sign in.
    pub(crate) fn access(&self) -> PathBuf {
        self.0.join("access.json")
    }

    /// The day's key for visitor hashes.
    pub(crate) fn visitor_salt(&self) -> PathBuf {
        self.0.join("visitor-salt")
    }
}
