//! Errors in Cohere's shape, as an answer and as an event of a stream. The only place that writes one.
//!
//! Source: docs.cohere.com/reference/errors and /reference/chat-stream, read in autumn 2026. An answer has a message and nothing else; a
//! stream fails in its `message-end`.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::protocol::Fault;
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
    id: Option<String>,
    message: Option<String>,
    /// Of the end of a stream.
    delta: Option<GivenDelta>,
}

#[derive(Deserialize)]
struct GivenDelta {
    error: Option<String>,
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
    let message = error::read::<Given>(upstream)?.message?;
    Some(Written::body(json(&ErrorBody { message: &cleaned(&message) })))
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
pub(in crate::protocol) fn given(_headers: &HeaderMap, upstream: &[u8]) -> Option<error::Given> {
    let given: Given = error::read(upstream)?;
    let message = given.message.or(given.delta.and_then(|delta| delta.error))?;
    let request_id = given.id.map(|id| cleaned(&id));
    Some(error::Given { message: cleaned(&message), code: None, request_id })
}

/// A stream that failed.
pub(super) fn fault(status: StatusCode, data: &[u8]) -> Fault {
    Fault { status, body: Bytes::copy_from_slice(data), header: None }
}

/// A stream that is not what the format has, which is the upstream's fault.
pub(super) fn broken(message: &str) -> Fault {
    Fault { status: StatusCode::BAD_GATEWAY, body: json(&ErrorBody { message }).into(), header: None }
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

    #[test]
    fn what_an_error_says_is_told_without_its_secrets() {
        let said = given(&HeaderMap::new(), br#"{"id":"x","message":"invalid token: co-abcdefghij1234567890abcd"}"#);
        let said = said.unwrap();
        assert_eq!((&*said.message, said.request_id.as_deref()), ("invalid token: [redacted]", Some("x")));
        let end = br#"{"type":"message-end","delta":{"error":"no luck","finish_reason":"ERROR"}}"#;
        assert_eq!(given(&HeaderMap::new(), end).unwrap().message, "no luck");
        assert_eq!(given(&HeaderMap::new(), br#"{"type":"message-end"}"#), None);
    }
}
