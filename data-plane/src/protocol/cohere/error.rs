//! Errors in Cohere's shape, as an answer and as an event of a stream. The only place that writes one.
//!
//! Source: docs.cohere.com/reference/errors and /reference/chat-stream, read in autumn 2026. An answer has a message and nothing else; a
//! stream fails in its `message-end`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::protocol::error::{self, Problem, Written, cleaned, json};

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
}

/// `{"type": "message-end", "delta": {"error", "finish_reason"}}`.
#[derive(Serialize)]
struct MessageEnd<'a> {
    r#type: &'static str,
    delta: Delta<'a>,
}

#[derive(Serialize)]
struct Delta<'a> {
    error: &'a str,
    finish_reason: &'static str,
}

#[derive(Deserialize)]
struct Given {
    message: String,
}

/// An error of ours as an answer.
pub(crate) fn written(problem: &Problem<'_>) -> Written {
    Written::body(json(&ErrorBody { message: &problem.message }))
}

/// An error of ours as the last event of a stream.
pub(crate) fn event(problem: &Problem<'_>) -> Bytes {
    message_end(&problem.message)
}

/// An upstream's error, remade. `None` where the bytes hold no error that can be read.
pub(crate) fn remade(upstream: &[u8]) -> Option<Written> {
    let given: Given = error::read(upstream)?;
    Some(Written::body(json(&ErrorBody { message: &cleaned(&given.message) })))
}

/// The last event of a stream that failed, with an upstream's text.
pub(super) fn remade_event(text: Option<&str>) -> Bytes {
    match text {
        Some(text) => message_end(&cleaned(text)),
        None => message_end("the upstream ended the stream with an error"),
    }
}

fn message_end(error: &str) -> Bytes {
    let end = MessageEnd { r#type: "message-end", delta: Delta { error, finish_reason: "ERROR" } };
    [b"event: message-end\ndata: ".as_slice(), &json(&end), b"\n\n"].concat().into()
}

/// What an upstream's error says, in no format.
pub(in crate::protocol) fn given(
    _headers: &http::HeaderMap,
    _upstream: &[u8],
) -> Option<crate::protocol::error::Given> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_written_and_remade_from_the_message() {
        let given = br#"{"id":"x","message":"invalid token: co-abcdefghij1234567890abcd","data":1}"#;
        assert_eq!(remade(given).unwrap().body, r#"{"message":"invalid token: [redacted]"}"#);
        assert!(remade(br#"{"error":"x"}"#).is_none());
    }
}
