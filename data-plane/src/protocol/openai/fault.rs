//! What ends a stream of chunks badly: an upstream's error, wherever it stands, and an end before the answer was finished.
//!
//! Sources: OpenRouter's docs/api-reference/errors for errors beside a finish reason and for the reason `error`, which need not come with one;
//! vLLM's OpenAI-compatible server for errors with nothing around them; both read in autumn 2026.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;

use super::error::status_in;
use crate::json;
use crate::protocol::Fault;

/// Of an end that the upstream announces while an alternative is open.
pub(super) const UNFINISHED: &str = "the upstream ended the stream before the answer was finished";

/// Of an error that says nothing.
const UNNAMED: &str = "the upstream ended the stream with an error";

/// The error that a chunk is or holds. Nearly none does, and of those no more is read than whether they say the word; in a text its quotes would
/// have backslashes.
pub(super) fn within(chunk: &[u8]) -> Option<Fault> {
    memmem::find(chunk, b"\"error\"")?;
    // Google wraps errors into an array.
    if chunk.starts_with(b"[") || json::has_member(chunk, b"error") {
        return Some(given(chunk));
    }
    if json::text(chunk, b"object").as_deref() == Some("error") {
        return Some(bare(chunk));
    }
    let choices = json::member(chunk, b"choices")?;
    json::items(choices)?.into_iter().find_map(|at| of_choice(&choices[at]))
}

fn of_choice(choice: &[u8]) -> Option<Fault> {
    match json::member(choice, b"error") {
        Some(error) if error != b"null" => Some(bare(error)),
        _ => (json::text(choice, b"finish_reason").as_deref() == Some("error")).then(|| made(UNNAMED)),
    }
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
    let body = format!(
        r#"{{"error":{{"message":"{message}","type":"upstream_error","param":null,"code":"upstream_error"}}}}"#
    );
    Fault { status: StatusCode::BAD_GATEWAY, body: body.into(), header: None }
}
