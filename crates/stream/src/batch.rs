//! The buffer a caller encodes its records into, already in the form in which they are stored.

use crate::settings::{APPEND_BYTES_MAX, RECORD_BYTES_MAX};
use crate::{AppendError, Key, record};

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

    /// An empty buffer with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Adds a record whose payload `write` appends to the buffer it is given. The buffer holds the records before
    /// it too, which `write` leaves alone.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`] when the payload exceeds [`RECORD_BYTES_MAX`] or all records together
    /// [`APPEND_BYTES_MAX`]; the buffer is then as it was before.
    pub fn push(&mut self, key: Option<Key>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), AppendError> {
        let start = record::begin(&mut self.bytes, key.as_ref());
        let payload = self.bytes.len();
        write(&mut self.bytes);
        assert!(self.bytes.len() >= payload, "a payload's writer took away what was there before");
        let payload_bytes = self.bytes.len() - payload;
        if let Err(error) =
            limit(payload_bytes, RECORD_BYTES_MAX).and(limit(self.bytes.len(), APPEND_BYTES_MAX))
        {
            self.bytes.truncate(start);
            return Err(error);
        }
        record::end(&mut self.bytes, start, payload_bytes);
        self.count += 1;
        self.keyed |= key.is_some();
        Ok(())
    }

    /// Adds the records of another append.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.count += other.count;
        self.keyed |= other.keyed;
    }

    /// Empties the buffer and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.keyed = false;
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True without records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes the records take, encoded.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

fn limit(bytes: usize, bytes_max: usize) -> Result<(), AppendError> {
    if bytes > bytes_max { Err(AppendError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_leaves_the_buffer_as_it_was() {
        let mut records = Records::new();
        records.push(None, |buffer| buffer.extend_from_slice(b"first")).unwrap();
        let before = records.bytes.clone();
        let error =
            records.push(Some([1; 16]), |buffer| buffer.resize(buffer.len() + RECORD_BYTES_MAX + 1, 0));
        let expected = AppendError::TooLarge { bytes: RECORD_BYTES_MAX + 1, bytes_max: RECORD_BYTES_MAX };
        assert_eq!(error, Err(expected));
        assert_eq!((records.bytes, records.count, records.keyed), (before, 1, false));
    }

    #[test]
    fn an_append_is_limited_as_a_whole() {
        let mut records = Records::with_capacity(APPEND_BYTES_MAX);
        let fits = APPEND_BYTES_MAX / (RECORD_BYTES_MAX + 5);
        for _ in 0..fits {
            records.push(None, |buffer| buffer.resize(buffer.len() + RECORD_BYTES_MAX, b'x')).unwrap();
        }
        let error = records.push(None, |buffer| buffer.resize(buffer.len() + RECORD_BYTES_MAX, b'x'));
        assert!(matches!(error, Err(AppendError::TooLarge { bytes_max: APPEND_BYTES_MAX, .. })), "{error:?}");
        assert_eq!(records.len(), fits);
    }
}
