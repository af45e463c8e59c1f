//! The end of a stream of chat or text completions, and an error inside one.
//!
//! Source: platform.openai.com/docs/api-reference/chat-streaming, read in autumn 2026. A reason why the model finished proves that the
//! alternative is whole; `[DONE]` follows the last, and proves nothing by itself: a server that gives up says it, too. An error comes as data whose
//! top has an `error`.

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;
use serde::Deserialize;

use super::error::{event, remade_event, status_in, written};
use crate::exchange::json::Json;
use crate::json;
use crate::protocol::error::Problem;
use crate::protocol::lines::{Choices, is_of_another, values};
use crate::protocol::watch::{Said, StreamError, begins_with_text};

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8], choices: &mut Choices) -> Said {
    if data == b"[DONE]" {
        return if choices.may_be_over() { Said::Done } else { ended("before the answer was finished") };
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
    let may_finish = finishes(data);
    // Of the first, one chunk is read to know that it is there.
    if !may_finish && choices.has_first() && !is_of_another(data) {
        return Said::More;
    }
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        if may_finish {
            choices.miss();
        }
        return Said::More;
    };
    for Choice { index, finish_reason } in chunk.choices {
        // OpenRouter's, where the provider behind it failed; it need not say more.
        if finish_reason.as_ref().is_some_and(|reason| reason.as_str() == "\"error\"") {
            return ended("with an error");
        }
        let ends = finish_reason.is_some_and(|reason| begins_with_text(reason.as_str().as_bytes()));
        choices.note(index.unwrap_or(0), ends);
    }
    if choices.is_one_open() { Said::More } else { Said::Finished }
}

/// The end of a stream whose answer is not at its end.
fn ended(how: &str) -> Said {
    let message = format!("the upstream ended the stream {how}").into();
    let problem = Problem { status: StatusCode::BAD_GATEWAY, code: "upstream_error", message };
    let (body, event) = (written(&problem).body, event(&problem));
    Said::Failed(Box::new(StreamError { status: problem.status, body, header: None, event }))
}

/// What matters of a chunk that ends an alternative, or is of another than the first.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    finish_reason: Option<Json<'a>>,
}

/// Whether a chunk may give a reason for its end: `"finish_reason"` with a string. Some vendors have an empty one in every chunk before.
fn finishes(data: &[u8]) -> bool {
    values(data, b"\"finish_reason\"").any(begins_with_text)
}
