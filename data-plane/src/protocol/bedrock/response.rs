//! Whole answers.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read in autumn 2026. An answer has neither an id nor its
//! model's name.

use serde::{Deserialize, Serialize};

use super::block::{self, Block, Citations, Media, Reasoning, ReasoningText, ToolUse};
use super::finish;
use super::usage::{Metrics, TokenUsage};
use crate::exchange::json::Json;
use crate::exchange::message::{Content, Image, Part};
use crate::exchange::response::{Choice, Response};
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, id_with_signature};
use crate::protocol::error::json;
use crate::protocol::media::Medium;
use crate::protocol::{NotAnAnswer, Reply, Seed, Unsayable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given<'a> {
    #[serde(borrow)]
    output: Output<'a>,
    stop_reason: Option<Text<'a>>,
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<GivenBlock<'a>>,
}

/// A block, by the member that it has. What is not known has none of them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct GivenBlock<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    tool_use: Option<ToolUse<'a>>,
    reasoning_content: Option<Reasoning<'a>>,
    citations_content: Option<Citations<'a>>,
    image: Option<Media<'a>>,
}

pub(super) fn read<'a>(body: &'a [u8], _seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
    let given: Given<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let reason = given.stop_reason.ok_or(NotAnAnswer)?;
    let finish = finish::read(&reason).map_err(|_| NotAnAnswer)?;
    let mut parts = Vec::with_capacity(given.output.message.content.len());
    for block in given.output.message.content {
        parts.extend(block.read()?.map(Part::of));
    }
    let usage = given.usage.map(TokenUsage::read).unwrap_or_default();
    Ok(Response { id: None, model: None, choices: vec![Choice { parts, finish, logprobs: None }], usage })
}

impl<'a> GivenBlock<'a> {
    fn read(self) -> Result<Option<Content<'a>>, NotAnAnswer> {
        if let Some(text) = self.text {
            return Ok(Some(Content::Text { text, citations: Vec::new() }));
        }
        if let Some(call) = self.tool_use {
            // What the provider calls itself is none of the caller's.
            return if call.r#type.is_some() { Ok(None) } else { tool_call(call).map(Some) };
        }
        if let Some(cited) = self.citations_content {
            return Ok(Some(cited.read()));
        }
        if let Some(source) = self.image.and_then(|image| image.source(Medium::Image)) {
            return Ok(Some(Content::Image(Image { source, detail: None })));
        }
        Ok(self.reasoning_content.and_then(Reasoning::read))
    }
}

fn tool_call(call: ToolUse<'_>) -> Result<Content<'_>, NotAnAnswer> {
    let arguments = call.input.unwrap_or_else(Json::empty_object);
    if !arguments.is_object() {
        return Err(NotAnAnswer);
    }
    Ok(Content::ToolCall(ToolCall { id: call.tool_use_id, name: call.name, arguments, signature: None }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    output: WrittenOutput<'a>,
    stop_reason: &'static str,
    usage: TokenUsage,
    metrics: Metrics,
}

#[derive(Serialize)]
struct WrittenOutput<'a> {
    message: WrittenMessage<'a>,
}

#[derive(Serialize)]
struct WrittenMessage<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

pub(super) fn write(response: &Response<'_>, _reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
    // The format has one alternative; nobody can ask for more in it.
    let choice = response.choices.first();
    let mut content = Vec::new();
    for part in choice.into_iter().flat_map(|choice| &choice.parts) {
        content.extend(written(&part.content)?);
    }
    Ok(json(&Written {
        output: WrittenOutput { message: WrittenMessage { role: "assistant", content } },
        stop_reason: choice.map_or("end_turn", |choice| finish::written(&choice.finish)),
        usage: TokenUsage::of(&response.usage),
        metrics: Metrics::default(),
    }))
}

/// A part's block. What only callers say is in no answer.
fn written<'a>(content: &'a Content<'_>) -> Result<Option<Block<'a>>, Unsayable> {
    Ok(Some(match content {
        Content::Text { text, citations } => block::text(text, citations),
        Content::Refusal(text) => Block::Text(text),
        Content::Image(image) => Block::Image(Media::image(image)?),
        Content::Audio(audio) => Block::Audio(Media::audio(audio)?),
        Content::ToolCall(call) => {
            Block::ToolUse { tool_use_id: call_id(call), name: &call.name, input: call.arguments.borrowed() }
        }
        Content::Reasoning { text, signature } => {
            let text = ReasoningText { text: text.borrowed(), signature: signature.as_ref().map(Text::borrowed) };
            Block::ReasoningContent(Reasoning { reasoning_text: Some(text), redacted_content: None })
        }
        Content::SealedReasoning(sealed) => {
            Block::ReasoningContent(Reasoning { reasoning_text: None, redacted_content: Some(sealed.borrowed()) })
        }
        Content::Document(_) | Content::ToolResult(_) => return Ok(None),
    }))
}

/// A call's id, with the signature that its provider wants back.
fn call_id<'a>(call: &'a ToolCall<'_>) -> Text<'a> {
    match &call.signature {
        None => call.id.borrowed(),
        Some(signature) => id_with_signature(&call.id, Some(signature)),
    }
}

#[cfg(test)]
mod tests;
