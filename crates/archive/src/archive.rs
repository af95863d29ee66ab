//! The archive: an object store, the root inside it, and what can be done with its objects.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use onepixel_consumer::Offset;
use onepixel_event::Time;

use crate::error::{LOCAL_ADVICE, advice, chain};
use crate::folder::Folder;
use crate::lines::LineReader;
use crate::{ObjectName, ReadArchiveError, WriteArchiveError};

/// An archive that may be written and read; cheap to clone. See [`Archive::open`].
#[derive(Debug, Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    root: Path,
    url: String,
    folder: Option<Arc<Folder>>,
}

/// One entry of [`Archive::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// An object of ours.
    Object {
        /// What it holds.
        name: ObjectName,
        /// Its size, compressed.
        bytes: u64,
    },
    /// Something else that lies among them; readers of the folder will stumble over it.
    Foreign {
        /// Its path below the archive's root.
        path: String,
        /// Its size.
        bytes: u64,
    },
}

impl Archive {
    /// An archive at `root` inside any store; `url` is what errors call it. For stores that
    /// [`open`](Self::open) does not know, such as the one in memory; the store alone decides what is durable.
    pub fn over(store: Arc<dyn ObjectStore>, root: Path, url: impl Into<String>) -> Self {
        Self { store, root, url: url.into(), folder: None }
    }

    /// An archive in a local folder; `store` reads below it.
    pub(crate) fn local(store: Arc<dyn ObjectStore>, folder: Folder, url: String) -> Self {
        Self { store, root: Path::default(), url, folder: Some(Arc::new(folder)) }
    }

