//! The end of a stream of the Responses API, and an error inside one; and of OpenAI's other streams whose events have types: images, speech and
//! transcriptions.
//!
//! Source: platform.openai.com/docs/api-reference/responses-streaming, /images-streaming and /audio, read in autumn 2026. Events are typed; there is no `[DONE]`. The
//! stream is whole with `response.completed` or `response.incomplete`; it failed with `response.failed`, whose response holds the error and
//! what there is of the answer, or a bare `error`.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::json::{self, JsonError};
use crate::protocol::error::{Problem, json as to_json};
use crate::protocol::openai::error;
use crate::protocol::responses::failure;
use crate::protocol::sse::on_one_line;
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
        Some("response.failed") => {
            let error = error_of(response_in(data), number(data));
            failed(match failed_event(data) {
                Some(event) => StreamError { event, ..error },
                None => error,
            })
        }
        Some("error") => failed(error_of(data, number(data))),
        _ if is_named_error || json::has_member(data, b"error") => failed(error_of(data, number(data))),
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

impl From<JsonError> for Enough {
    fn from(_: JsonError) -> Self {
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

fn failed(error: StreamError) -> Said {
    Said::Failed(Box::new(error))
}

/// `holder` has the error: as its `error`, or in its own fields.
fn error_of(holder: &[u8], number: u64) -> StreamError {
    let wrapped = failure::wrapped(holder);
    let status = failure::status(&wrapped);
    let event = match error::read(status, &wrapped) {
        Some(detail) => Event::of(number, detail.code, detail.message, detail.param),
        None => {
            let message = "the upstream ended the stream with an error".into();
            Event::of(number, Some("upstream_error".into()), message, None)
        }
    };
    let event = event.to_bytes();
    StreamError { status, body: wrapped, header: None, event }
}

fn response_in(data: &[u8]) -> &[u8] {
    json::member(data, b"response").unwrap_or(data)
}

/// What the response that failed says of why.
#[derive(Serialize)]
struct Why<'a> {
    code: Option<Cow<'a, str>>,
    message: Cow<'a, str>,
}

impl Why<'static> {
    fn of(given: &[u8]) -> Self {
        let wrapped = [b"{\"error\":".as_slice(), given, b"}"].concat();
        match error::read(StatusCode::INTERNAL_SERVER_ERROR, &wrapped) {
            Some(detail) => Self {
                code: detail.code.map(|code| code.into_owned().into()),
                message: detail.message.into_owned().into(),
            },
            None => Self { code: Some("server_error".into()), message: "the upstream gave no reason".into() },
        }
    }
}

/// The event of a response that failed: as it came, with what there is of the answer and its usage, but for its error, which is remade. `None`
/// where an error stands elsewhere, too, which nobody would have scrubbed.
fn failed_event(data: &[u8]) -> Option<Bytes> {
    let response = only(data, b"response").filter(|_| !json::has_member(data, b"error"))?;
    let at = only(&data[response.clone()], b"error")?;
    let at = response.start + at.start..response.start + at.end;
    let why = match &data[at.clone()] {
        b"null" => b"null".to_vec(),
        given => to_json(&Why::of(given)),
    };
    let mut event = [&data[..at.start], &why, &data[at.end..]].concat();
    on_one_line(&mut event);
    Some([b"event: response.failed\ndata: ".as_slice(), &event, b"\n\n"].concat().into())
}

/// Where the value stands of a member on top of an object that is there once.
fn only(object: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let mut found = Vec::new();
    let read = json::members(object, |key, value| {
        if *key == *name {
            found.push(value);
        }
        Ok::<_, JsonError>(())
    });
    read.ok().and(found.pop()).filter(|_| found.is_empty())
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
        for (data, status, begin) in [
            (failed, 429, "event: response.failed\ndata: {\"type\":\"response.failed\","),
            (bare, 400, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":7,"),
        ] {
            let Said::Failed(error) = judge(false, data.as_bytes()) else { panic!("{data} is an error") };
            assert_eq!(error.status, status);
            assert!(error.event.starts_with(begin.as_bytes()), "{error:?}");
        }
    }

    #[test]
    fn a_response_that_failed_passes_with_what_there_is_of_it() {
        let failed = |error: &str| {
            let response = format!(
                "{{\n\"id\":\"resp_1\",\"status\":\"failed\",\"error\":{error},\"output\":[{{\"x\":\"half\"}}],\"usage\":{{\"output_tokens\":3}}}}"
            );
            format!("{{\"type\":\"response.failed\",\"sequence_number\":9,\"response\":{response}}}")
        };
        for (error, told) in [
            (
                r#"{"code":"server_error","message":"no sk-abcdefgh1234"}"#,
                r#"{"code":"server_error","message":"no [redacted]"}"#,
            ),
            ("[1]", r#"{"code":"server_error","message":"the upstream gave no reason"}"#),
            ("null", "null"),
        ] {
            let data = failed(error);
            let Said::Failed(given) = judge(false, data.as_bytes()) else { panic!("{data} is an error") };
            let expected = format!("event: response.failed\ndata: {}\n\n", failed(told).replace('\n', " "));
            assert_eq!((given.status.as_u16(), &*given.event), (500, expected.as_bytes()), "{given:?}");
        }
        for elsewhere in [
            r#"{"type":"response.failed","response":{"status":"failed","error":null},"error":{"message":"sk-abcdefgh1234"}}"#,
            r#"{"type":"response.failed","response":{"error":null,"error":{"message":"sk-abcdefgh1234"}}}"#,
            r#"{"type":"response.failed","error":{"message":"sk-abcdefgh1234"}}"#,
        ] {
            let Said::Failed(given) = judge(false, elsewhere.as_bytes()) else { panic!("{elsewhere} is an error") };
            let event = std::str::from_utf8(&given.event).unwrap();
            assert!(event.starts_with("event: error\n") && !event.contains("sk-abc"), "{event}");
        }
    }
}
