//! Whole answers that go into another format, or become the streams that their callers asked for: read to their end, and written anew.

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use shared::adapter::Delivery;
use shared::failure::Failure;
use tokio::time::{Instant, timeout_at};

use super::answer::{Of, classified, unsayable};
use super::{Answer, Call, Failed, Parts};
use crate::protocol::translate::Between;
use crate::protocol::translate::whole::{WholeError, replayed as written_anew, streamed, whole};
use crate::protocol::watch::{error_in, is_of_kind};
use crate::protocol::{Dialect, Reply};
use crate::serve::header::{content_type, request_id};
use crate::serve::say::{Translated, id, now};
use crate::snapshot::route::Upstream;
use crate::upstream::Received;

/// The most bytes of an answer that is read whole, in all its parts: an upstream's error beyond. Images come in answers.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How many of a request's further calls are made at once.
const AT_ONCE: usize = 8;

/// An answer in the caller's format: whole, or as the stream that was asked for where the upstream made none. What goes in parts is called for
/// part by part after the first has served, so that a credential that is refused costs one call.
///
/// # Errors
///
/// When it is no answer, or the caller's format has no words for it; and what fails of a part.
pub(super) async fn translated(first: Answer, parts: &Parts<'_>, translated: &Translated) -> Result<Answer, Failed> {
    let (upstream, call) = (&*parts.stop.upstream, parts.call);
    let most = MOST_BYTES / (1 + parts.said.more.len());
    let (head, body) = read(first, call, upstream, most).await?;
    let of = Of { upstream, translated: Some(translated) };
    let failed = |failure| failed(&head, failure);
    let Some(between) = translated.between() else {
        let rest = futures_util::stream::iter(parts.said.more.iter().cloned());
        let rest = rest.map(|payload| async { read(parts.call(payload).await?, call, upstream, most).await });
        let rest: Vec<_> = rest.buffered(AT_ONCE).try_collect().await?;
        let bodies: Vec<Bytes> = std::iter::once(body).chain(rest.into_iter().map(|(_, body)| body)).collect();
        let written = translated.other(&head.headers, &bodies).map_err(|_| failed(Failure::ServerError))?;
        return Ok(Answer { head, passed: written.into(), rest: None, watch: None });
    };
    if let Some(error) = error_in(between.upstream, &body) {
        return Err(classified(&error, &head, of));
    }
    let written = match call.delivery {
        Delivery::Whole => whole(&between, &body),
        Delivery::Stream => streamed(&between, &body),
    };
    match written {
        Ok(written) => Ok(Answer { head, passed: written.into(), rest: None, watch: None }),
        Err(WholeError::NotAnAnswer(_)) => Err(failed(Failure::ServerError)),
        Err(WholeError::Unsayable(what)) => Err(unsayable(&what, &head, of)),
    }
}

/// A whole answer of the caller's own format, to a caller who asked for a stream, as that: clients would find no event in it and take it for an
/// answer of nothing. What is none, or says more than a stream of it would, goes on as it came.
///
/// # Errors
///
/// When it is an error, or does not come whole.
pub(super) async fn replayed(answer: Answer, parts: &Parts<'_>, dialect: Dialect) -> Result<Answer, Failed> {
    let (upstream, call) = (&*parts.stop.upstream, parts.call);
    let Answer { mut head, mut passed, mut rest, .. } = answer;
    // Events that are called JSON are a stream all the same, and are not kept from their caller.
    while let Some(body) = rest.as_mut().filter(|_| passed.trim_ascii_start().is_empty()) {
        match piece(body, call, upstream).await.map_err(|failure| failed(&head, failure))? {
            Some(data) => passed = [passed, data].concat().into(),
            None => rest = None,
        }
    }
    if !passed.trim_ascii_start().starts_with(b"{") {
        return Ok(Answer { head, passed, rest, watch: None });
    }
    let rest = match rest {
        None => Bytes::new(),
        Some(rest) => collected(rest, call, upstream, MOST_BYTES).await.map_err(|failure| failed(&head, failure))?,
    };
    let body: Bytes = if rest.is_empty() { passed } else { [passed, rest].concat().into() };
    if let Some(error) = error_in(dialect, &body) {
        return Err(classified(&error, &head, Of { upstream, translated: None }));
    }
    let asked = parts.said.payload.parts().concat();
    let asked = dialect.protocol().read_request(&asked).unwrap_or_default();
    let (wants_usage, knows_one_call) = (asked.wants_usage, asked.knows_one_call);
    let (id, model) = (id(), &*parts.stop.upstream_model);
    let reply = Reply { id: &id, created: now(), model, wants_usage, knows_one_call };
    let between = Between { upstream: dialect, caller: dialect, answers_by_tool: false, reply };
    let passed = match written_anew(&between, &body) {
        Some(events) => {
            head.headers.insert(CONTENT_TYPE, content_type(dialect.format(), Delivery::Stream));
            events.into()
        }
        None => body,
    };
    Ok(Answer { head, passed, rest: None, watch: None })
}

/// Reads an answer to its end. A stream that nobody asked for is none.
async fn read(
    answer: Answer,
    call: &Call<'_>,
    upstream: &Upstream,
    most: usize,
) -> Result<(http::response::Parts, Bytes), Failed> {
    let Answer { head, rest, .. } = answer;
    let failed = |failure| failed(&head, failure);
    let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_a_stream = [&b"text/event-stream"[..], b"application/vnd.amazon.eventstream"]
        .into_iter()
        .any(|kind| is_of_kind(content_type, kind));
    match rest {
        Some(body) if !is_a_stream => {
            let body = collected(body, call, upstream, most).await.map_err(failed)?;
            Ok((head, body))
        }
        Some(_) | None => Err(failed(Failure::ServerError)),
    }
}

/// What an answer with this head failed of.
fn failed(head: &http::response::Parts, failure: Failure) -> Failed {
    Failed { status: Some(head.status), request_id: request_id(&head.headers), ..Failed::of(failure) }
}

/// The next piece of a body; `None` at its end.
async fn piece(body: &mut Received, call: &Call<'_>, upstream: &Upstream) -> Result<Option<Bytes>, Failure> {
    let frame = match body.frame().now_or_never() {
        Some(frame) => frame,
        None => {
            let until = call.deadline.min(Instant::now() + upstream.provider.patience.idle);
            timeout_at(until, body.frame()).await.map_err(|_| Failure::TimedOut)?
        }
    };
    match frame {
        None => Ok(None),
        Some(Err(_)) => Err(Failure::ServerError),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
    }
}

/// Reads a body to its end. One that came in one piece is not copied.
async fn collected(mut body: Received, call: &Call<'_>, upstream: &Upstream, most: usize) -> Result<Bytes, Failure> {
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    while let Some(data) = piece(&mut body, call, upstream).await? {
        if first.len() + rest.len() + data.len() > most {
            return Err(Failure::ServerError);
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { [first, rest.into()].concat().into() })
}
