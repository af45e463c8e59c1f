//! One upstream call: address, sign, send, and what the answer means.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use shared::adapter::{Adapter, Classified, Key, Operation, Unsigned};
use shared::base_url::Origin;
use shared::failure::Failure;
use tokio::time::{Instant, timeout, timeout_at};

use crate::balance::Pick;
use crate::error::Fault;
use crate::http::header;
use crate::protocol::openai::error::{ErrorBody, status_in};
use crate::protocol::openai::stream::{Seen, Watch};
use crate::snapshot::route::Stop;
use crate::upstream::{Client, Payload, Received};

/// How long the first byte of an answer may take.
const FIRST_BYTE: Duration = Duration::from_secs(300);
/// How much of an error's body is read, and for how long.
const ERROR_BYTES: usize = 64 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(10);
/// How much of a stream is read while it has not said anything yet.
const PREFACE_BYTES: usize = 64 * 1024;

/// What to call for.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    /// The caller's headers.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) deadline: Instant,
}

/// An answer that may go to the caller.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    pub(crate) body: Received,
    /// Of a stream: what came of it already, and its watch.
    pub(crate) stream: Option<(Bytes, Watch)>,
}

/// A call that failed. Nothing of it went to the caller.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) provider_code: Option<&'static str>,
    /// The upstream's status, if it answered.
    pub(crate) status: Option<StatusCode>,
    /// A connection that was made broke before a byte of an answer came, as one does that was closing while the request was sent.
    pub(crate) broke: bool,
    /// What the caller gets if the request is at fault.
    pub(crate) fault: Option<Box<Fault>>,
}

impl Failed {
    fn of(failure: Failure) -> Self {
        Self { failure, retry_after: None, provider_code: None, status: None, broke: false, fault: None }
    }
}

/// Makes one call, up to the first event of a stream, or the head of any other answer.
///
/// # Errors
///
/// What failed. Dropping the future ends the call.
pub(crate) async fn attempt(
    client: &Client,
    call: &Call<'_>,
    now: Instant,
    stop: &Stop,
    pick: Option<&Pick>,
    payload: Payload,
) -> Result<Answer, Failed> {
    let adapter = stop.upstream.adapter;
    let mut headers = header::for_upstream(call.headers, adapter);
    if let Some(pick) = pick {
        // A value that no header can carry was refused when it came; another adapter may be stricter.
        let key = Key { value: &pick.member().value, token: None, additional: None };
        let unsigned = Unsigned {
            method: &Method::POST,
            uri: stop.upstream.address(call.operation).1,
            headers: &mut headers,
            body: &[],
            now: SystemTime::now(),
        };
        adapter.sign(&stop.upstream.provider.place, key, unsigned).map_err(|_| Failed::of(Failure::Rejected))?;
    }
    let mut request = Request::new(payload);
    *request.method_mut() = Method::POST;
    let (origin, uri) = stop.upstream.address(call.operation);
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers;
    let until = call.deadline.min(now + FIRST_BYTE);
    match timeout_at(until, answer(client, origin, request, adapter)).await {
        Ok(answered) => answered,
        Err(_) => Err(Failed::of(Failure::TimedOut)),
    }
}

async fn answer(
    client: &Client,
    origin: &Origin,
    request: Request<Payload>,
    adapter: &dyn Adapter,
) -> Result<Answer, Failed> {
    let response = client.request(origin, request).await.map_err(|failure| {
        tracing::debug!(%failure, "an upstream call got no answer");
        Failed { broke: !failure.is_before_the_request(), ..Failed::of(Failure::Unreachable) }
    })?;
    if !response.status().is_success() {
        return Err(refused(response, adapter).await);
    }
    // No encoding was asked for, and undoing it would mean to read and rewrite what passes. A page is a portal's or a wrong base URL's:
    // it would count as served, and make an unverified credential look good.
    let is_encoded = response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    if is_encoded || is_of_kind(response.headers(), b"text/html") {
        return Err(Failed { status: Some(response.status()), ..Failed::of(Failure::ServerError) });
    }
    let (head, mut body) = response.into_parts();
    let is_stream = is_of_kind(&head.headers, b"text/event-stream");
    let stream = if is_stream { Some(preface(&mut body, &head, adapter).await?) } else { None };
    Ok(Answer { head, body, stream })
}

/// Whether the content's type is this one, whatever its parameters.
fn is_of_kind(headers: &HeaderMap, kind: &[u8]) -> bool {
    let given = headers.get(CONTENT_TYPE).map(|given| given.as_bytes()).unwrap_or_default();
    given.get(..kind.len()).is_some_and(|given| given.eq_ignore_ascii_case(kind))
}

/// Reads a stream until it says something: an upstream that answers 200 and then fails has not served, and another still can.
async fn preface(
    body: &mut Received,
    head: &http::response::Parts,
    adapter: &dyn Adapter,
) -> Result<(Bytes, Watch), Failed> {
    let mut watch = Watch::default();
    let mut passed = Bytes::new();
    let cut = || Failed { status: Some(head.status), ..Failed::of(Failure::ServerError) };
    while watch.seen() == Seen::Nothing && passed.len() < PREFACE_BYTES {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(_)) | None => return Err(cut()),
        };
        let Ok(data) = frame.into_data() else { continue };
        let more = watch.feed(data);
        if let Some(error) = watch.error() {
            return Err(classified(error, head, adapter));
        }
        passed = if passed.is_empty() { more } else { [passed, more].concat().into() };
    }
    Ok((passed, watch))
}

/// An error that came as a stream's first event.
fn classified(error: &Bytes, head: &http::response::Parts, adapter: &dyn Adapter) -> Failed {
    let status = status_in(error).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    failed(status, &head.headers, error, adapter)
}

/// An answer other than a success.
async fn refused(response: Response<Received>, adapter: &dyn Adapter) -> Failed {
    let (head, body) = response.into_parts();
    let body = match timeout(ERROR_TIME, Limited::new(body, ERROR_BYTES).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        // What can't be read classifies by its status.
        Ok(Err(_)) | Err(_) => Bytes::new(),
    };
    failed(head.status, &head.headers, &body, adapter)
}

fn failed(status: StatusCode, headers: &HeaderMap, body: &Bytes, adapter: &dyn Adapter) -> Failed {
    let Classified { failure, retry_after, provider_code } = adapter
        .classify(status, headers, body, SystemTime::now())
        .unwrap_or(Classified { failure: Failure::ServerError, retry_after: None, provider_code: None });
    let fault = (failure == Failure::CallersFault && status.is_client_error()).then(|| {
        let error = ErrorBody::remade(body).unwrap_or_else(|| {
            ErrorBody::new(
                "the provider refused the request and gave no reason",
                "invalid_request_error",
                "upstream_error",
            )
        });
        Box::new(Fault { status, headers: header::for_caller(headers, adapter), body: error.to_json() })
    });
    Failed { failure, retry_after, provider_code, status: Some(status), broke: false, fault }
}
