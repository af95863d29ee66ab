//! The embedded stream as a source.

use onepixel_stream::{Offset, ReadError, Reader, Record};

use crate::{Source, SourceError};

/// The embedded stream has one partition.
const PARTITION: u32 = 0;

/// Reads the embedded stream.
#[derive(Debug)]
pub struct StreamSource {
    reader: Reader,
}

impl StreamSource {
    /// Where the reader stands does not matter: a pipeline seeks first.
    pub fn new(reader: Reader) -> Self {
        Self { reader }
    }
}

impl Source for StreamSource {
    fn partition(&self) -> u32 {
        PARTITION
    }

    fn oldest(&self) -> Offset {
        self.reader.oldest()
    }

    fn end(&self) -> Offset {
        self.reader.end()
    }

    fn seek(&mut self, offset: Offset) {
        self.reader.seek(offset);
    }

    async fn next(&mut self, records_max: usize, bytes_max: usize) -> Result<Vec<Record>, SourceError> {
        self.reader.next(records_max, bytes_max).await.map_err(|error| match error {
            ReadError::Closed => SourceError::Closed,
            ReadError::Gone { offset, oldest } => SourceError::Gone { offset, oldest },
            ReadError::Corrupt { .. } => SourceError::Corrupt(error.into()),
            ReadError::Io { .. } => SourceError::Unavailable(error.into()),
        })
    }
}
