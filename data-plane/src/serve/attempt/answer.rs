//! From a sent request to an answer that may go to its caller, or to what the answer says is wrong.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use shared::adapter::{Classified, Format, Operation};
use shared::failure::Failure;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Answer, Call, Failed};
use crate::error::Fault;
use crate::protocol::error::{Problem, Retold, Written, remade, written};
use crate::protocol::scrub::scrub;
use crate::protocol::watch::{
    Ending, Seen, StreamError, Watch, begins_with_error, error_in, is_answer, is_of_kind, must_be_looked_at,
};
use crate::protocol::{Dialect, Unsayable};
use crate::serve::header;
use crate::serve::say::{Said, Translated};
use crate::snapshot::resource::Auth;
use crate::snapshot::route::Upstream;
use crate::upstream::{Client, Destination, Payload, Received};

/// How much of an error's body is read, and for how long.
const ERROR_BYTES: usize = 64 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(10);
/// How much of an answer is read before it goes on: of a stream that has not said anything yet, of an answer that may be none.
const PREFACE_BYTES: usize = 64 * 1024;
/// How long a stream is waited for that has begun and not said anything yet: callers, and what stands before them, give up on silence.
const PREFACE_TIME: Duration = Duration::from_secs(15);
/// The longest answer that may be nothing but an error.
const SMALL_BYTES: u64 = 8 * 1024;

/// Sends a request and reads until it is known whether the answer is one.
pub(super) async fn answer(
    client: &Client,
    call: &Call<'_>,
    said: &Said,
    upstream: &Upstream,
    request: Request<Payload>,
) -> Result<Answer, Failed> {
    let addresses = upstream.addresses();
    let destination = Destination { pool: addresses.pool(), dialing: &upstream.provider.dialing };
    let of = Of { upstream, translated: said.translated.as_deref() };
    let response = client.request(destination, request).await.map_err(|failure| {
        tracing::debug!(%failure, "an upstream call got no answer");
        Failed { broke: !failure.is_before_the_request(), ..Failed::of(Failure::Unreachable) }
    })?;
    if call.below.is_some() {
        let (head, body) = response.into_parts();
        return as_it_is(head, body, of).await;
    }
    if !response.status().is_success() {
        return Err(refused(response, of).await);
    }
    // No encoding was asked for, and undoing it would mean to read and rewrite what passes. A page is a portal's or a wrong base URL's:
    // it would count as served, and make an unverified credential look good.
    let is_encoded = response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let content_type = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if is_encoded || is_of_kind(content_type, b"text/html") {
        return Err(cut(&response.into_parts().0));
    }
    let watch = match of.translated {
        None => Watch::of(upstream.format, said.operation, call.delivery, content_type),
        Some(translated) => {
            translated.between().and_then(|between| Watch::between(&between, call.delivery, content_type))
        }
    };
    let (head, body) = response.into_parts();
    match watch {
        Some(watch) => Ok(Answer { head, passed: Bytes::new(), rest: Some(body), watch: Some(watch) }),
        None if of.translated.is_some() => Ok(Answer { head, passed: Bytes::new(), rest: Some(body), watch: None }),
        None if must_be_looked_at(upstream.format, said.operation) => looked_at(head, body, of).await,
        None => glanced_at(head, body, said.operation, of).await,
    }
}

