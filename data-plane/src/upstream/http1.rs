//! One HTTP/1.1 connection, driven by whoever uses it.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use shared::dial::{DialFailure, Stream};
use tokio::task::unconstrained;

use super::payload::Payload;

/// A connection and its sender, which speak through channels of hyper's. Nobody else looks at those, so that what passes through them
/// need not wake anybody: the connection is polled first and the channel after it, with a waker that does nothing.
#[derive(Debug)]
pub(super) struct Http1 {
    sender: SendRequest<Payload>,
    /// `None` once it is closed.
    connection: Option<http1::Connection<Stream, Payload>>,
}

/// A request that got no answer.
pub(super) enum Unanswered {
    /// The connection was closed before anything was written to it.
    Unsent(Box<Request<Payload>>),
    /// It broke before the head of an answer came.
    Broken,
}

impl Http1 {
    pub(super) async fn new(stream: Stream) -> Result<Self, DialFailure> {
        // Does no more than to make the two.
        let (sender, connection) = http1::handshake(stream).await.map_err(|_| DialFailure::Broken)?;
        Ok(Self { sender, connection: Some(connection) })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&mut self, mut request: Request<Payload>) -> Result<Response<Incoming>, Unanswered> {
        let absolute = std::mem::take(request.uri_mut());
        if let Some(path) = absolute.path_and_query() {
            *request.uri_mut() = Uri::from(path.clone());
        }
        let Self { sender, connection } = self;
        // Out of tokio's budget, it would ask to be polled again through the waker that does nothing.
        let mut answer = pin!(unconstrained(sender.try_send_request(request)));
        let answer = poll_fn(|cx| {
            drive(connection, cx);
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        answer.await.map_err(|mut error| match error.take_message() {
            Some(mut request) => {
                *request.uri_mut() = absolute;
                Unanswered::Unsent(Box::new(request))
            }
            None => Unanswered::Broken,
        })
    }

    /// Reads and writes what can be.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Whether the next request may have it. Takes back every waker that it holds, so that it wakes nobody meanwhile.
    pub(super) fn is_free(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// A connection that has ended is dropped at once: its channels then say so.
fn drive(connection: &mut Option<http1::Connection<Stream, Payload>>, cx: &mut Context<'_>) {
    if let Some(open) = connection
        && let Poll::Ready(ended) = Pin::new(open).poll(cx)
    {
        if let Err(error) = ended {
            tracing::debug!(%error, "an upstream's connection ended badly");
        }
        *connection = None;
    }
}
