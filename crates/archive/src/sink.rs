//! The archive as a sink.
//!
//! A batch is looked at whole, then each of its runs becomes an object. Writing it again overwrites the same names
//! with the same bytes.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use onepixel_consumer::{Batch, Offset, Record, Sink, SinkError};

use crate::encode::gzip_lines;
use crate::limits::PUTS_IN_FLIGHT_MAX;
use crate::run;
use crate::{Archive, Listed, ObjectName, ReadArchiveError, WriteArchiveError, Written};

/// Writes batches into an [`Archive`].
///
/// Everything that goes wrong with the store is [`SinkError::Unavailable`], even a missing bucket or a wrong key: that
/// is set-up, not content, and passes when somebody corrects it.
#[derive(Debug)]
pub struct ArchiveSink {
    archive: Archive,
    /// Nothing was written yet: what comes first may be there already, in other objects.
    unwritten: bool,
    written: Option<Written>,
}

/// An object that can be written.
#[derive(Debug, Clone)]
pub struct Object {
    name: ObjectName,
    bytes: Bytes,
}

/// The objects of some records, one for each run; or why one of them is no event.
fn objects(partition: u32, records: &[Record]) -> Result<Vec<Object>, String> {
    let runs = run::split(partition, records)?;
    let object = |run: run::Run| {
        let lines = records[run.at].iter().map(|record| &*record.payload);
        Object { name: run.name, bytes: gzip_lines(lines).into() }
    };
    Ok(runs.into_iter().map(object).collect())
}

impl ArchiveSink {
    /// A sink into `archive`.
    pub fn new(archive: Archive) -> Self {
        Self { archive, unwritten: true, written: None }
    }

    /// The same sink, telling `written` of each object.
    #[must_use]
    pub fn telling(self, written: Written) -> Self {
        Self { written: Some(written), ..self }
    }

    /// Refuses to archive twice. A repeated batch has the names of its first time; other objects with its offsets mean
    /// that the checkpoint is not the one that goes with this archive. Asked once, since it costs a listing of the
    /// hour. Who may not list may still write.
    async fn check_first(&self, objects: &[Object]) -> Result<(), SinkError> {
        match self.other_object(objects).await {
            Ok(None) => Ok(()),
            Ok(Some(url)) => Err(SinkError::Unavailable(Box::new(AlreadyArchived { url }))),
            Err(error) => {
                tracing::debug!(%error, "cannot tell whether the archive holds the first batch already");
                Ok(())
            }
        }
    }

    async fn other_object(&self, objects: &[Object]) -> Result<Option<String>, ReadArchiveError> {
        let mut hours: Vec<_> = objects.iter().map(|object| object.name.first_at.hour_start()).collect();
        hours.sort_unstable();
        hours.dedup();
        for hour in hours {
            let mut listed = self.archive.list_hour(hour);
            while let Some(entry) = listed.try_next().await? {
                let Listed::Object { name, .. } = entry else { continue };
                let ours = || objects.iter().map(|object| &object.name);
                if ours().any(|ours| name.overlaps(ours)) && ours().all(|ours| name != *ours) {
                    return Ok(Some(self.archive.url_of(&name)));
                }
            }
        }
        Ok(None)
    }

    async fn put(&self, objects: &[Object]) -> Result<(), SinkError> {
        let archive = &self.archive;
        stream::iter(objects.iter().cloned())
            .map(|Object { name, bytes }| async move {
                let size = bytes.len();
                archive.put(&name.to_string(), bytes).await?;
                tracing::debug!(url = archive.url_of(&name), bytes = size, "object written");
                if let Some(written) = &self.written {
                    written.push(name, size);
                }
                Ok(())
            })
            .buffer_unordered(PUTS_IN_FLIGHT_MAX)
            .try_collect()
            .await
            .map_err(unavailable)
    }
}

impl Sink for ArchiveSink {
    /// The objects, or why a record is refused.
    type Prepared = Result<Vec<Object>, String>;

    fn name(&self) -> &'static str {
        "archive"
    }

    async fn position(&mut self) -> Result<Option<Offset>, SinkError> {
        Ok(None)
    }

    fn prepare(batch: &Batch) -> Self::Prepared {
        objects(batch.partition, &batch.records)
    }

    async fn write_prepared(&mut self, _: &Batch, prepared: &Self::Prepared) -> Result<(), SinkError> {
        let objects = prepared.as_ref().map_err(|reason| SinkError::Refused { reason: reason.clone() })?;
        if self.unwritten {
            self.check_first(objects).await?;
        }
        self.put(objects).await?;
        self.unwritten = false;
        Ok(())
    }

    /// Removes the objects that a write of the batch makes. A batch that is refused has made none.
    ///
    /// A remote store may still finish a request whose answer nobody waited for; so do not drop a write and retract it
    /// at once.
    async fn retract(&mut self, batch: &Batch) -> Result<(), SinkError> {
        for run in run::split(batch.partition, &batch.records).unwrap_or_default() {
            self.archive.remove(&run.name).await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// The record becomes an object of its own, unless an object of its hour holds it already: a batch that was given
    /// up half-way may have been written in part.
    async fn replay(&mut self, partition: u32, record: &Record) -> Result<(), SinkError> {
        let objects = objects(partition, std::slice::from_ref(record))
            .map_err(|reason| SinkError::Refused { reason })?;
        for object in &objects {
            let held = self.archive.holds(object.name.first_at, partition, record.offset).await;
            if held.map_err(|e| SinkError::Unavailable(Box::new(e)))? {
                tracing::debug!(offset = record.offset, archive = %self.archive, "the archive holds the record already");
                return Ok(());
            }
        }
        self.put(&objects).await
    }
}

/// Somebody has to say which of the two is right; until then nothing is written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{url} holds some of these events already: the checkpoint was deleted or set back, or another server writes into \
     this archive. Nothing is written, lest they be there twice: put back the checkpoint that goes with this archive, \
     or move the objects from this one on away"
)]
struct AlreadyArchived {
    url: String,
}

fn unavailable(error: WriteArchiveError) -> SinkError {
    SinkError::Unavailable(Box::new(error))
}
