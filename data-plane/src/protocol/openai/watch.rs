//! The end of a stream of chat or text completions, and an error inside one.
//!
//! Source: platform.openai.com/docs/api-reference/chat-streaming, read in autumn 2026. A reason why the model finished proves that the
//! stream is whole; `[DONE]` follows it. An error comes as data whose top has an `error`.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;

use super::error::{remade_event, status_in};
use crate::json;
use crate::protocol::watch::{Said, StreamError, begins_with_text};

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8]) -> Said {
    if data == b"[DONE]" {
        return Said::Done;
    }
    let holds_error = || memmem::find(data, b"\"error\"").is_some() && json::has_member(data, b"error");
    if is_named_error || holds_error() {
        return Said::Failed(Box::new(StreamError {
            status: status_in(data).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: Bytes::copy_from_slice(data),
            header: None,
            event: remade_event(data),
        }));
    }
    if finishes(data) { Said::Finished } else { Said::More }
}

/// Whether a chunk gives a reason for its end: `"finish_reason"` with a string. Some vendors have an empty one in every chunk before.
fn finishes(data: &[u8]) -> bool {
    const KEY: &[u8] = b"\"finish_reason\"";
    memmem::find_iter(data, KEY).any(|at| {
        let value = data[at + KEY.len()..].trim_ascii_start();
        value.strip_prefix(b":").map(<[u8]>::trim_ascii_start).is_some_and(begins_with_text)
    })
}
