//! One reader of the stream's end for all feeds, on a thread of its own: each hit is read and taken apart once, however
//! many people watch, and never on a thread that takes hits. Rests while nobody watches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onepixel_event::Event;
use onepixel_stream::{Offset, ReadError, Reader, Record, Stream};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use super::filter::Fields;

/// Records and bytes in one piece; a piece a fifth of a second is 2,500 hits a second, more than a screen can show.
const RECORDS_MAX: usize = 500;
const BYTES_MAX: usize = 1 << 20;
const PIECE_EVERY: Duration = Duration::from_millis(200);
/// Pieces kept for a feed that does not keep up: three seconds, and 16 MiB at the very most.
const PIECES_MAX: usize = 16;
/// Records the tail may be behind before it leaves some out: each feed then tells its client how many.
const BEHIND_MAX: Offset = 5_000;

/// One hit of the stream.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) offset: Offset,
    /// The stored line, or `null` if that is no JSON.
    pub(super) line: String,
    /// `None` when it is no event.
    pub(super) fields: Option<Fields>,
}

/// All hits of the offsets from `first` up to and without `end`.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) first: Offset,
    pub(super) end: Offset,
    pub(super) hits: Vec<Arc<Hit>>,
}

/// The end of the stream as feeds follow it.
pub(crate) struct Tail {
    shared: Arc<Shared>,
}

struct Shared {
    pieces: broadcast::Sender<Arc<Piece>>,
    /// The offset of the next piece; `None` while nobody watches.
    next: Mutex<Option<Offset>>,
    wake: Notify,
    stream: Stream,
    stop: CancellationToken,
}

impl Tail {
    /// Starts the thread; it ends with `stop`.
    pub(crate) fn start(stream: Stream, stop: CancellationToken) -> std::io::Result<Self> {
        let (pieces, _) = broadcast::channel(PIECES_MAX);
        let shared = Arc::new(Shared { pieces, next: Mutex::new(None), wake: Notify::new(), stream, stop });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let following = shared.clone();
        std::thread::Builder::new()
            .name("live-feed".into())
            .spawn(move || runtime.block_on(following.run()))?;
        Ok(Self { shared })
    }

    /// What comes from the returned offset on.
    pub(super) fn subscribe(&self) -> (broadcast::Receiver<Arc<Piece>>, Offset) {
        let mut next = self.shared.next();
        let pieces = self.shared.pieces.subscribe();
        let position = *next.get_or_insert_with(|| self.shared.stream.state().durable);
        drop(next);
        self.shared.wake.notify_one();
        (pieces, position)
    }
}

impl Shared {
    fn next(&self) -> MutexGuard<'_, Option<Offset>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self) {
        while self.stop.run_until_cancelled(self.wake.notified()).await.is_some() {
            match self.stop.run_until_cancelled(self.follow()).await {
                Some(Ok(())) | None => {}
                Some(Err(ReadError::Closed)) => return,
                Some(Err(error)) => {
                    tracing::warn!(%error, "the live feed cannot read the stream; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    self.wake.notify_one();
                }
            }
        }
    }

    /// Publishes pieces until nobody watches.
    async fn follow(&self) -> Result<(), ReadError> {
        let Some(mut from) = *self.next() else { return Ok(()) };
        let mut reader = self.stream.reader(from);
        loop {
            from = catch_up(&mut reader, from);
            match reader.next(RECORDS_MAX, BYTES_MAX).await {
                Ok(records) => from = self.publish(&records, from),
                Err(ReadError::Gone { oldest, .. }) => {
                    from = oldest;
                    reader.seek(oldest);
                }
                Err(error) => return Err(error),
            }
            if self.rests() {
                return Ok(());
            }
            tokio::time::sleep(PIECE_EVERY).await;
        }
    }

    fn publish(&self, records: &[Record], from: Offset) -> Offset {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return from };
        let hits = records.iter().map(|record| Arc::new(Hit::of(record))).collect();
        let piece = Piece { first: first.offset, end: last.offset + 1, hits };
        let end = piece.end;
        let mut next = self.next();
        // Nobody listens any more: nothing to do.
        drop(self.pieces.send(Arc::new(piece)));
        *next = Some(end);
        end
    }

    /// True, and the position is forgotten, when nobody watches.
    fn rests(&self) -> bool {
        let mut next = self.next();
        let rests = self.pieces.receiver_count() == 0;
        if rests {
            *next = None;
        }
        rests
    }
}

/// Leaves out what is too far behind.
fn catch_up(reader: &mut Reader, from: Offset) -> Offset {
    let newest = reader.end().saturating_sub(RECORDS_MAX as Offset);
    if newest > from.saturating_add(BEHIND_MAX) {
        reader.seek(newest);
        return newest;
    }
    from
}

impl Hit {
    pub(super) fn of(record: &Record) -> Self {
        let event = Event::decode(&record.payload);
        let fields = event.ok().map(|event| Fields::of(&event));
        let json: Result<&serde_json::value::RawValue, _> = serde_json::from_slice(&record.payload);
        // A line end would end the field of the Server-Sent Event; JSON has them between its tokens only.
        let line = json.map_or_else(|_| "null".to_owned(), |json| json.get().replace(['\n', '\r'], " "));
        Self { offset: record.offset, line, fields }
    }
}
