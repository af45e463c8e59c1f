//! Counting the tokens of a conversation: the conversation in its format's own words, in a shell that every format has another of.
//!
//! Sources, read in autumn 2026: docs.anthropic.com/en/api/messages-count-tokens; ai.google.dev/api/tokens;
//! cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens;
//! docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html; platform.openai.com/docs/api-reference/responses/input-tokens.

use std::borrow::Cow;

use shared::adapter::{AdapterKind, Format};

use super::{Dialect, NotAnAnswer, Unreadable};
use crate::json::{self, JsonError};

/// How a count is asked for and given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountForm {
    /// OpenAI's, of its responses.
    Responses,
    Anthropic,
    Gemini,
    /// Gemini's at Vertex AI, without a shell.
    Vertex,
    Bedrock,
}

impl CountForm {
    /// What callers of a format ask in; `None` where the format has no count.
    pub(crate) fn of_caller(format: Format) -> Option<Self> {
        match format {
            Format::OpenAi => Some(Self::Responses),
            Format::Anthropic => Some(Self::Anthropic),
            Format::Gemini => Some(Self::Gemini),
            Format::Bedrock => Some(Self::Bedrock),
            Format::Cohere => None,
        }
    }

    /// What an upstream is asked in; `None` where its API has no count.
    pub(crate) fn of_upstream(adapter: AdapterKind) -> Option<Self> {
        match adapter {
            AdapterKind::OpenAi | AdapterKind::AzureOpenAi => Some(Self::Responses),
            AdapterKind::Anthropic => Some(Self::Anthropic),
            AdapterKind::Gemini => Some(Self::Gemini),
            AdapterKind::Vertex => Some(Self::Vertex),
            AdapterKind::Bedrock => Some(Self::Bedrock),
            AdapterKind::Cohere => None,
        }
    }

    /// What the conversation is written in.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Responses => Dialect::Responses,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini | Self::Vertex => Dialect::Gemini,
            Self::Bedrock => Dialect::Bedrock,
        }
    }

    /// The conversation in a caller's request, as its dialect reads it.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn conversation(self, body: &[u8]) -> Result<Cow<'_, [u8]>, Unreadable> {
        match self {
            Self::Responses | Self::Vertex => Ok(body.into()),
            Self::Anthropic => Ok(with_a_limit(body)),
            Self::Gemini => {
                let [one, other] = ["generateContentRequest", "generate_content_request"];
                let inner = json::member(body, one.as_bytes()).or_else(|| json::member(body, other.as_bytes()));
                Ok(inner.unwrap_or(body).into())
            }
            Self::Bedrock => {
                let conversation = json::member(body, b"input").and_then(|input| json::member(input, b"converse"));
                conversation.map(Cow::Borrowed).ok_or_else(|| Unreadable {
                    field: "input.converse".to_owned(),
                    wrong: "is missing: other models than the caller's own can't read input.invokeModel".to_owned(),
                })
            }
        }
    }

    /// The body for an upstream, of a conversation that was written for it.
    pub(crate) fn write(self, conversation: &[u8], model: &str) -> Vec<u8> {
        match self {
            Self::Responses => kept(
                conversation,
                &["model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "parallel_tool_calls"],
            ),
            Self::Anthropic => kept(conversation, &["model", "messages", "system", "tools", "tool_choice", "thinking"]),
            Self::Gemini => {
                let name = super::error::json(&format!("models/{model}"));
                let rest = conversation.strip_prefix(b"{").unwrap_or(conversation);
                [b"{\"generateContentRequest\":{\"model\":", &name[..], b",", rest, b"}"].concat()
            }
            Self::Vertex => kept(conversation, &["contents", "systemInstruction", "tools", "generationConfig"]),
            Self::Bedrock => {
                let conversation = kept(conversation, &["messages", "system", "toolConfig"]);
                [b"{\"input\":{\"converse\":", &conversation[..], b"}}"].concat()
            }
        }
    }

    /// The count in an upstream's answer.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn read_answer(self, body: &[u8]) -> Result<u64, NotAnAnswer> {
        let count = json::member(body, self.field().as_bytes()).ok_or(NotAnAnswer)?;
        serde_json::from_slice(count).map_err(|_| NotAnAnswer)
    }

    /// The answer for a caller.
    pub(crate) fn write_answer(self, tokens: u64) -> Vec<u8> {
        let object = if self == Self::Responses { "\"object\":\"response.input_tokens\"," } else { "" };
        format!("{{{object}\"{}\":{tokens}}}", self.field()).into_bytes()
    }

    fn field(self) -> &'static str {
        match self {
            Self::Responses | Self::Anthropic => "input_tokens",
            Self::Gemini | Self::Vertex => "totalTokens",
            Self::Bedrock => "inputTokens",
        }
    }
}

