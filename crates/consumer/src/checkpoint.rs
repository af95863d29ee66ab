//! The checkpoint of intents: where a sink goes on that cannot keep its position with its data.
//!
//! One small file a sink: everything below `committed` is done; `intent` is the end of the batch that was about to
//! be written, so that after a crash exactly the same range is written again. Promises that the file is at any
//! moment the old one or the new one, whole and durable. Never guesses: a file it cannot read is an error.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use onepixel_stream::Offset;
use serde::{Deserialize, Serialize};

/// The format this program writes, and the only one it reads.
const VERSION: u32 = 1;

/// Why a checkpoint cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file is there, but says nothing that can be relied on.
    #[error(
        "{path}: cannot be used as a checkpoint: {reason}. It says from which record on the sink is to be written. \
         Put back a copy of it. Without one, empty the sink and then delete this file: the sink is written again \
         from the oldest record of the stream"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
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

/// How far a sink is, on disk.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    partition: u32,
    committed: Offset,
    intent: Option<Offset>,
}

impl Checkpoint {
    /// Reads `{dir}/{sink}.json`; a file that does not exist means that the sink starts at 0. Creates nothing.
    ///
    /// # Errors
    /// [`CheckpointError::Unusable`] when the file is damaged or from another version.
    pub fn open(dir: &Path, sink: &str) -> Result<Self, CheckpointError> {
        let path = dir.join(format!("{sink}.json"));
        let content = match read(&path) {
            Ok(text) => {
                parse(&text).map_err(|reason| CheckpointError::Unusable { path: path.clone(), reason })?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Content { version: VERSION, ..Content::default() }
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(CheckpointError::Unusable { path, reason: error.to_string() });
            }
            Err(source) => return Err(CheckpointError::Io { path, source }),
        };
        Ok(Self { path, content })
    }

    /// Everything below this offset is in the sink or in its dead-letter log.
    pub fn committed(&self) -> Offset {
        self.content.committed
    }

    /// The end of the batch, from `committed` on, that was about to be written and may be there in part.
    pub fn intent(&self) -> Option<Offset> {
        self.content.intent
    }

    /// Makes sure that it is the checkpoint of this partition: offsets of another mean something else.
    pub(crate) fn claim(&mut self, partition: u32) -> Result<(), CheckpointError> {
        if self.content.committed == 0 && self.content.intent.is_none() {
            self.content.partition = partition;
        }
        if self.content.partition != partition {
            let reason = format!("it is of partition {}, not {partition}", self.content.partition);
            return Err(CheckpointError::Unusable { path: self.path.clone(), reason });
        }
        Ok(())
    }

    /// Replaces the file; `Ok` when the new one survives a crash. Does nothing when nothing changes.
    pub(crate) fn save(&mut self, committed: Offset, intent: Option<Offset>) -> Result<(), CheckpointError> {
        let content = Content { committed, intent, ..self.content };
        if content != self.content {
            self.replace(&content)?;
            self.content = content;
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "this module owns the checkpoint's file")]
    fn replace(&self, content: &Content) -> Result<(), CheckpointError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CheckpointError::Io { path, source }
        };
        let temporary = self.path.with_extension("json.new");
        let dir = self.path.parent().unwrap_or(Path::new("."));
        create_dir(dir).map_err(failed(dir))?;
        let text =
            serde_json::to_string(content).map_err(io::Error::from).map_err(failed(&self.path))? + "\n";
        write_synced(&temporary, text.as_bytes()).map_err(failed(&temporary))?;
        std::fs::rename(&temporary, &self.path).map_err(failed(&self.path))?;
        sync_dir(dir).map_err(failed(dir))
    }
}

fn parse(text: &str) -> Result<Content, String> {
    #[derive(Deserialize)]
    struct Any {
        version: u32,
    }
    let Any { version } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("it has version {version}, and this program knows version {VERSION}"));
    }
    let content: Content = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match content.intent {
        Some(intent) if intent <= content.committed => {
            Err(format!("its intent ({intent}) is not after its committed offset ({})", content.committed))
        }
        _ => Ok(content),
    }
}

