//! The end of a stream of Gemini's answers, and an error inside one.
//!
//! Source: ai.google.dev/api/generate-content, read in autumn 2026. Each event is a whole answer with the new parts. A `finishReason` proves
//! that the stream is whole, as does a prompt that was blocked; nothing follows. An error comes as data, or as plain JSON behind the events.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;

use super::error::{remade_event, status_in};
use crate::json;
use crate::protocol::watch::{Said, StreamError, begins_with_text};

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8]) -> Said {
    let holds_error = || memmem::find(data, b"\"error\"").is_some() && json::has_member(data, b"error");
    if is_named_error || holds_error() {
        return Said::Failed(Box::new(error(data)));
    }
    if has_text(data, b"\"finishReason\"") || has_text(data, b"\"blockReason\"") { Said::Finished } else { Said::More }
}

/// An error, whatever its bytes say.
pub(crate) fn error(data: &[u8]) -> StreamError {
    StreamError {
        status: status_in(data).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        body: Bytes::copy_from_slice(data),
        header: None,
        event: remade_event(data),
    }
}

/// Whether a key stands somewhere with a string. Inside of a text its quotes would be escaped.
fn has_text(data: &[u8], key: &[u8]) -> bool {
    memmem::find_iter(data, key).any(|at| {
        let value = data[at + key.len()..].trim_ascii_start();
        value.strip_prefix(b":").map(<[u8]>::trim_ascii_start).is_some_and(begins_with_text)
    })
}
