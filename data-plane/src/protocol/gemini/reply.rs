//! Writes answers for callers: whole ones here; [`Event`] is a piece of a streamed one.

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::answer::{GroundingWriter, word};
use super::part::{NO_SIGNATURE, Part};
use crate::exchange::message::{self, Content, DocumentBody};
use crate::exchange::response::{Choice, Response};
use crate::exchange::usage::Usage;
use crate::protocol::Reply;
use crate::protocol::characters::Characters;
use crate::protocol::error::json;

/// An answer, or an event of a stream, which has the same form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<UsageMetadata>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

/// An alternative.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Parts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grounding_metadata: Option<GroundingWriter<'a>>,
    pub(super) index: u32,
}

/// What the model says.
#[derive(Debug, Serialize)]
pub(super) struct Parts<'a> {
    parts: Vec<Part<'a>>,
    role: &'static str,
}

impl<'a> Parts<'a> {
    /// `None` for nothing, which is no content.
    pub(super) fn of(parts: Vec<Part<'a>>) -> Option<Self> {
        (!parts.is_empty()).then_some(Self { parts, role: "model" })
    }
}

/// Tokens.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    total_token_count: u64,
}

impl UsageMetadata {
    /// `None` where nothing is known.
    pub(super) fn of(usage: &Usage) -> Option<Self> {
        // Google counts thoughts beside the answer, not in it.
        let candidates_token_count = usage.output.map(|output| output.saturating_sub(usage.reasoning.unwrap_or(0)));
        (!usage.is_empty()).then(|| Self {
            prompt_token_count: usage.input,
            cached_content_token_count: usage.cache_read,
            candidates_token_count,
            thoughts_token_count: usage.reasoning,
            total_token_count: usage.total(),
        })
    }
}

/// Writes a whole answer.
pub(super) fn written(response: &Response<'_>, reply: &Reply<'_>) -> Vec<u8> {
    let candidates = (0..).zip(&response.choices).map(|(index, choice)| candidate(index, choice)).collect();
    json(&Answer {
        candidates,
        usage_metadata: UsageMetadata::of(&response.usage),
        model_version: response.model.as_deref().unwrap_or(reply.model),
        response_id: response.id.as_deref().unwrap_or(reply.id),
    })
}

fn candidate<'a>(index: u32, choice: &'a Choice<'a>) -> Candidate<'a> {
    let mut grounding = GroundingWriter::default();
    let mut parts = Vec::new();
    for message::Part { content, .. } in &choice.parts {
        parts.extend(part(content));
        if let Content::Text { text, citations } = content {
            let characters = (!citations.is_empty()).then(|| Characters::of(text));
            for citation in citations {
                grounding.add(citation, characters.as_ref());
            }
        }
    }
    // A caller gives it back, and then the next answer may be Google's own to make.
    if let Some(first) = parts.iter_mut().find(|part| part.function_call.is_some()) {
        first.thought_signature.get_or_insert_with(|| NO_SIGNATURE.into());
    }
    Candidate {
        content: Parts::of(parts),
        finish_reason: Some(word(&choice.finish)),
        grounding_metadata: grounding.written(),
        index,
    }
}

/// A part of what the model says; `None` for what it can't.
fn part<'a>(content: &'a Content<'a>) -> Option<Part<'a>> {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => Some(Part::text(text)),
        Content::Image(image) => Some(Part::source(&image.source)),
        Content::Audio(audio) => Some(Part::source(&audio.source)),
        Content::Document(document) => Some(match &document.body {
            DocumentBody::Text(text) => Part::text(text),
            DocumentBody::Bytes(source) => Part::source(source),
        }),
        Content::ToolCall(call) => Some(Part::call(call)),
        Content::Reasoning { text, signature } => Some(Part::thought(text, signature.as_deref())),
        Content::SealedReasoning(thought) => Some(Part::thought("", Some(thought))),
        // Answers hold none.
        Content::ToolResult(_) => None,
    }
}
