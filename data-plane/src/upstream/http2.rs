//! One HTTP/2 connection, shared by as many requests as an upstream usually lets onto one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{Request, Response, Version};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioTimer;
use shared::dial::{DialFailure, Stream};
use shared::task::Tasks;

use super::payload::Payload;
use super::received::Received;

/// Requests at a time, after which another connection is made: what most servers allow. One that allows fewer lets the others wait.
const STREAMS: usize = 100;
/// A stream's window, so that one answer is not held up by the round trip.
const STREAM_WINDOW: u32 = 1 << 20;
/// A connection's window: the sum over its streams.
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Finds connections whose other side is gone.
const PING: Duration = Duration::from_secs(20);

/// A connection. Its clones share it.
#[derive(Debug, Clone)]
pub(super) struct Http2 {
    sender: SendRequest<Payload>,
    /// One reference for each request, and the pool's.
    open: Arc<()>,
}

impl Http2 {
    pub(super) async fn new(stream: Stream, tasks: &Tasks) -> Result<Self, DialFailure> {
        let (sender, connection) = Builder::new(Driver(tasks.clone()))
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .handshake(stream)
            .await
            .map_err(|_| DialFailure::Broken)?;
        tasks.spawn("upstream connection", async {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an upstream's connection ended badly");
            }
        });
        Ok(Self { sender, open: Arc::default() })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(mut self, mut request: Request<Payload>) -> Result<Response<Received>, DialFailure> {
        *request.version_mut() = Version::HTTP_2;
        // HTTP/2 has it in the URI; a connection that was closed before it took the request may have left one.
        request.headers_mut().remove(HOST);
        let response = self.sender.send_request(request).await.map_err(|_| DialFailure::Broken)?;
        Ok(response.map(|body| Received::shared(body, self.open)))
    }

    /// Whether one more request may have it.
    pub(super) fn has_room(&self) -> bool {
        !self.sender.is_closed() && Arc::strong_count(&self.open) <= STREAMS
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether no request has it.
    pub(super) fn is_idle(&self) -> bool {
        Arc::strong_count(&self.open) == 1
    }
}

/// Runs what hyper does beside a connection.
#[derive(Clone)]
struct Driver(Tasks);

impl<F> Executor<F> for Driver
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn("upstream stream", future);
    }
}
