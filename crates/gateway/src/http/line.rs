//! A line: one connection on which hits come in their plainest form, answered without the HTTP library.
//!
//! Nearly all requests are the same few hundred bytes: a whole `GET` of the pixel in one piece, nothing behind it. A
//! line reads such a request, hands its event to the lane and goes on to wait for the next one; the answer is written
//! by whoever delivers the commit ([`super::delivery`]), without waking the connection's task. All else, be it another
//! path or method, a body, half a head or a byte out of the ordinary, is handed to hyper with what was read, and hyper
//! keeps the connection. A line therefore never has to say what is wrong with a request.

use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A head in one piece: what browsers send is a fifth of it. A longer one is hyper's.
const HEAD_BYTES_MAX: usize = 4096;

/// Nothing is under way.
const IDLE: u8 = 0;
/// A request is not answered yet.
const WAITING: u8 = 1;
/// The same, and the task wants to be woken when it is.
const WANTED: u8 = 2;
/// An answer could not be sent whole.
const STALLED: u8 = 3;
/// The last answer is sent.
const LAST: u8 = 4;
/// The client is gone.
const BROKEN: u8 = 5;

/// What a connection's task shares with whoever answers its requests.
#[derive(Debug)]
pub(super) struct Line {
    socket: OwnedWriteHalf,
    state: AtomicU8,
    rest: Mutex<Rest>,
    task: Mutex<Option<Waker>>,
    shutdown: CancellationToken,
    /// The lane's round in which its last request came; 0 before the first.
    round: AtomicU32,
}

/// What of an answer the socket did not take at once.
#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    last: bool,
}

impl Line {
    /// A request was read and will be answered.
    pub(super) fn begin(&self) {
        self.state.store(WAITING, Ordering::Release);
    }

    /// Remembers the lane's round; returns the one before, if there was one.
    pub(super) fn seen_in(&self, round: u32) -> Option<u32> {
        Some(self.round.swap(round, Ordering::Relaxed)).filter(|before| *before > 0)
    }

    /// Whether an answer that is sent now should be the last.
    pub(super) fn is_stopping(&self) -> bool {
        self.shutdown.is_cancelled()
    }

