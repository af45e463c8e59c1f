//! The word that OpenAI, and others after it, want to read from whoever asks for JSON without a schema: "'messages' must contain the word 'json' in
//! some form". Responses look for it in the input alone, not in the instructions. Seen in autumn 2026.

use crate::exchange::message::{Content, Part};
use crate::exchange::request::{AnswerFormat, Request};

/// What is said where the word is lacking.
pub(in crate::protocol) const ASKS: &str = "Answer with a JSON object.";

/// How callers are told of it.
pub(in crate::protocol) const SAID: &str = "was put into words, too: the provider wants to read the word JSON";

/// Whether a request asks for JSON and nothing that it says has the word.
pub(in crate::protocol) fn is_lacking(request: &Request<'_>) -> bool {
    is_lacking_in_conversation(request) && !is_said(&request.system)
}

/// The same without what stands before the conversation.
pub(in crate::protocol) fn is_lacking_in_conversation(request: &Request<'_>) -> bool {
    matches!(request.answer_format, Some(AnswerFormat::Json))
        && !request.messages.iter().any(|message| is_said(&message.parts))
}

fn is_said(parts: &[Part<'_>]) -> bool {
    let has = |text: &str| text.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"json"));
    parts.iter().any(|part| match &part.content {
        Content::Text { text, .. } => has(text),
        Content::ToolResult(result) => is_said(&result.content),
        Content::Refusal(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::ToolCall(_)
        | Content::Reasoning { .. }
        | Content::SealedReasoning(_) => false,
    })
}