/// Reads a stream until it says something: an upstream that answers 200 and then fails has not served, and another still can. One that gives
/// signs of life and says nothing goes on after a while, so that its caller hears them too.
pub(super) async fn preface(answer: Answer, until: Instant, deadline: Instant, of: Of<'_>) -> Result<Answer, Failed> {
    let (head, mut body, mut watch) = match answer {
        Answer { head, rest: Some(body), watch: Some(watch), .. } => (head, body, watch),
        other => return Ok(other),
    };
    let (mut passed, mut lives, mut until) = (Bytes::new(), false, until);
    while watch.seen() == Seen::Nothing && passed.len() < PREFACE_BYTES {
        let frame = match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(cut(&head)),
            Err(_) if lives && Instant::now() < deadline => break,
            Err(_) => return Err(Failed { failure: Failure::TimedOut, ..cut(&head) }),
            Ok(None) => {
                // What still waited may be an error, or all there is.
                let (rest, ending) = watch.end();
                return match (stream_error(&watch, &head, of), ending) {
                    (Some(failed), _) => Err(failed),
                    (None, Ending::Cut) => Err(cut(&head)),
                    (None, Ending::Well) => {
                        let passed = [passed, rest].concat().into();
                        Ok(Answer { head, passed, rest: None, watch: Some(watch) })
                    }
                };
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        let more = watch.feed(data);
        if let Some(failed) = stream_error(&watch, &head, of) {
            return Err(failed);
        }
        passed = if passed.is_empty() { more } else { [passed, more].concat().into() };
        if !std::mem::replace(&mut lives, true) && watch.seen() == Seen::Nothing {
            until = until.min(Instant::now() + PREFACE_TIME);
        }
    }
    Ok(Answer { head, passed, rest: Some(body), watch: Some(watch) })
}

/// Reads an answer whose status does not say whether it is one. An error is small: what is larger is an answer.
async fn looked_at(head: http::response::Parts, mut body: Received, of: Of<'_>) -> Result<Answer, Failed> {
    let mut passed = Vec::new();
    while passed.len() < PREFACE_BYTES {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Err(cut(&head)),
            None if is_answer(of.upstream.format, &passed) => {
                return Ok(Answer { head, passed: passed.into(), rest: None, watch: None });
            }
            None => return Err(failed(head.status, &head.headers, &passed.into(), of)),
        };
        if let Ok(data) = frame.into_data() {
            passed.extend_from_slice(&data);
        }
    }
    Ok(Answer { head, passed: passed.into(), rest: Some(body), watch: None })
}

/// Looks at a small answer before it goes on: some vendors answer with 200 and then say in the body what failed, and one that breaks off can still
/// come from elsewhere.
async fn glanced_at(
    head: http::response::Parts,
    mut body: Received,
    operation: Operation,
    of: Of<'_>,
) -> Result<Answer, Failed> {
    let is_small = body.size_hint().exact().is_some_and(|length| (1..=SMALL_BYTES).contains(&length));
    if !is_small {
        return Ok(Answer { head, passed: Bytes::new(), rest: Some(body), watch: None });
    }
    let mut passed = Bytes::new();
    while !body.is_end_stream() {
        let data = match body.frame().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return Err(cut(&head)),
            None => break,
        };
        passed = if passed.is_empty() { data } else { [passed, data].concat().into() };
    }
    let dialect = Dialect::of(of.upstream.format, operation).filter(|dialect| dialect.format() == Format::OpenAi);
    let dialect = dialect.filter(|_| begins_with_error(&passed));
    if let Some(error) = dialect.and_then(|dialect| error_in(dialect, &passed)) {
        return Err(classified(&error, &head, of));
    }
    Ok(Answer { head, passed, rest: None, watch: None })
}

/// What made a stream fail, if something did.
fn stream_error(watch: &Watch, head: &http::response::Parts, of: Of<'_>) -> Option<Failed> {
    match watch.unsayable() {
        Some(what) => Some(unsayable(what, head, of)),
        None => watch.error().map(|error| classified(error, head, of)),
    }
}

/// An error that came as a stream's first event, or as an answer.
pub(super) fn classified(error: &StreamError, head: &http::response::Parts, of: Of<'_>) -> Failed {
    match &error.header {
        None => failed(error.status, &head.headers, &error.body, of),
        Some((name, value)) => {
            let mut headers = head.headers.clone();
            headers.insert(name.clone(), value.clone());
            failed(error.status, &headers, &error.body, of)
        }
    }
}

/// An answer that the caller's format has no words for. Nobody is at fault, and another target would answer alike.
pub(super) fn unsayable(what: &Unsayable, head: &http::response::Parts, of: Of<'_>) -> Failed {
    let problem = Problem {
        status: StatusCode::BAD_GATEWAY,
        code: "answer_not_translatable",
        message: format!("the answer can't be given in this format: {what}").into(),
    };
    let fault = of.fault(problem.status, &head.headers, written(of.callers_format(), &problem));
    let request_id = header::request_id(&head.headers);
    Failed { status: Some(head.status), request_id, fault: Some(Box::new(fault)), ..Failed::of(Failure::CallersFault) }
}

