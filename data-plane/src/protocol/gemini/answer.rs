//! What answers and the events of streams have in common: an event is a whole answer with the new parts.
//!
//! Source: ai.google.dev/api/generate-content, read in autumn 2026.

mod finish;
mod grounding;

#[cfg(test)]
mod tests;

use serde::Deserialize;

pub(super) use self::finish::{finish, word};
pub(super) use self::grounding::{Grounding, GroundingWriter};
use crate::exchange::json::Json;
use crate::exchange::message::{Content, Image, Source, is_media_type};
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;
use crate::exchange::usage::Usage;
use crate::protocol::{NotAnAnswer, Seed};

/// An answer, or an event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<PromptFeedback<'a>>,
    pub(super) usage_metadata: Option<UsageMetadata>,
    #[serde(borrow)]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<Json<'a>>,
}

/// An alternative.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) index: Option<u32>,
    #[serde(borrow)]
    content: Option<Parts<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) grounding_metadata: Option<Grounding<'a>>,
}

#[derive(Debug, Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

/// A part of an alternative.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    thought: Option<bool>,
    #[serde(borrow)]
    thought_signature: Option<Text<'a>>,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
    #[serde(borrow)]
    inline_data: Option<Blob<'a>>,
}

#[derive(Debug, Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    args: Option<Json<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    #[serde(borrow)]
    mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Text<'a>>,
}

/// Tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageMetadata {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

impl<'a> Answer<'a> {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// When the bytes are none.
    pub(super) fn read(json: &'a [u8]) -> Result<Self, NotAnAnswer> {
        // An object alone counts: serde would read a struct from an array's items, too.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(NotAnAnswer);
        }
        serde_json::from_slice(json).map_err(|_| NotAnAnswer)
    }

    /// Whether the prompt was not let through to the model.
    pub(super) fn is_blocked(&self) -> bool {
        let reason = self.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason.as_ref());
        let has_candidates = self.candidates.as_ref().is_some_and(|candidates| !candidates.is_empty());
        reason.is_some_and(|reason| !reason.is_empty()) && !has_candidates
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage_metadata.as_ref().map(UsageMetadata::usage).unwrap_or_default()
    }
}

impl<'a> Candidate<'a> {
    /// Its parts, which are taken.
    pub(super) fn take_parts(&mut self) -> Vec<Part<'a>> {
        self.content.take().and_then(|content| content.parts).unwrap_or_default()
    }

    /// Why it is over; `None` while it is not.
    pub(super) fn finish_reason(&self) -> Option<&str> {
        self.finish_reason.as_deref().filter(|reason| !reason.is_empty())
    }
}

impl UsageMetadata {
    fn usage(&self) -> Usage {
        Usage {
            input: sum(self.prompt_token_count, self.tool_use_prompt_token_count),
            cache_read: self.cached_content_token_count,
            cache_write: None,
            output: sum(self.candidates_token_count, self.thoughts_token_count),
            reasoning: self.thoughts_token_count,
        }
    }
}

fn sum(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.saturating_add(right)),
        (left, right) => left.or(right),
    }
}

/// Makes the ids of calls that have none, each once in an answer.
#[derive(Debug)]
pub(super) struct Ids {
    seed: String,
    made: usize,
}

impl Ids {
    pub(super) fn new(seed: &Seed<'_>) -> Self {
        // OpenAI takes ids of up to 40 signs.
        Self { seed: seed.id.chars().take(24).collect(), made: 0 }
    }

    fn make(&mut self) -> Text<'static> {
        let id = format!("call_{}_{}", self.seed, self.made);
        self.made += 1;
        id.into()
    }
}

impl<'a> Part<'a> {
    /// What it is; `None` for what only Google understands, as code that it ran. A signature of a text is left out: it may be, and only a
    /// call's has to come back.
    ///
    /// # Errors
    ///
    /// When it is a call without a name, or with arguments that are no object.
    pub(super) fn content(self, ids: &mut Ids) -> Result<Option<Content<'a>>, NotAnAnswer> {
        let Self { text, thought, thought_signature, function_call, inline_data } = self;
        if let Some(FunctionCall { id, name, args }) = function_call {
            let name = name.ok_or(NotAnAnswer)?;
            let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| ids.make());
            let arguments = args.unwrap_or_else(Json::empty_object);
            let call = ToolCall { id, name, arguments, signature: thought_signature };
            return if call.arguments.is_object() { Ok(Some(Content::ToolCall(call))) } else { Err(NotAnAnswer) };
        }
        if let Some(Blob { mime_type: Some(media_type), data: Some(data) }) = inline_data {
            let image = Image { source: Source::Inline { media_type, data }, detail: None };
            return Ok(is_image(&image).then_some(Content::Image(image)));
        }
        let text = text.unwrap_or_default();
        if thought == Some(true) {
            let says_something = !text.is_empty() || thought_signature.is_some();
            return Ok(says_something.then_some(Content::Reasoning { text, signature: thought_signature }));
        }
        Ok((!text.is_empty()).then_some(Content::Text { text, citations: Vec::new() }))
    }
}

fn is_image(image: &Image<'_>) -> bool {
    matches!(&image.source, Source::Inline { media_type, .. } if media_type.starts_with("image/") && is_media_type(media_type))
}
