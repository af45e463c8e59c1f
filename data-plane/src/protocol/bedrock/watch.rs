//! The end of a stream of Converse, and an exception inside one.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, read in autumn 2026. `messageStop` proves that
//! the answer is whole; `metadata` follows it. Frames pass as they came, each when it is whole.

use bytes::Bytes;
use http::StatusCode;

use super::error::{event, fault, remade_event};
use crate::protocol::Fault;
use crate::protocol::error::Problem;
use crate::protocol::watch::{Ending, Seen, StreamError};
use crate::upstream::event_stream::{Decoder, Message};

/// What was seen of a stream so far.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    decoder: Decoder,
    seen: Seen,
    error: Option<Box<StreamError>>,
}

impl Frames {
    /// See [`Watch::feed`](crate::protocol::watch::Watch::feed).
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Bytes {
        self.decoder.push(chunk);
        let mut passed = Vec::new();
        let error = loop {
            let frame = match self.decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break None,
                Err(_) => break Some(broken()),
            };
            match frame.message() {
                Message::Event("messageStop") => self.seen = Seen::Finished,
                Message::Event(_) => self.seen = self.seen.max(Seen::Begun),
                Message::Unknown => {}
                Message::Exception(kind) => break Some(exception(kind, frame.payload())),
                Message::Error { code, message } => {
                    let payload = serde_json::json!({ "message": message }).to_string();
                    break Some(exception(code, payload.as_bytes()));
                }
            }
            passed.push(frame.into_bytes());
        };
        if let Some(error) = error {
            passed.push(error.event.clone());
            self.error = Some(Box::new(error));
        }
        // Large frames come alone, and need no copy.
        if passed.len() == 1 { passed.remove(0) } else { passed.concat().into() }
    }

    /// See [`Watch::end`](crate::protocol::watch::Watch::end).
    pub(crate) fn end(&mut self) -> (Bytes, Ending) {
        let is_whole = self.error.is_none() && self.seen >= Seen::Finished && self.decoder.end().is_ok();
        (Bytes::new(), if is_whole { Ending::Well } else { Ending::Cut })
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    pub(crate) fn error(&self) -> Option<&StreamError> {
        self.error.as_deref()
    }
}

/// An exception, with the event that the caller gets.
fn exception(kind: &str, payload: &[u8]) -> StreamError {
    let Fault { status, body, header } = fault(kind, payload);
    StreamError { status, body, header, event: remade_event(kind, payload) }
}

/// Bytes that are no frames.
fn broken() -> StreamError {
    let problem = Problem {
        status: StatusCode::BAD_GATEWAY,
        code: "upstream_error",
        message: "the upstream's stream is damaged".into(),
    };
    StreamError { status: StatusCode::INTERNAL_SERVER_ERROR, body: Bytes::new(), header: None, event: event(&problem) }
}

#[cfg(test)]
mod tests;
