//! A connection whose other side stops reading, or never begins to write, ends: otherwise it would hold an upstream's answer and its
//! memory, or a descriptor, for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a write may wait for room.
const STALL: Duration = Duration::from_secs(60);

/// How long a connection may take to say which version of HTTP it speaks. Until it has, hyper runs no timer; from then on its own do.
const BEGIN: Duration = Duration::from_secs(75);
/// What decides the version: as many bytes as HTTP/2's preface has. No request is shorter that does anything.
const PREFACE: usize = 24;

/// A stream whose writes have a time limit, and its beginning too.
#[derive(Debug)]
pub(super) struct Unstalled<S> {
    stream: S,
    /// `None` once enough was read.
    beginning: Option<Beginning>,
    /// Made at the first write that waits.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

/// A connection's first bytes.
#[derive(Debug, Default)]
struct Beginning {
    read: usize,
    /// Made at the first read that waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstalled<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, beginning: Some(Beginning::default()), timer: None, is_waiting: false }
    }

    /// What a write came to, with its wait bounded.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(STALL)));
        if !self.is_waiting {
            self.is_waiting = true;
            timer.as_mut().reset(Instant::now() + STALL);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let unstalled = &mut *self;
        let Some(beginning) = &mut unstalled.beginning else {
            return Pin::new(&mut unstalled.stream).poll_read(cx, into);
        };
        let before = into.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut unstalled.stream).poll_read(cx, into) {
            beginning.read += into.filled().len() - before;
            if beginning.read >= PREFACE {
                unstalled.beginning = None;
            }
            return Poll::Ready(read);
        }
        ready!(beginning.timer.get_or_insert_with(|| Box::pin(sleep(BEGIN))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, from);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, from);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bounded(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_reads_ends_and_one_that_is_read_slowly_does_not() {
        let (near, mut far) = duplex(1);
        let mut stream = Unstalled::new(near);
        let reading = async {
            let mut byte = [0];
            for _ in 0..3 {
                sleep(STALL * 3 / 4).await;
                far.read_exact(&mut byte).await.unwrap();
            }
        };
        let writing = async { stream.write_all(b"abc").await };
        let (written, ()) = tokio::join!(writing, reading);
        written.unwrap();
        assert_eq!(stream.write_all(b"abc").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_begins_ends_and_one_that_has_begun_may_be_quiet() {
        for first in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let (near, mut far) = duplex(64);
            let mut stream = Unstalled::new(near);
            far.write_all(first).await.unwrap();
            let mut read = Vec::new();
            let ended = timeout(BEGIN + STALL, stream.read_to_end(&mut read)).await.expect("it ends in time");
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!(read, first);
        }
        let (near, mut far) = duplex(64);
        let mut stream = Unstalled::new(near);
        far.write_all(&[b'x'; PREFACE]).await.unwrap();
        stream.read_exact(&mut [0; PREFACE]).await.unwrap();
        assert!(timeout(BEGIN * 2, stream.read_u8()).await.is_err(), "it waits");
    }
}