/// A count has no limit of tokens, which the format demands of a conversation.
fn with_a_limit(body: &[u8]) -> Cow<'_, [u8]> {
    match body.trim_ascii_start().strip_prefix(b"{") {
        Some(rest) if !json::has_member(body, b"max_tokens") => {
            let comma: &[u8] = if rest.trim_ascii_start().starts_with(b"}") { b"" } else { b"," };
            [b"{\"max_tokens\":1", comma, rest].concat().into()
        }
        _ => body.into(),
    }
}

/// An object with those of its members alone that a count knows: it refuses others.
fn kept(object: &[u8], names: &[&str]) -> Vec<u8> {
    let mut kept = vec![b'{'];
    let read = json::placed_members(object, |member| {
        if names.iter().any(|name| *name.as_bytes() == *member.key) {
            if kept.len() > 1 {
                kept.push(b',');
            }
            kept.extend_from_slice(&object[member.key_at.start..member.value.end]);
        }
        Ok::<_, JsonError>(())
    });
    kept.push(b'}');
    // What our own writer wrote can be read.
    if read.is_ok() { kept } else { b"{}".to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_conversation_is_found_in_its_shell() {
        for (form, body, conversation) in [
            (CountForm::Responses, r#"{"input":"a"}"#, r#"{"input":"a"}"#),
            (CountForm::Anthropic, r#" {"messages":[]}"#, r#"{"max_tokens":1,"messages":[]}"#),
            (CountForm::Anthropic, "{ }", r#"{"max_tokens":1 }"#),
            (CountForm::Anthropic, r#"{"max_tokens":5}"#, r#"{"max_tokens":5}"#),
            (CountForm::Gemini, r#"{"contents":[]}"#, r#"{"contents":[]}"#),
            (CountForm::Gemini, r#"{"generateContentRequest":{"contents":[1]}}"#, r#"{"contents":[1]}"#),
            (CountForm::Bedrock, r#"{"input":{"converse":{"messages":[]}}}"#, r#"{"messages":[]}"#),
        ] {
            assert_eq!(text(&form.conversation(body.as_bytes()).unwrap()), conversation);
        }
        let field = CountForm::Bedrock.conversation(br#"{"input":{"invokeModel":{}}}"#).unwrap_err().field;
        assert_eq!(field, "input.converse");
    }

    #[test]
    fn a_conversation_gets_its_shell() {
        for (form, conversation, body) in [
            (CountForm::Responses, r#"{"model":"m","stream":true,"input":[]}"#, r#"{"model":"m","input":[]}"#),
            (
                CountForm::Anthropic,
                r#"{"max_tokens":1,"model":"m","messages":[1.0]}"#,
                r#"{"model":"m","messages":[1.0]}"#,
            ),
            (
                CountForm::Gemini,
                r#"{"contents":[]}"#,
                r#"{"generateContentRequest":{"model":"models/m","contents":[]}}"#,
            ),
            (CountForm::Vertex, r#"{"contents":[],"toolConfig":{}}"#, r#"{"contents":[]}"#),
            (
                CountForm::Bedrock,
                r#"{"messages":[],"inferenceConfig":{}}"#,
                r#"{"input":{"converse":{"messages":[]}}}"#,
            ),
        ] {
            assert_eq!(text(&form.write(conversation.as_bytes(), "m")), body);
        }
    }

    #[test]
    fn a_count_comes_back_in_every_form() {
        let forms =
            [CountForm::Responses, CountForm::Anthropic, CountForm::Gemini, CountForm::Vertex, CountForm::Bedrock];
        for form in forms {
            assert_eq!(form.read_answer(&form.write_answer(42)), Ok(42));
            assert_eq!(form.read_answer(b"{}"), Err(NotAnAnswer));
        }
    }
}
