//! The end of a stream of messages, and an error inside one.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/streaming, read in autumn 2026. `message_stop` is the end; `error` ends it badly.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;

use super::error::{remade_event, status_in};
use crate::json;
use crate::protocol::watch::{Said, StreamError};

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8]) -> Said {
    let may_matter = memmem::find(data, b"\"message_stop\"").is_some() || memmem::find(data, b"\"error\"").is_some();
    if !is_named_error && !may_matter {
        return if is_ping(data) { Said::Alive } else { Said::More };
    }
    match json::text(data, b"type").as_deref() {
        Some("message_stop") if !is_named_error => Said::Done,
        kind if is_named_error || kind == Some("error") => Said::Failed(Box::new(StreamError {
            status: status_in(data).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: Bytes::copy_from_slice(data),
            header: None,
            event: remade_event(data),
        })),
        _ => Said::More,
    }
}

/// Whether an event is a ping, which has nothing beside its type: longer ones are not read.
fn is_ping(data: &[u8]) -> bool {
    data.len() < 32 && json::text(data, b"type").as_deref() == Some("ping")
}