/// An answer to a call whose meaning nobody knows: it goes on as it is, but for one that refuses our credential, which is not the caller's to
/// know, and for an error that is cut. What is known to be an error is scrubbed.
async fn as_it_is(head: http::response::Parts, mut body: Received, of: Of<'_>) -> Result<Answer, Failed> {
    let is_error = head.status.is_client_error() || head.status.is_server_error();
    if !is_error || of.upstream.provider.auth != Auth::Managed {
        return Ok(Answer { head, passed: Bytes::new(), rest: Some(body), watch: None });
    }
    let mut read = Vec::new();
    let whole = timeout(ERROR_TIME, async {
        while read.len() < ERROR_BYTES {
            match body.frame().await {
                Some(Ok(frame)) => read.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(_)) => return Err(cut(&head)),
                None => return Ok(true),
            }
        }
        Ok(false)
    });
    let is_whole = whole.await.unwrap_or(Ok(false))?;
    let read = Bytes::from(read);
    let failed = failed(head.status, &head.headers, &read, of);
    let is_our_keys = match failed.failure {
        Failure::Rejected | Failure::Exhausted => true,
        // What the account lacks is told, but not as a 401, for which SDKs would blame the caller's key.
        other => head.status == StatusCode::UNAUTHORIZED && other.is_credentials_fault(),
    };
    if is_our_keys {
        return Err(failed);
    }
    let text = std::str::from_utf8(&read).ok().filter(|_| is_whole && !head.headers.contains_key(CONTENT_ENCODING));
    let scrubbed = text.map(scrub).and_then(|text| match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(Bytes::from(text)),
    });
    let rest = (!is_whole).then_some(body);
    Ok(Answer { head, passed: scrubbed.unwrap_or(read), rest, watch: None })
}

/// An answer that broke off, or is none.
fn cut(head: &http::response::Parts) -> Failed {
    let request_id = header::request_id(&head.headers);
    Failed { status: Some(head.status), request_id, ..Failed::of(Failure::ServerError) }
}

/// An answer other than a success.
async fn refused(response: Response<Received>, of: Of<'_>) -> Failed {
    let (head, body) = response.into_parts();
    let body = match timeout(ERROR_TIME, Limited::new(body, ERROR_BYTES).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        // What can't be read classifies by its status.
        Ok(Err(_)) | Err(_) => Bytes::new(),
    };
    failed(head.status, &head.headers, &body, of)
}

fn failed(status: StatusCode, headers: &HeaderMap, body: &Bytes, of: Of<'_>) -> Failed {
    let Classified { failure, retry_after, provider_code } = of
        .upstream
        .adapter
        .classify(status, headers, body, SystemTime::now())
        .unwrap_or(Classified { failure: Failure::ServerError, retry_after: None, provider_code: None });
    // A key that the caller brought is the caller's to mend.
    let is_callers = failure == Failure::CallersFault || of.upstream.provider.auth == Auth::Passthrough;
    let fault = (is_callers && status.is_client_error()).then(|| Box::new(of.upstreams_fault(status, headers, body)));
    let request_id = header::request_id(headers);
    Failed { retry_after, provider_code, status: Some(status), request_id, fault, ..Failed::of(failure) }
}

/// Whose answer it is, and in whose words it goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) upstream: &'a Upstream,
    /// Where the caller speaks another dialect.
    pub(super) translated: Option<&'a Translated>,
}

impl Of<'_> {
    fn callers_format(&self) -> Format {
        self.translated.map_or(self.upstream.format, |translated| translated.caller.format())
    }

    fn upstreams_fault(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Fault {
        match self.translated {
            None => self.fault(status, headers, remade(self.upstream.format, status, headers, body)),
            Some(translated) => {
                let (from, to) = (translated.upstream, self.callers_format());
                let retold = Retold::of(from, to, status, headers, body);
                self.fault(retold.status, headers, written(to, &retold.problem()))
            }
        }
    }

    fn fault(&self, status: StatusCode, headers: &HeaderMap, Written { body, header }: Written) -> Fault {
        let mut headers = header::for_caller(headers, &self.upstream.provider);
        headers.extend(header.map(|(name, value)| (Some(name), value)));
        Fault { status, headers, body }
    }
}
