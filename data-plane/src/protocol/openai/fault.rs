//! What ends an answer badly: an upstream's error, wherever in a chunk or a whole answer it stands, and an end before the answer was finished. A whole
//! answer that goes on as it came is not looked through: its caller sees all that it says.
//!
//! Sources: openrouter.ai/docs/api-reference/errors for errors beside a finish reason; vLLM's OpenAI-compatible server for errors with nothing around
//! them; Groq's SDK for `x_groq.error`; all read in autumn 2026.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;

use super::error::{status_in, written};
use super::finish::is_failure;
use crate::json::{self, JsonError};
use crate::protocol::Fault;
use crate::protocol::error::Problem;

/// Of an end that the upstream announces while an alternative is open.
pub(super) const UNFINISHED: &str = "the upstream ended the stream before the answer was finished";

/// Of an error that says nothing.
const UNNAMED: &str = "the upstream ended the stream with an error";

/// The error that a chunk, or a whole answer, is or holds; `may_finish` where it may give a reason for its end. Nearly none does, and of those no
/// more is read than whether they say the word; in a text its quotes would have backslashes.
pub(super) fn within(chunk: &[u8], may_finish: bool) -> Option<Fault> {
    let says_error = memmem::find(chunk, b"\"error\"").is_some();
    if !says_error && !may_finish {
        return None;
    }
    // Google wraps errors into an array.
    if says_error && chunk.starts_with(b"[") {
        return Some(given(chunk));
    }
    let [mut choices, mut object, mut groq] = [None; 3];
    let mut has_error = false;
    let read = json::members(chunk, |key, at| {
        let value = &chunk[at];
        match &*key {
            b"error" => has_error |= is_error(value),
            b"choices" => choices = Some(value),
            b"object" => object = Some(value),
            b"x_groq" => groq = Some(value),
            _ => {}
        }
        Ok::<_, JsonError>(())
    });
    read.ok()?;
    if has_error {
        return Some(given(chunk));
    }
    if object == Some(b"\"error\"") {
        return Some(bare(chunk));
    }
    if let Some(error) = groq.and_then(|groq| json::member(groq, b"error")).filter(|error| is_error(error)) {
        return Some(bare(error));
    }
    let choices = choices?;
    json::items(choices)?.into_iter().find_map(|at| of_choice(&choices[at]))
}

/// Whether an error is one: some vendors have the field where there is none.
fn is_error(value: &[u8]) -> bool {
    !matches!(value, b"null" | b"\"\"" | b"{}" | b"false")
}

fn of_choice(choice: &[u8]) -> Option<Fault> {
    let (mut error, mut is_cut) = (None, false);
    let read = json::members(choice, |key, at| {
        let value = &choice[at];
        match &*key {
            b"error" if is_error(value) => error = Some(value),
            b"finish_reason" => is_cut = json::string(value).is_some_and(|reason| is_failure(&reason)),
            _ => {}
        }
        Ok::<_, JsonError>(())
    });
    read.ok()?;
    error.map(bare).or_else(|| is_cut.then(|| made(UNNAMED)))
}

/// An upstream's error, as it came.
pub(super) fn given(error: &[u8]) -> Fault {
    let status = status_in(error).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Fault { status, body: Bytes::copy_from_slice(error), header: None }
}

/// One with nothing around it.
fn bare(error: &[u8]) -> Fault {
    given(&[b"{\"error\":".as_slice(), error, b"}"].concat())
}

/// A stream that is wrong, without a word from the upstream.
pub(super) fn made(message: &str) -> Fault {
    let problem = Problem { status: StatusCode::BAD_GATEWAY, code: "upstream_error", message: message.into() };
    Fault { status: problem.status, body: written(&problem).body, header: None }
}
