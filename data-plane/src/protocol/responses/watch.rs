//! The end of a stream of the Responses API, and an error inside one; and of OpenAI's other streams whose events have types: images, speech and
//! transcriptions.
//!
//! Source: platform.openai.com/docs/api-reference/responses-streaming, /images-streaming and /audio, read in autumn 2026. Events are typed; there is no `[DONE]`. The
//! stream is whole with `response.completed` or `response.incomplete`; it failed with `response.failed`, whose response holds the error,
//! or a bare `error`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::json;
use crate::protocol::error::{Problem, json as to_json};
use crate::protocol::openai::error;
use crate::protocol::responses::failure;
use crate::protocol::watch::{Said, StreamError};

/// What ends the streams that are no responses.
const OTHER_ENDS: [&str; 4] =
    ["image_generation.completed", "image_edit.completed", "speech.audio.done", "transcript.text.done"];

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8]) -> Said {
    if !is_named_error && is_delta(data) {
        return Said::More;
    }
    match json::text(data, b"type").as_deref() {
        Some("response.completed" | "response.incomplete") => Said::Done,
        Some(kind) if OTHER_ENDS.contains(&kind) => Said::Done,
        Some("response.failed") => failed(json::member(data, b"response").unwrap_or(data), number(data)),
        Some("error") => failed(data, number(data)),
        _ if is_named_error || json::has_member(data, b"error") => failed(data, number(data)),
        _ => Said::More,
    }
}

/// Whether an event is more of something, as most are: its type, which stands first, tells. No word of a model's is looked through for an end.
fn is_delta(data: &[u8]) -> bool {
    let mut kind = None;
    let _ = json::members(data, |key, at| {
        if *key != *b"type" {
            return Ok(());
        }
        kind = Some(at);
        Err(Enough)
    });
    kind.and_then(|at| data.get(at)).is_some_and(|kind| kind.ends_with(b".delta\""))
}

/// What comes behind has not to be read.
struct Enough;

impl From<json::JsonError> for Enough {
    fn from(_: json::JsonError) -> Self {
        Self
    }
}

/// The number that the upstream gave an event.
fn number(data: &[u8]) -> u64 {
    json::member(data, b"sequence_number").and_then(|number| serde_json::from_slice(number).ok()).unwrap_or(0)
}

/// `{"type", "sequence_number", "code", "message", "param"}`: the error as the stream's `error` event.
#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    sequence_number: u64,
    code: Option<Cow<'a, str>>,
    message: Cow<'a, str>,
    param: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    fn of(
        sequence_number: u64,
        code: Option<Cow<'a, str>>,
        message: Cow<'a, str>,
        param: Option<Cow<'a, str>>,
    ) -> Self {
        Self { r#type: "error", sequence_number, code, message, param }
    }

    fn to_bytes(&self) -> Bytes {
        [b"event: error\ndata: ".as_slice(), &to_json(self), b"\n\n"].concat().into()
    }
}

/// An error of ours as the last event of a stream, with this number.
pub(crate) fn event(problem: &Problem<'_>, number: u64) -> Bytes {
    Event::of(number, Some(problem.code.into()), (&*problem.message).into(), None).to_bytes()
}

/// `holder` has the error: as its `error`, or in its own fields.
fn failed(holder: &[u8], number: u64) -> Said {
    let wrapped = failure::wrapped(holder);
    let event = match error::read(&wrapped) {
        Some(detail) => Event::of(number, detail.code, detail.message, detail.param),
        None => {
            let message = "the upstream ended the stream with an error".into();
            Event::of(number, Some("upstream_error".into()), message, None)
        }
    };
    let event = event.to_bytes();
    let status = failure::status(&wrapped);
    Said::Failed(Box::new(StreamError { status, body: wrapped, header: None, event }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_says_of_ends_is_none() {
        for (data, is_end) in [
            (r#"{"type":"response.output_text.delta","delta":"\"response.completed\" \"error\""}"#, false),
            (r#"{"sequence_number":3,"type":"response.output_text.delta","delta":"x"}"#, false),
            (r#"{"type":"response.created","response":{"status":"in_progress","error":null}}"#, false),
            (r#"{"type":"response.completed","response":{"output":[{"type":"response.output_text.delta"}]}}"#, true),
            (r#"{"response":{},"type":"response.incomplete"}"#, true),
            (r#"{"type":"response.completed","#, false),
            (r#"{"type":"speech.audio.done"}"#, true),
        ] {
            assert_eq!(matches!(judge(false, data.as_bytes()), Said::Done), is_end, "{data}");
            assert!(!matches!(judge(false, data.as_bytes()), Said::Failed(_)), "{data}");
        }
    }

    #[test]
    fn an_error_that_goes_by_has_the_status_that_its_code_means() {
        let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}}}"#;
        let bare = r#"{"type":"error","sequence_number":7,"code":"invalid_prompt","message":"m","param":null}"#;
        for (data, status, number) in [(failed, 429, 0), (bare, 400, 7)] {
            let Said::Failed(error) = judge(false, data.as_bytes()) else { panic!("{data} is an error") };
            assert_eq!(error.status, status);
            let begin = format!("event: error\ndata: {{\"type\":\"error\",\"sequence_number\":{number},");
            assert!(error.event.starts_with(begin.as_bytes()));
        }
    }
}
