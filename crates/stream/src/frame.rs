//! Frames: what one commit leaves in a segment, and the seal that ends one.
//!
//! ```text
//! frame header, 48 bytes, little endian        seal, 48 bytes, little endian
//!  0  magic "1PXF"                              0  magic "1PXS"
//!  4  bytes of the body             u32         4  keys in the segment          u32
//!  8  records in the body           u32         8  offset after the last record u64
//! 12  CRC32C of the body            u32        16  where the seal lies          u64
//! 16  offset of the first record    u64        24  time of the first commit     u64
//! 24  commit time, ms since 1970    u64        32  time of the newest commit    u64
//! 32  durable end when written      u64
//! 40  zero                          u32        40  zero                         u32
//! 44  CRC32C of bytes 0 to 43       u32        44  CRC32C of bytes 0 to 43      u32
//! ```
//! The durable end says which frames were synced when this one was written: recovery tells damage to one of those
//! (refused) from a write that never finished (cut).

use crate::Offset;
use crate::settings::APPEND_BYTES_MAX;

/// Bytes of a frame's header, and of a seal.
pub(crate) const HEADER_BYTES: usize = 48;
/// How every frame starts.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"1PXF";
const SEAL_MAGIC: [u8; 4] = *b"1PXS";
const CRC_AT: usize = 44;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of the body.
    pub body_bytes: u32,
    /// Records in the body.
    pub records: u32,
    /// Checksum of the body.
    pub body_crc: u32,
    /// Offset of the first record.
    pub base: Offset,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub committed_at_ms: u64,
    /// Where the durable part of the log ended when the frame was written.
    pub durable: Offset,
}

/// The last thing in a segment that takes no more frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Keys in the segment.
    pub keys: u32,
    /// Offset after the last record.
    pub end: Offset,
    /// Where the seal lies, in bytes.
    pub position: u64,
    /// When the first frame was committed.
    pub first_ms: u64,
    /// When the newest frame was committed.
    pub newest_ms: u64,
}

/// What stands where a frame may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A frame.
    Frame(Header),
    /// The end of a sealed segment.
    Seal(Seal),
}

impl Header {
    /// Offset after the last record.
    pub(crate) fn end(&self) -> Offset {
        self.base + u64::from(self.records)
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }

    /// The header's bytes.
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&FRAME_MAGIC);
        bytes[4..8].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.records.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.base.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.committed_at_ms.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.durable.to_le_bytes());
        with_crc(bytes)
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let header = Self {
            body_bytes: u32_at(bytes, 4),
            records: u32_at(bytes, 8),
            body_crc: u32_at(bytes, 12),
            base: u64_at(bytes, 16),
            committed_at_ms: u64_at(bytes, 24),
            durable: u64_at(bytes, 32),
        };
        let sound = header.records > 0
            && header.body_bytes as usize <= APPEND_BYTES_MAX
            && header.durable <= header.base
            && header.base.checked_add(u64::from(header.records)).is_some();
        sound.then_some(header)
    }
}

impl Seal {
    /// The seal's bytes.
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&SEAL_MAGIC);
        bytes[4..8].copy_from_slice(&self.keys.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.end.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.position.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_ms.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.newest_ms.to_le_bytes());
        with_crc(bytes)
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        Self {
            keys: u32_at(bytes, 4),
            end: u64_at(bytes, 8),
            position: u64_at(bytes, 16),
            first_ms: u64_at(bytes, 24),
            newest_ms: u64_at(bytes, 32),
        }
    }
}

impl Mark {
    /// Reads a frame's header or a seal. `None`: the bytes are neither.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        if u32_at(bytes, CRC_AT) != crc32c::crc32c(&bytes[..CRC_AT]) || u32_at(bytes, 40) != 0 {
            return None;
        }
        match [bytes[0], bytes[1], bytes[2], bytes[3]] {
            FRAME_MAGIC => Header::decode(bytes).map(Self::Frame),
            SEAL_MAGIC => Some(Self::Seal(Seal::decode(bytes))),
            _ => None,
        }
    }
}

fn with_crc(mut bytes: [u8; HEADER_BYTES]) -> [u8; HEADER_BYTES] {
    let crc = crc32c::crc32c(&bytes[..CRC_AT]);
    bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The number at `at`; the caller knows that it is there.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The number at `at`; the caller knows that it is there.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        body_bytes: 77,
        records: 3,
        body_crc: 0xdead_beef,
        base: 1 << 40,
        committed_at_ms: 5,
        durable: 9,
    };
    const SEAL: Seal = Seal { keys: 4, end: 1 << 40, position: 4096, first_ms: 7, newest_ms: 8 };

    #[test]
    fn headers_and_seals_come_back() {
        assert_eq!(Mark::decode(&HEADER.encode()), Some(Mark::Frame(HEADER)));
        assert_eq!(Mark::decode(&SEAL.encode()), Some(Mark::Seal(SEAL)));
        assert_eq!(HEADER.end(), (1 << 40) + 3);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        for bytes in [HEADER.encode(), SEAL.encode()] {
            for bit in 0..HEADER_BYTES * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Mark::decode(&flipped), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn impossible_headers_are_refused() {
        #[track_caller]
        fn check(header: Header) {
            assert_eq!(Mark::decode(&header.encode()), None);
        }
        check(Header { records: 0, ..HEADER });
        check(Header { body_bytes: u32::MAX, ..HEADER });
        check(Header { durable: HEADER.base + 1, ..HEADER });
        check(Header { base: u64::MAX, ..HEADER });
        assert_eq!(Mark::decode(&HEADER.encode()[..47]), None);
    }
}
