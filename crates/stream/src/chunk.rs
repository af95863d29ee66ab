//! Chunks: memory of one size for what readers are given.
//!
//! Records keep what was read for as long as they are held, and an allocator that has to serve a hundred sizes of some hundred
//! kilobytes keeps more than twice as much.

use bytes::BytesMut;

/// Half as much leaves more unused behind large frames, twice as much is held longer by the last record in it.
const CHUNK_BYTES: usize = 1 << 20;

/// Begins another chunk, unless so many bytes have room in this one.
pub(crate) fn make_room(chunk: &mut BytesMut, bytes: usize) {
    if chunk.capacity() < bytes {
        *chunk = BytesMut::with_capacity(CHUNK_BYTES.max(bytes));
    }
}
