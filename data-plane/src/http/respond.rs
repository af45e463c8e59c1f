//! Answers: the body that goes to a caller, and the headers that every answer has.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use shared::adapter::Format;

use crate::error::Refusal;
use crate::protocol::error::{Written, written};
use crate::serve::relay::{Relay, RelayError};

/// What an answer's body is made of.
#[derive(Debug)]
pub(crate) enum Body {
    /// Bytes of ours.
    Full(Bytes),
    /// The upstream's, as they come.
    Relay(Box<Relay>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match self.get_mut() {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Relay(relay) => Pin::new(&mut **relay).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Relay(relay) => relay.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Relay(relay) => relay.size_hint(),
        }
    }
}

/// JSON of ours.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A refusal in the caller's format.
pub(crate) fn refusal(format: Format, refusal: Refusal) -> Response<Body> {
    let written = match &refusal {
        Refusal::CallersFault(fault) => Written { body: fault.body.clone(), header: None },
        other => written(format, &other.problem()),
    };
    let mut response = json(refusal.status(), written.body);
    let headers = response.headers_mut();
    headers.extend(written.header.map(|(name, value)| (Some(name), value)));
    if let Some(wait) = refusal.retry_after() {
        // Rounded up: a caller who comes back a moment too early is refused again.
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64));
    }
    if let Refusal::Method { allow } = refusal {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Refusal::CallersFault(fault) = &refusal {
        for (name, value) in fault.headers.iter().filter(|(name, _)| **name != CONTENT_TYPE) {
            headers.append(name.clone(), value.clone());
        }
    }
    response
}
