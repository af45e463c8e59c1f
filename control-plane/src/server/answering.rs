//! Which requests are being answered, so that a stop waits for these and not for connections on which nothing was asked.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::{Service, ServiceExt as _};

/// Counts the requests that are being answered. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Answering(TaskTracker);

impl Answering {
    /// Answers a request, which counts until the last byte of its answer was handed over.
    pub(super) async fn answer<S, B>(
        &self,
        service: S,
        request: Request<Incoming>,
    ) -> Result<Response<Answer<B>>, Infallible>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    {
        let token = self.0.token();
        let response = service.oneshot(request).await?;
        Ok(response.map(|body| Answer { body, _token: token }))
    }

    /// Ends when no request is being answered.
    pub(super) async fn none(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

/// An answer's body, which counts.
#[derive(Debug)]
pub(super) struct Answer<B> {
    body: B,
    _token: TaskTrackerToken,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
