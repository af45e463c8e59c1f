//! The end of a stream of Gemini's answers, and an error inside one.
//!
//! Source: ai.google.dev/api/generate-content, read in autumn 2026. Each event is a whole answer with the new parts. A `finishReason` proves
//! that the stream is whole, as does a prompt that was blocked; nothing follows. An error comes as data, or as plain JSON behind the events.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;
use serde::Deserialize;

use super::error::{remade_event, status_in};
use crate::exchange::json::Json;
use crate::json;
use crate::protocol::lines::{Choices, is_of_another, values};
use crate::protocol::watch::{Said, StreamError, begins_with_text};

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8], choices: &mut Choices) -> Said {
    let holds_error = || memmem::find(data, b"\"error\"").is_some() && json::has_member(data, b"error");
    if is_named_error || holds_error() {
        return Said::Failed(Box::new(error(data)));
    }
    let may_matter = has_text(data, b"\"finishReason\"") || has_text(data, b"\"blockReason\"") || is_of_another(data);
    if may_matter && let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) {
        if chunk.prompt_feedback.is_some_and(|feedback| is_text(feedback.block_reason)) {
            choices.none_comes();
            return Said::Finished;
        }
        for Candidate { index, finish_reason } in chunk.candidates.unwrap_or_default() {
            choices.note(index.unwrap_or(0), is_text(finish_reason));
        }
        return if choices.is_one_open() { Said::More } else { Said::Finished };
    }
    Said::More
}

/// What matters of a chunk that ends a candidate, or is of another than the first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<PromptFeedback<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    finish_reason: Option<Json<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Json<'a>>,
}

fn is_text(value: Option<Json<'_>>) -> bool {
    value.is_some_and(|value| begins_with_text(value.as_str().as_bytes()))
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
    values(data, key).any(begins_with_text)
}
