//! The buffer a caller encodes its records into, already in the form in which they are stored.

use crate::{AppendError, Key};

/// Records that are appended together: all of them become durable, or none.
#[derive(Debug, Default)]
pub struct Records {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u32,
    pub(crate) keyed: bool,
}

impl Records {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record whose payload `write` appends to the buffer it is given.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`] when the payload exceeds the record limit; the buffer is then as it was before.
    pub fn push(&mut self, key: Option<Key>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), AppendError> {
        let _ = (key, write);
        unimplemented!()
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True without records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
