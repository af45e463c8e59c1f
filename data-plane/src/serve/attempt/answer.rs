//! From a sent request to an answer that may go to its caller, or to what the answer says is wrong.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use shared::adapter::Classified;
use shared::failure::Failure;
use tokio::time::timeout;

use super::{Answer, Call, Failed};
use crate::error::Fault;
use crate::http::header;
use crate::protocol::error::{Written, remade};
use crate::protocol::watch::{Seen, StreamError, Watch, is_answer, is_of_kind, must_be_looked_at};
use crate::snapshot::resource::Auth;
use crate::snapshot::route::Upstream;
use crate::upstream::{Client, Destination, Payload, Received};

/// How much of an error's body is read, and for how long.
const ERROR_BYTES: usize = 64 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(10);
/// How much of an answer is read before it goes on: of a stream that has not said anything yet, of an answer that may be none.
const PREFACE_BYTES: usize = 64 * 1024;

/// Sends a request and reads until it is known whether the answer is one.
pub(super) async fn answer(
    client: &Client,
    call: &Call<'_>,
    upstream: &Upstream,
    request: Request<Payload>,
) -> Result<Answer, Failed> {
    let addresses = upstream.addresses();
    let destination = Destination { pool: addresses.pool(), dialing: &upstream.provider.dialing };
    let response = client.request(destination, request).await.map_err(|failure| {
        tracing::debug!(%failure, "an upstream call got no answer");
        Failed { broke: !failure.is_before_the_request(), ..Failed::of(Failure::Unreachable) }
    })?;
    if !response.status().is_success() {
        return Err(refused(response, upstream).await);
    }
    // No encoding was asked for, and undoing it would mean to read and rewrite what passes. A page is a portal's or a wrong base URL's:
    // it would count as served, and make an unverified credential look good.
    let is_encoded = response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let content_type = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if is_encoded || is_of_kind(content_type, b"text/html") {
        return Err(Failed { status: Some(response.status()), ..Failed::of(Failure::ServerError) });
    }
    let watch = Watch::of(upstream.format, call.operation, call.delivery, content_type);
    let (head, body) = response.into_parts();
    match watch {
        Some(watch) => preface(head, body, watch, upstream).await,
        None if must_be_looked_at(upstream.format) => looked_at(head, body, upstream).await,
        None => Ok(Answer { head, passed: Bytes::new(), rest: Some(body), watch: None }),
    }
}

/// Reads a stream until it says something: an upstream that answers 200 and then fails has not served, and another still can.
async fn preface(
    head: http::response::Parts,
    mut body: Received,
    mut watch: Watch,
    upstream: &Upstream,
) -> Result<Answer, Failed> {
    let mut passed = Bytes::new();
    let cut = || Failed { status: Some(head.status), ..Failed::of(Failure::ServerError) };
    while watch.seen() == Seen::Nothing && passed.len() < PREFACE_BYTES {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Err(cut()),
            None => {
                // What still waited may be an error, or all there is.
                watch.end();
                return Err(watch.error().map_or_else(cut, |error| classified(error, &head, upstream)));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        let more = watch.feed(data);
        if let Some(error) = watch.error() {
            return Err(classified(error, &head, upstream));
        }
        passed = if passed.is_empty() { more } else { [passed, more].concat().into() };
    }
    Ok(Answer { head, passed, rest: Some(body), watch: Some(watch) })
}

/// Reads an answer whose status does not say whether it is one. An error is small: what is larger is an answer.
async fn looked_at(head: http::response::Parts, mut body: Received, upstream: &Upstream) -> Result<Answer, Failed> {
    let mut passed = Vec::new();
    while passed.len() < PREFACE_BYTES {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Err(Failed { status: Some(head.status), ..Failed::of(Failure::ServerError) }),
            None if is_answer(upstream.format, &passed) => {
                return Ok(Answer { head, passed: passed.into(), rest: None, watch: None });
            }
            None => return Err(failed(head.status, &head.headers, &passed.into(), upstream)),
        };
        if let Ok(data) = frame.into_data() {
            passed.extend_from_slice(&data);
        }
    }
    Ok(Answer { head, passed: passed.into(), rest: Some(body), watch: None })
}

/// An error that came as a stream's first event.
fn classified(error: &StreamError, head: &http::response::Parts, upstream: &Upstream) -> Failed {
    match &error.header {
        None => failed(error.status, &head.headers, &error.body, upstream),
        Some((name, value)) => {
            let mut headers = head.headers.clone();
            headers.insert(name.clone(), value.clone());
            failed(error.status, &headers, &error.body, upstream)
        }
    }
}

/// An answer other than a success.
async fn refused(response: Response<Received>, upstream: &Upstream) -> Failed {
    let (head, body) = response.into_parts();
    let body = match timeout(ERROR_TIME, Limited::new(body, ERROR_BYTES).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        // What can't be read classifies by its status.
        Ok(Err(_)) | Err(_) => Bytes::new(),
    };
    failed(head.status, &head.headers, &body, upstream)
}

fn failed(status: StatusCode, headers: &HeaderMap, body: &Bytes, upstream: &Upstream) -> Failed {
    let Classified { failure, retry_after, provider_code } = upstream
        .adapter
        .classify(status, headers, body, SystemTime::now())
        .unwrap_or(Classified { failure: Failure::ServerError, retry_after: None, provider_code: None });
    // A key that the caller brought is the caller's to mend.
    let is_callers = failure == Failure::CallersFault || upstream.provider.auth == Auth::Passthrough;
    let fault = (is_callers && status.is_client_error()).then(|| Box::new(fault(status, headers, body, upstream)));
    Failed { failure, retry_after, provider_code, status: Some(status), broke: false, unsupported: false, fault }
}

fn fault(status: StatusCode, headers: &HeaderMap, body: &Bytes, upstream: &Upstream) -> Fault {
    let Written { body, header } = remade(upstream.format, status, headers, body);
    let mut headers = header::for_caller(headers, upstream.adapter, &upstream.provider.edits);
    headers.extend(header.map(|(name, value)| (Some(name), value)));
    Fault { status, headers, body }
}