    /// Sends an answer, as much as the socket takes; the task sees to the rest. After the `last` one the line ends.
    pub(super) fn answer(&self, bytes: &[u8], last: bool) {
        let next = match self.socket.try_write(bytes) {
            Ok(sent) if sent < bytes.len() => self.keep(&bytes[sent..], last),
            Ok(_) => {
                if last {
                    LAST
                } else {
                    IDLE
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.keep(bytes, last),
            Err(error) => {
                tracing::trace!(%error, "the client left before its answer");
                BROKEN
            }
        };
        let before = self.state.swap(next, Ordering::AcqRel);
        if (before == WANTED || next != IDLE)
            && let Some(task) = &*lock(&self.task)
        {
            task.wake_by_ref();
        }
    }

    fn keep(&self, bytes: &[u8], last: bool) -> u8 {
        *lock(&self.rest) = Rest { bytes: bytes.to_vec(), last };
        STALLED
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a line is over.
pub(super) enum End {
    /// These bytes came, and are for hyper to read.
    Other(Vec<u8>),
    /// The last answer was sent.
    Answered,
    /// The client closed, nothing came in time, or the process is to stop; nothing was under way.
    Closed,
    /// The client broke the connection, or did not read its answer.
    Broken,
}

/// The task's side of a line.
pub(super) struct Incoming {
    line: Arc<Line>,
    socket: OwnedReadHalf,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    idle: Pin<Box<Sleep>>,
    idle_max: Duration,
    write_idle_max: Duration,
    /// When the last request came.
    since: Instant,
    /// Whom the timer and the token wake.
    registered: Option<Waker>,
}

impl Incoming {
    /// A line that gives up a client from whom nothing comes for `idle_max`, or who takes nothing for `write_idle_max`.
    pub(super) fn new(
        tcp: TcpStream,
        shutdown: CancellationToken,
        idle_max: Duration,
        write_idle_max: Duration,
    ) -> Self {
        let (socket, write) = tcp.into_split();
        let (rest, task) = (Mutex::default(), Mutex::default());
        Self {
            stopping: Box::pin(shutdown.clone().cancelled_owned()),
            line: Arc::new(Line {
                socket: write,
                state: AtomicU8::new(IDLE),
                rest,
                task,
                shutdown,
                round: AtomicU32::new(0),
            }),
            socket,
            idle: Box::pin(sleep(idle_max)),
            idle_max,
            write_idle_max,
            since: Instant::now(),
            registered: None,
        }
    }

    /// Gives each piece that comes to `take`, which says whether it was a request it will answer or has answered. Ends
    /// with the first that was not, or with the connection.
    pub(super) async fn run(&mut self, mut take: impl FnMut(&Arc<Line>, &[u8], Instant) -> bool) -> End {
        loop {
            let end = poll_fn(|cx| self.poll(cx, &mut take)).await;
            match end {
                Some(end) => return end,
                None => {
                    if let Some(end) = self.send_rest().await {
                        return end;
                    }
                }
            }
        }
    }

    /// The whole connection again. Nothing is under way, so whoever answered is about to let go of the line.
    pub(super) async fn into_tcp(self) -> io::Result<TcpStream> {
        let mut shared = self.line;
        let line = loop {
            match Arc::try_unwrap(shared) {
                Ok(line) => break line,
                Err(back) => shared = back,
            }
            tokio::task::yield_now().await;
        };
        self.socket.reunite(line.socket).map_err(io::Error::other)
    }

    /// `None` when the rest of an answer has to be sent.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&Arc<Line>, &[u8], Instant) -> bool,
    ) -> Poll<Option<End>> {
        self.register(cx);
        loop {
            match self.line.state.load(Ordering::Acquire) {
                IDLE => {}
                STALLED => return Poll::Ready(None),
                LAST => return Poll::Ready(Some(End::Answered)),
                BROKEN => return Poll::Ready(Some(End::Broken)),
                _ => return self.poll_answered(cx),
            }
            let mut piece = [const { MaybeUninit::uninit() }; HEAD_BYTES_MAX];
            let mut piece = ReadBuf::uninit(&mut piece);
            match Pin::new(&mut self.socket).poll_read(cx, &mut piece) {
                Poll::Pending if self.line.is_stopping() => return Poll::Ready(Some(End::Closed)),
                Poll::Pending => return self.poll_idle(cx).map(Some),
                Poll::Ready(Err(error)) => {
                    tracing::trace!(%error, "the client broke the connection");
                    return Poll::Ready(Some(End::Broken));
                }
                Poll::Ready(Ok(())) if piece.filled().is_empty() => return Poll::Ready(Some(End::Closed)),
                Poll::Ready(Ok(())) => {
                    self.since = Instant::now();
                    if !take(&self.line, piece.filled(), self.since) {
                        return Poll::Ready(Some(End::Other(piece.filled().to_vec())));
                    }
                }
            }
        }
    }

    /// While a request waits for its answer the task sleeps on, and learns of the answer only if there is more to do.
    fn poll_answered(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        if self.socket.as_ref().poll_read_ready(cx).is_ready() || self.line.is_stopping() {
            let wanted =
                self.line.state.compare_exchange(WAITING, WANTED, Ordering::AcqRel, Ordering::Acquire);
            if !matches!(wanted, Ok(_) | Err(WANTED)) {
                // It was answered just now.
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// A request does not set the timer anew: it runs out, and is set again for what is left then.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        while self.idle.is_elapsed() {
            let until = self.since + self.idle_max;
            if until <= Instant::now() {
                return Poll::Ready(End::Closed);
            }
            self.idle.as_mut().reset(until);
            if self.idle.as_mut().poll(cx).is_pending() {
                break;
            }
        }
        Poll::Pending
    }

    /// Leaves the task's waker with all that may wake it beside the socket; it stays the same as long as the task lives.
    fn register(&mut self, cx: &mut Context<'_>) {
        if self.registered.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        self.registered = Some(cx.waker().clone());
        *lock(&self.line.task) = Some(cx.waker().clone());
        if self.idle.as_mut().poll(cx).is_ready() | self.stopping.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Sends what the socket did not take. Some end if that was all, or if the client does not take it either.
    async fn send_rest(&self) -> Option<End> {
        let Rest { bytes, last } = std::mem::take(&mut *lock(&self.line.rest));
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let writable = timeout(self.write_idle_max, self.line.socket.writable()).await;
            if !matches!(writable, Ok(Ok(()))) {
                return Some(End::Broken);
            }
            match self.line.socket.try_write(rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Some(End::Broken),
            }
        }
        self.line.state.store(IDLE, Ordering::Release);
        last.then_some(End::Answered)
    }
}
