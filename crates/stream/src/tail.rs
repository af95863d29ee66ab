//! Where the durable part of the log ends, as a reader sees it: from the writer in this process, or from the
//! `durable` file another process writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use bytes::Bytes;

use crate::disk::Disk;
use crate::frame::Header;
use crate::marks::{DURABLE, Durable};
use crate::recent::Recent;
use crate::state::Published;
use crate::{Offset, OpenError, ReadError, recovery, segment};

/// How often another process's log is looked at: soon enough for a person who watches, at no cost.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// What a reader follows.
pub(crate) enum Tail {
    /// The writer in this process.
    Live(watch::Receiver<Published>, Arc<Recent>),
    /// A folder that another process may write.
    Folder(Folder),
}

/// A folder that another process may write.
pub(crate) struct Folder {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    oldest: Offset,
    end: Offset,
}

impl Tail {
    /// Offset of the first record that is kept, as last seen.
    pub(crate) fn oldest(&self) -> Offset {
        match self {
            Self::Live(published, _) => published.borrow().oldest,
            Self::Folder(folder) => folder.oldest,
        }
    }

    /// Offset after the last durable record, as last seen.
    pub(crate) fn end(&self) -> Offset {
        match self {
            Self::Live(published, _) => published.borrow().durable,
            Self::Folder(folder) => folder.end,
        }
    }

    /// The frame that holds this offset, if it is in memory.
    pub(crate) fn recent(&self, offset: Offset) -> Option<(Header, Bytes)> {
        match self {
            Self::Live(_, recent) => recent.find(offset),
            Self::Folder(_) => None,
        }
    }

    /// Looks again; true when nothing will be appended any more.
    pub(crate) fn look(&mut self) -> Result<bool, ReadError> {
        match self {
            Self::Live(published, _) => Ok(published.borrow_and_update().closed),
            Self::Folder(folder) => folder.look().map(|()| false),
        }
    }

    /// Waits until looking again may show something new.
    pub(crate) async fn changed(&mut self) -> Result<(), ReadError> {
        match self {
            Self::Live(published, _) => published.changed().await.map_err(|_| ReadError::Closed),
            Self::Folder(_) => {
                tokio::time::sleep(POLL_EVERY).await;
                Ok(())
            }
        }
    }
}

impl Folder {
    /// Finds out how far the folder's log reaches.
    ///
    /// The `durable` file is taken at its word while the machine's run is the one it was written in: a writer may
    /// be at work, and what lies beyond it may not be synced. Without it, or after a crash of the machine, no
    /// writer has opened the log since (it would have written the file), all that can be read comes from the
    /// disk, and the log reaches as far as recovery would accept. Neither is more than a writer would recover.
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: PathBuf) -> Result<Self, OpenError> {
        let durable = Durable::read(disk.as_ref(), &dir).map_err(OpenError::io(&dir))?;
        let end = match durable.filter(|durable| durable.boot_id == disk.boot_id()) {
            Some(durable) => durable.end,
            None => recovery::inspect(disk.as_ref(), &dir)?.end(),
        };
        let bases = segment::list(disk.as_ref(), &dir).map_err(OpenError::io(&dir))?;
        let oldest = bases.first().copied().unwrap_or(0).min(end);
        Ok(Self { disk, dir, oldest, end })
    }

    fn look(&mut self) -> Result<(), ReadError> {
        let durable = Durable::read(self.disk.as_ref(), &self.dir).map_err(ReadError::io(&self.dir))?;
        // A mark that is just being overwritten counts next time.
        if let Some(durable) = durable.filter(|durable| durable.boot_id == self.disk.boot_id()) {
            self.advance(durable.end)?;
        }
        let bases = segment::list(self.disk.as_ref(), &self.dir).map_err(ReadError::io(&self.dir))?;
        self.oldest = bases.first().copied().unwrap_or(self.oldest).min(self.end);
        Ok(())
    }

    fn advance(&mut self, end: Offset) -> Result<(), ReadError> {
        if end < self.end {
            let what = format!("the durable end went back from {} to {end}: the log was replaced", self.end);
            return Err(ReadError::Corrupt { path: self.dir.join(DURABLE), position: 8, offset: end, what });
        }
        self.end = end;
        Ok(())
    }
}
