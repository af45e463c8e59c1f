//! The end of a stream of chat or text completions, and an error inside one.
//!
//! Source: platform.openai.com/docs/api-reference/chat-streaming, read in autumn 2026. A reason why the model finished proves that the
//! alternative is whole, but for reasons that say that it was cut; `[DONE]` follows the last, and proves nothing by itself: a server that gives up says it, too.

use serde::Deserialize;

use super::error::remade_event;
use super::fault::{self, UNFINISHED, made};
use super::finish;
use crate::exchange::json::Json;
use crate::protocol::Fault;
use crate::protocol::lines::{Choices, is_of_another};
use crate::protocol::watch::{Said, StreamError, begins_with_text};

/// What the data of an event says.
pub(crate) fn judge(is_named_error: bool, data: &[u8], choices: &mut Choices) -> Said {
    if data == b"[DONE]" {
        return if choices.may_be_over() { Said::Done } else { failed(made(UNFINISHED)) };
    }
    let may_finish = finish::may_be_in(data);
    let fault = if is_named_error { Some(fault::given(data)) } else { fault::within(data, may_finish) };
    if let Some(fault) = fault {
        return failed(fault);
    }
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
        let ends = finish_reason.is_some_and(|reason| begins_with_text(reason.as_str().as_bytes()));
        choices.note(index.unwrap_or(0), ends);
    }
    if choices.is_one_open() { Said::More } else { Said::Finished }
}

fn failed(fault: Fault) -> Said {
    let Fault { status, body, header } = fault;
    let event = remade_event(&body);
    Said::Failed(Box::new(StreamError { status, body, header, event }))
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
