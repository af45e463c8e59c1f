//! An answer's body, which drives the connection that it comes from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1::Http1;
use super::pool::Host;

/// An answer's body. Dropped before its end, it closes the connection, or with HTTP/2 the stream.
#[derive(Debug)]
pub(crate) struct Received {
    body: Incoming,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// A connection of its own, and where it goes afterwards.
    Own(Box<Http1>, Arc<Host>),
    /// One of several on a connection: the reference counts them.
    Shared { _open: Arc<()> },
    /// The answer has ended.
    Nowhere,
}

impl Received {
    pub(super) fn own(body: Incoming, connection: Box<Http1>, host: Arc<Host>) -> Self {
        Self { body, source: Source::Own(connection, host) }
    }

    pub(super) fn shared(body: Incoming, open: Arc<()>) -> Self {
        Self { body, source: Source::Shared { _open: open } }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, source } = self.get_mut();
        let frame = match source {
            Source::Own(connection, _) => {
                let quietly = &mut Context::from_waker(Waker::noop());
                match Pin::new(&mut *body).poll_frame(quietly) {
                    Poll::Ready(frame) => Poll::Ready(frame),
                    Poll::Pending => {
                        // Taking what is read wakes whoever read it: only a look that finds nothing may ask to be woken.
                        connection.drive(quietly);
                        match Pin::new(&mut *body).poll_frame(quietly) {
                            Poll::Ready(frame) => Poll::Ready(frame),
                            Poll::Pending => {
                                connection.drive(cx);
                                Pin::new(&mut *body).poll_frame(quietly)
                            }
                        }
                    }
                }
            }
            Source::Shared { .. } | Source::Nowhere => Pin::new(&mut *body).poll_frame(cx),
        };
        // Who knows the length does not ask for the end.
        let has_ended = matches!(frame, Poll::Ready(None)) || (frame.is_ready() && body.is_end_stream());
        if has_ended && let Source::Own(connection, host) = std::mem::replace(source, Source::Nowhere) {
            host.put_http1(connection);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
