//! The end of a stream of Cohere's chat, and an error inside one.
//!
//! Source: docs.cohere.com/reference/chat-stream, read in autumn 2026. `message-end` is the end; it says that the stream failed by its
//! `error`, or by a `finish_reason` of `ERROR` or `TIMEOUT`, or by none.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;

use super::error::remade_event;
use super::finish::{UNFINISHED, failure};
use crate::json;
use crate::protocol::watch::{Said, StreamError};

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8]) -> Said {
    let is_end = || {
        memmem::find(data, b"\"message-end\"").is_some() && json::text(data, b"type").as_deref() == Some("message-end")
    };
    if is_named_error {
        return failed(data, json::text(data, b"message").as_deref(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    if !is_end() {
        return Said::More;
    }
    let delta = json::member(data, b"delta").unwrap_or_default();
    let (reason, error) = (json::text(delta, b"finish_reason"), json::text(delta, b"error"));
    match failure(reason.as_deref(), error.as_deref()) {
        Some(status) => failed(data, error.as_deref(), status),
        None if reason.is_none() => failed(data, Some(UNFINISHED), StatusCode::BAD_GATEWAY),
        None => Said::Done,
    }
}

fn failed(data: &[u8], text: Option<&str>, status: StatusCode) -> Said {
    let body = Bytes::copy_from_slice(data);
    Said::Failed(Box::new(StreamError { status, body, header: None, event: remade_event(text) }))
}
