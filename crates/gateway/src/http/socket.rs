//! A connection, plain or encrypted, that gives up a client who stops reading.
//!
//! hyper limits how long a head may take, not how long a client may leave an answer unread; without a limit such
//! clients would hold their connections for ever. The timer exists only while a write waits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep, timeout};

pub(crate) struct Socket<T> {
    inner: T,
    /// What was read from it already.
    read: Bytes,
    write_idle_max: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Socket<T> {
    /// A connection of which `read` has been read already.
    pub(crate) fn new(inner: T, read: Bytes, write_idle_max: Duration) -> Self {
        Self { inner, read, write_idle_max, stalled: None }
    }

    /// Says that nothing more will be sent, then throws away what still comes until the client closes too.
    /// Ends after `duration_max` or `bytes_max` at the latest.
    pub(crate) async fn linger(mut self, duration_max: Duration, bytes_max: usize) {
        let discard = async {
            self.shutdown().await?;
            let mut discarded = 0;
            let mut piece = [0; 8 * 1024];
            while discarded < bytes_max {
                match self.inner.read(&mut piece).await? {
                    0 => break,
                    read => discarded += read,
                }
            }
            io::Result::Ok(())
        };
        match timeout(duration_max, discard).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::trace!(%error, "the client closed first"),
            Err(_) => tracing::trace!("the client is still sending"),
        }
    }

    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.write_idle_max)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buffer);
        }
        let bytes = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read.split_to(bytes));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
