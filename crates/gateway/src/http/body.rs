//! Reads a posted body: never more than the limit, never for longer than the limit, and never more over all
//! connections together than the process has room for.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use super::limits::{BODY_BYTES_FREE, Limits};
use super::respond::Refusal;

/// Bytes of bodies held at this moment, over all connections.
pub(super) struct Budget {
    held: AtomicUsize,
    bytes_max: usize,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { held: AtomicUsize::new(0), bytes_max }
    }

    /// A share for one body, with its free part.
    pub(super) fn share(&self) -> Share<'_> {
        Share { budget: self, free: BODY_BYTES_FREE, held: 0 }
    }
}

/// What one body holds of the [`Budget`]; given back when dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    free: usize,
    held: usize,
}

impl Share<'_> {
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let free = bytes.min(self.free);
        self.free -= free;
        let bytes = bytes - free;
        let before = self.budget.held.fetch_add(bytes, Ordering::Relaxed);
        self.held += bytes;
        if bytes > 0 && before + bytes > self.budget.bytes_max { Err(Refusal::Bodies) } else { Ok(()) }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

/// Reads the whole body. One that announces more than `bytes_max` is refused before its first byte is read.
pub(super) async fn read(
    mut body: Incoming,
    bytes_max: usize,
    limits: &Limits,
    share: &mut Share<'_>,
) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    let end = Instant::now() + limits.body_read_max;
    let mut whole = Pieces::default();
    loop {
        let next_by = end.min(Instant::now() + limits.body_idle_max);
        let frame = match timeout_at(next_by, body.frame()).await {
            Err(_) => return Err(Refusal::BodyTimeout),
            Ok(None) => return Ok(whole.into_bytes()),
            Ok(Some(Err(_))) => return Err(Refusal::BodyBroken),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are read and ignored; hyper limits them like a head.
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + piece.len() > bytes_max {
            return Err(Refusal::BodyTooLarge { bytes_max });
        }
        share.grow(piece.len())?;
        whole.push(piece);
    }
}

/// Reads a small body and throws it away, so that its connection can go on. False when it is better to close.
pub(super) async fn discard(body: Incoming, limits: &Limits) -> bool {
    // What is no larger than its free part cannot be refused for want of room.
    let budget = Budget::new(0);
    read(body, BODY_BYTES_FREE, limits, &mut budget.share()).await.is_ok()
}

/// A body in pieces; copied only when there is more than one.
#[derive(Default)]
struct Pieces {
    only: Bytes,
    joined: Vec<u8>,
}

impl Pieces {
    fn len(&self) -> usize {
        self.only.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.only = piece;
            return;
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.only));
        self.joined.extend_from_slice(&piece);
    }

    fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.only } else { self.joined.into() }
    }
}

/// Inflates gzip of one or more members, to `bytes_max` bytes at the most.
pub(super) fn inflate(body: &[u8], bytes_max: usize, share: &mut Share<'_>) -> Result<Bytes, Refusal> {
    let mut decoder = MultiGzDecoder::new(body);
    let mut inflated = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let read = match decoder.read(&mut piece) {
            Err(_) => return Err(Refusal::Gzip),
            Ok(0) => return Ok(inflated.into()),
            Ok(read) => read,
        };
        if inflated.len() + read > bytes_max {
            return Err(Refusal::InflatedTooLarge { bytes_max });
        }
        share.grow(read)?;
        inflated.extend_from_slice(&piece[..read]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn check(body: &[u8], budget: &Budget, expected: Result<&[u8], &str>) {
        let found = inflate(body, 100_000, &mut budget.share());
        let found = found.as_ref().map(Bytes::as_ref).map_err(Refusal::reason);
        assert_eq!(found, expected);
    }

    #[test]
    fn inflates_whole_members_within_the_limit() {
        let budget = Budget::new(200_000);
        check(&gzip(b"{}"), &budget, Ok(b"{}"));
        check(&[gzip(b"{"), gzip(b"}")].concat(), &budget, Ok(b"{}"));
        check(&gzip(&[b'x'; 100_000]), &budget, Ok(&[b'x'; 100_000]));
        check(&gzip(&[b'x'; 100_001]), &budget, Err("inflated_too_large"));
        check(&gzip(&vec![0; 2_000_000]), &budget, Err("inflated_too_large"));
        check(&gzip(b"{}")[..12], &budget, Err("gzip"));
        check(b"{}", &budget, Err("gzip"));
        check(&[gzip(b"{}"), b"junk".to_vec()].concat(), &budget, Err("gzip"));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_all_bodies_hold_is_bounded_and_given_back() {
        let budget = Budget::new(100_000);
        let large = gzip(&[b'x'; 90_000]);
        let mut first = budget.share();
        inflate(&large, 100_000, &mut first).unwrap();
        check(&large, &budget, Err("bodies"));
        check(&gzip(b"small"), &budget, Ok(b"small"));
        drop(first);
        check(&large, &budget, Ok(&[b'x'; 90_000]));
    }
}