#[expect(clippy::disallowed_methods, reason = "this module owns the checkpoint's file")]
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Creates the folder, durably, unless it is there.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().create(dir) {
        Ok(()) => dir.parent().map_or(Ok(()), sync_dir),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            dir.parent().map_or(Ok(()), create_dir)?;
            create_dir(dir)
        }
        Err(error) => Err(error),
    }
}

/// Makes the names in a folder durable.
#[expect(clippy::disallowed_methods, reason = "this module owns the checkpoint's folder")]
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // The parent of a relative path of one name is the empty path.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the files themselves")]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data").join("checkpoint");
        let mut checkpoint = Checkpoint::open(&folder, "archive").unwrap();
        assert_eq!((checkpoint.committed(), checkpoint.intent()), (0, None));
        assert!(!folder.exists(), "opening creates nothing");
        checkpoint.claim(0).unwrap();
        for (committed, intent) in
            [(0, Some(100)), (100, Some(150)), (150, None), (u64::MAX - 1, Some(u64::MAX))]
        {
            checkpoint.save(committed, intent).unwrap();
            let read = Checkpoint::open(&folder, "archive").unwrap();
            assert_eq!((read.committed(), read.intent()), (committed, intent));
        }
        let names: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["archive.json"], "no temporary file is left");
    }

    #[test]
    fn the_format_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut checkpoint = Checkpoint::open(dir.path(), "archive").unwrap();
        checkpoint.save(100, Some(200)).unwrap();
        let text = std::fs::read_to_string(dir.path().join("archive.json")).unwrap();
        assert_eq!(text, "{\"version\":1,\"partition\":0,\"committed\":100,\"intent\":200}\n");
    }

    #[test]
    fn a_file_left_by_a_crash_while_saving_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("archive.json.new"), "{\"version\":1,\"par").unwrap();
        let mut checkpoint = Checkpoint::open(dir.path(), "archive").unwrap();
        assert_eq!(checkpoint.committed(), 0);
        checkpoint.save(5, None).unwrap();
        assert_eq!(Checkpoint::open(dir.path(), "archive").unwrap().committed(), 5);
    }

    #[test]
    fn a_file_that_cannot_be_relied_on_is_refused_by_name() {
        fn check(text: impl AsRef<[u8]>, expected: &str) {
            let (dir, text) = (tempfile::tempdir().unwrap(), text.as_ref());
            std::fs::write(dir.path().join("archive.json"), text).unwrap();
            let error = Checkpoint::open(dir.path(), "archive").unwrap_err().to_string();
            let shown = text.escape_ascii();
            assert!(error.contains("archive.json") && error.contains(expected), "{shown}: {error}");
            assert!(error.contains("Put back a copy"), "{error}");
        }
        check("", "EOF");
        check("{\"version\":1,\"partition\":0,\"comm", "EOF");
        check("\0\0\0\0\0\0\0\0", "expected value");
        check(b"{\"version\":\xff", "UTF-8");
        check("{\"version\":2,\"anything\":true}", "version 2");
        check("{\"version\":1,\"partition\":0,\"committed\":-1,\"intent\":null}", "-1");
        check("{\"version\":1,\"partition\":0,\"committed\":9,\"intent\":9}", "not after");
        check("{\"version\":1,\"partition\":0,\"committed\":9,\"intent\":null,\"more\":1}", "more");
        check("{\"version\":1,\"partition\":0,\"committed\":9,\"intent\":null} {}", "trailing");
    }

    #[test]
    fn another_partitions_checkpoint_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut checkpoint = Checkpoint::open(dir.path(), "archive").unwrap();
        checkpoint.claim(3).unwrap();
        checkpoint.save(10, None).unwrap();
        let mut read = Checkpoint::open(dir.path(), "archive").unwrap();
        read.claim(3).unwrap();
        assert!(matches!(read.claim(0), Err(CheckpointError::Unusable { .. })));
    }
}
