//! Records: what callers append, what readers get back, and the bytes in between.
//!
//! ```text
//!  0        4       5                21
//!  | bytes  | flags | key (optional) | payload ...
//!  u32 LE   bit 0: a key follows
//! ```
//! `bytes` counts the payload alone. All other bits of `flags` are zero. A record's offset is its frame's base
//! plus its index in it.

use std::sync::Arc;

use bytes::Bytes;

use crate::settings::RECORD_BYTES_MAX;

/// A record's position in the stream, counted from 0 without gaps.
pub type Offset = u64;

/// What makes two appends the same: the second is acknowledged and not stored again.
pub type Key = [u8; 16];

/// Tells the time in milliseconds since the Unix epoch. Passed in, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// One durable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position.
    pub offset: Offset,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub committed_at_ms: u64,
    /// The deduplication key it was appended with.
    pub key: Option<Key>,
    /// The bytes that were appended.
    pub payload: Bytes,
}

/// Bytes of a record before its key.
pub(crate) const PREFIX_BYTES: usize = 5;
const KEY_FLAG: u8 = 1;

/// Starts a record at the end of `bytes`; the payload follows. Returns where it starts.
pub(crate) fn begin(bytes: &mut Vec<u8>, key: Option<&Key>) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&[0, 0, 0, 0, if key.is_some() { KEY_FLAG } else { 0 }]);
    if let Some(key) = key {
        bytes.extend_from_slice(key);
    }
    start
}

/// Ends the record that [`begin`] started at `start`: `bytes` ends with its payload of this size.
pub(crate) fn end(bytes: &mut [u8], start: usize, payload_bytes: usize) {
    debug_assert!(payload_bytes <= RECORD_BYTES_MAX, "a payload over the limit");
    let size = u32::try_from(payload_bytes).unwrap_or(u32::MAX);
    bytes[start..start + 4].copy_from_slice(&size.to_le_bytes());
}

/// Where the parts of an encoded record lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The key, if it has one.
    pub key: Option<Key>,
    /// Where the payload starts.
    pub payload: usize,
    /// Where the record ends.
    pub end: usize,
}

/// Takes the record at `start` apart. `None`: there is no whole record.
pub(crate) fn parts(bytes: &[u8], start: usize) -> Option<Parts> {
    let prefix = bytes.get(start..start.checked_add(PREFIX_BYTES)?)?;
    let payload_bytes = u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]) as usize;
    let mut payload = start + PREFIX_BYTES;
    let key = match prefix[4] {
        0 => None,
        KEY_FLAG => {
            let key = bytes.get(payload..payload + size_of::<Key>())?;
            payload += size_of::<Key>();
            Some(Key::try_from(key).ok()?)
        }
        _ => return None,
    };
    let end = payload.checked_add(payload_bytes)?;
    (payload_bytes <= RECORD_BYTES_MAX && end <= bytes.len()).then_some(Parts { key, payload, end })
}

/// True when `bytes` are `count` whole records and nothing else.
pub(crate) fn tile(bytes: &[u8], count: u32) -> bool {
    let mut at = 0;
    for _ in 0..count {
        match parts(bytes, at) {
            Some(parts) => at = parts.end,
            None => return false,
        }
    }
    at == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(records: &[(Option<Key>, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, payload) in records {
            let start = begin(&mut bytes, key.as_ref());
            bytes.extend_from_slice(payload);
            end(&mut bytes, start, payload.len());
        }
        bytes
    }

    #[test]
    fn what_was_encoded_comes_apart() {
        let bytes = encoded(&[(None, b"abc"), (Some([7; 16]), b""), (Some([8; 16]), b"de")]);
        let first = parts(&bytes, 0).unwrap();
        let second = parts(&bytes, first.end).unwrap();
        let third = parts(&bytes, second.end).unwrap();
        assert_eq!((first.key, &bytes[first.payload..first.end]), (None, &b"abc"[..]));
        assert_eq!((second.key, &bytes[second.payload..second.end]), (Some([7; 16]), &b""[..]));
        assert_eq!((third.key, &bytes[third.payload..third.end]), (Some([8; 16]), &b"de"[..]));
        assert!(tile(&bytes, 3));
        assert!(!tile(&bytes, 2) && !tile(&bytes, 4));
    }

    #[test]
    fn broken_bytes_are_no_record() {
        #[track_caller]
        fn check(bytes: &[u8]) {
            assert_eq!(parts(bytes, 0), None, "{bytes:?}");
        }
        check(b"");
        check(&[0, 0, 0, 0]);
        check(&[1, 0, 0, 0, 0]);
        check(&[0, 0, 0, 0, 1]);
        check(&[0, 0, 0, 0, 2]);
        check(&[0xff, 0xff, 0xff, 0xff, 0]);
    }
}