    /// The address, without secrets, as shown to people.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The local folder, when the archive is one.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref().map(Folder::top)
    }

    /// The address of one object.
    pub fn url_of(&self, name: &ObjectName) -> String {
        format!("{}/{name}", self.url)
    }

    /// Everything in the archive's `events` folder, in no particular order; what is not named like an object of ours
    /// is listed as [`Listed::Foreign`]. Half-written files of a local archive are not listed.
    pub fn list(&self) -> BoxStream<'static, Result<Listed, ReadArchiveError>> {
        self.list_below(ObjectName::root_folder())
    }

    /// Hands every line of an object to `on_line`, without its line end, and gives their number. Reads and inflates
    /// piece by piece: memory is bounded by [`LINE_BYTES_MAX`](crate::limits::LINE_BYTES_MAX).
    ///
    /// # Errors
    /// [`ReadArchiveError::Store`] when the object is not there or cannot be fetched, [`ReadArchiveError::Damaged`]
    /// when it is no gzip, cut off, or fails its checksum. Lines before the damage were handed out.
    pub async fn read_lines(
        &self,
        name: &ObjectName,
        on_line: impl FnMut(&[u8]) + Send,
    ) -> Result<u64, ReadArchiveError> {
        let url = || self.url_of(name);
        let failed = |e: object_store::Error| ReadArchiveError::Store { url: url(), cause: chain(&e) };
        let damaged = |source| ReadArchiveError::Damaged { url: url(), source };
        let mut lines = LineReader::new(on_line);
        let mut pieces = self.store.get(&self.path(name)).await.map_err(failed)?.into_stream();
        while let Some(piece) = pieces.try_next().await.map_err(failed)? {
            lines.push(&piece).map_err(damaged)?;
        }
        lines.finish().map_err(damaged)
    }

    /// Writes an object of any name below the root, over what is there; it is durable when this returns.
    ///
    /// # Errors
    /// [`WriteArchiveError`] when it may not be there.
    pub async fn put(&self, path: &str, object: impl Into<Bytes>) -> Result<(), WriteArchiveError> {
        let failed = |error: &dyn std::error::Error, advice| {
            WriteArchiveError::new(format!("{}/{path}", self.url), error, advice)
        };
        let object = object.into();
        match &self.folder {
            Some(folder) => folder.put(path, &object).map_err(|e| failed(&e, LOCAL_ADVICE)),
            None => self
                .store
                .put(&self.at(path), object.into())
                .await
                .map(drop)
                .map_err(|e| failed(&e, advice(&e))),
        }
    }

    /// The objects below a folder of any name, without those of its name alone: path below the root, and size in bytes.
    pub fn objects(&self, folder: &str) -> BoxStream<'static, Result<(String, u64), ReadArchiveError>> {
        let (root, url) = (self.root.clone(), self.url.clone());
        let below = folder.split('/').fold(self.root.clone(), |path, part| path.join(part));
        self.store
            .list(Some(&below))
            .map(move |entry| match entry {
                Ok(object) => Ok((below_root(&root, &object).to_owned(), object.size)),
                Err(e) => Err(ReadArchiveError::Store { url: url.clone(), cause: chain(&e) }),
            })
            .boxed()
    }

    /// A whole object of any name below the root: for small ones.
    ///
    /// # Errors
    /// [`ReadArchiveError::Store`] when it is not there or cannot be fetched.
    pub async fn get(&self, path: &str) -> Result<Bytes, ReadArchiveError> {
        let failed = |e: object_store::Error| ReadArchiveError::Store {
            url: format!("{}/{path}", self.url),
            cause: chain(&e),
        };
        self.store.get(&self.at(path)).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// Removes an object of any name below the root; fine when it is not there.
    ///
    /// # Errors
    /// [`WriteArchiveError`] when it may still be there.
    pub async fn delete(&self, path: &str) -> Result<(), WriteArchiveError> {
        let failed = |error: &dyn std::error::Error, advice| {
            WriteArchiveError::new(format!("{}/{path}", self.url), error, advice)
        };
        match &self.folder {
            Some(folder) => folder.remove(path).map_err(|e| failed(&e, LOCAL_ADVICE)),
            None => match self.store.delete(&self.at(path)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(e) => Err(failed(&e, advice(&e))),
            },
        }
    }

    /// Removes an object; fine when it is not there.
    pub(crate) async fn remove(&self, name: &ObjectName) -> Result<(), WriteArchiveError> {
        self.delete(&name.to_string()).await
    }

    fn at(&self, path: &str) -> Path {
        path.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    /// True when an object of the hour of `time` holds the record at `offset`.
    pub(crate) async fn holds(
        &self,
        time: Time,
        partition: u32,
        offset: Offset,
    ) -> Result<bool, ReadArchiveError> {
        let mut listed = self.list_hour(time);
        while let Some(entry) = listed.try_next().await? {
            if matches!(entry, Listed::Object { name, .. } if name.holds(partition, offset)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Everything in the folder of the hour of `time`.
    pub(crate) fn list_hour(&self, time: Time) -> BoxStream<'static, Result<Listed, ReadArchiveError>> {
        self.list_below(&ObjectName::hour_folder(time))
    }

    fn list_below(&self, folder: &str) -> BoxStream<'static, Result<Listed, ReadArchiveError>> {
        let (root, url) = (self.root.clone(), self.url.clone());
        let below = folder.split('/').fold(self.root.clone(), |path, part| path.join(part));
        self.store
            .list(Some(&below))
            .map(move |entry| match entry {
                Ok(object) => Ok(listed(&root, &object)),
                Err(e) => Err(ReadArchiveError::Store { url: url.clone(), cause: chain(&e) }),
            })
            .boxed()
    }

    fn path(&self, name: &ObjectName) -> Path {
        name.to_string().split('/').fold(self.root.clone(), |path, part| path.join(part))
    }
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn below_root<'a>(root: &Path, object: &'a ObjectMeta) -> &'a str {
    let path = object.location.as_ref();
    path.strip_prefix(root.as_ref()).unwrap_or(path).trim_start_matches('/')
}

fn listed(root: &Path, object: &ObjectMeta) -> Listed {
    let path = below_root(root, object);
    match path.parse() {
        Ok(name) => Listed::Object { name, bytes: object.size },
        Err(_) => Listed::Foreign { path: path.to_owned(), bytes: object.size },
    }
}
