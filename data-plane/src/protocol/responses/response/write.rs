//! Writes an answer for a caller.

use crate::exchange::json::Json;
use crate::exchange::message::{Content, Image, Part as Said, Source};
use crate::exchange::response::{Finish, Response};
use crate::exchange::tool::{ToolCall, id_with_signature};
use crate::protocol::error::json;
use crate::protocol::responses::output::{Answer, Head, Item, Part, State, annotations};
use crate::protocol::{Reply, Unsayable};

/// Names for an answer and its items, made from an answer's own digits.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Ids<'a>(pub(in super::super) &'a str);

impl Ids<'_> {
    pub(in super::super) fn answer(self) -> String {
        format!("resp_{}", self.0)
    }

    /// Of the item with this index.
    pub(in super::super) fn message(self, index: usize) -> String {
        format!("msg_{}_{index}", self.0)
    }

    /// Of the item with this index.
    pub(in super::super) fn function_call(self, index: usize) -> String {
        format!("fc_{}_{index}", self.0)
    }

    /// Of the item with this index.
    pub(in super::super) fn image(self, index: usize) -> String {
        format!("ig_{}_{index}", self.0)
    }

    /// Of the item with this index.
    pub(in super::super) fn reasoning(self, index: usize) -> String {
        format!("rs_{}_{index}", self.0)
    }
}

pub(in super::super) fn write(response: &Response<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
    let (parts, finish) = match response.choices.first() {
        Some(choice) => (choice.parts.as_slice(), &choice.finish),
        None => (&[][..], &Finish::Stop),
    };
    let has_refusal = parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
    let state = State::of(finish, has_refusal);
    let output = items(parts, Ids(reply.id), state)?;
    let made = Ids(reply.id).answer();
    let head = Head {
        id: response.id.as_deref().unwrap_or(&made),
        created_at: reply.created,
        model: response.model.as_deref().unwrap_or(reply.model),
    };
    Ok(json(&Answer::of(head, state, &output, &response.usage)))
}

/// The items. What is said without a break is one message; where the answer was cut, it was in the last.
fn items(parts: &[Said<'_>], ids: Ids<'_>, state: State) -> Result<Vec<Json<'static>>, Unsayable> {
    let mut items = Vec::new();
    let mut rest = parts;
    while let [first, after @ ..] = rest {
        let said = rest.iter().take_while(|part| is_said(part)).count();
        let (here, next) = rest.split_at(said.max(1));
        let state = if next.is_empty() { state } else { State::Completed };
        let item = match &first.content {
            Content::ToolCall(call) => Some(function_call(call, ids, items.len())),
            Content::Reasoning { text, signature } => {
                Some(reasoning(&[Part::SummaryText { text }], signature.as_deref(), ids, items.len()))
            }
            Content::SealedReasoning(sealed) => Some(reasoning(&[], Some(sealed), ids, items.len())),
            Content::Text { .. } | Content::Refusal(_) => Some(message(here, ids, items.len(), state)),
            Content::Image(image) => Some(self::image(image, ids, items.len())?),
            // No model answers with one.
            Content::Audio(_) | Content::Document(_) | Content::ToolResult(_) => None,
        };
        items.extend(item);
        rest = if said == 0 { after } else { next };
    }
    Ok(items)
}

/// An image, as the format has those of its own provider's tool.
fn image(image: &Image<'_>, ids: Ids<'_>, index: usize) -> Result<Json<'static>, Unsayable> {
    let result = Some(image_data(image)?);
    let status = State::Completed.status();
    Ok(Json::of(&Item::ImageGenerationCall { id: &ids.image(index), status, result }))
}

/// An image's bytes, as base64.
///
/// # Errors
///
/// When they are elsewhere: the format gives nothing but bytes.
pub(in super::super) fn image_data<'a>(image: &'a Image<'_>) -> Result<&'a str, Unsayable> {
    match &image.source {
        Source::Inline { data, .. } => Ok(data),
        Source::Url { .. } | Source::File(_) => Err(Unsayable {
            what: "the image in the answer".to_owned(),
            why: "can't be given in OpenAI's responses: it is a link".to_owned(),
        }),
    }
}

fn is_said(part: &Said<'_>) -> bool {
    matches!(part.content, Content::Text { .. } | Content::Refusal(_))
}

fn message(parts: &[Said<'_>], ids: Ids<'_>, index: usize, state: State) -> Json<'static> {
    let content: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text { text, citations } => {
                let annotations: Vec<_> =
                    annotations(citations, text).map(|annotation| Json::of(&annotation)).collect();
                Some(Json::of(&Part::OutputText { text, annotations: &annotations, logprobs: [] }))
            }
            Content::Refusal(refusal) => Some(Json::of(&Part::Refusal { refusal })),
            Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::ToolCall(_)
            | Content::ToolResult(_)
            | Content::Reasoning { .. }
            | Content::SealedReasoning(_) => None,
        })
        .collect();
    let id = ids.message(index);
    Json::of(&Item::Message { id: &id, status: state.status(), role: "assistant", content: &content })
}

fn function_call(call: &ToolCall<'_>, ids: Ids<'_>, index: usize) -> Json<'static> {
    Json::of(&Item::FunctionCall {
        id: &ids.function_call(index),
        status: State::Completed.status(),
        arguments: call.arguments.as_str(),
        call_id: &id_with_signature(&call.id, call.signature.as_deref()),
        name: &call.name,
    })
}

fn reasoning(summary: &[Part<'_>], sealed: Option<&str>, ids: Ids<'_>, index: usize) -> Json<'static> {
    Json::of(&Item::Reasoning { id: &ids.reasoning(index), summary, encrypted_content: sealed })
}
