//! Writes an answer for a caller.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Content, Part};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::text::Text;
use crate::exchange::tool;
use crate::protocol::anthropic::usage::Counts;
use crate::protocol::anthropic::{citation, finish, message_id, unsayable};
use crate::protocol::error::json;
use crate::protocol::{Reply, Unsayable};

#[derive(Serialize)]
struct Message<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    usage: Counts,
}

/// A piece.
enum Block<'a> {
    Text { text: &'a str, citations: &'a [Citation<'a>] },
    ToolUse { id: Text<'a>, name: &'a str, input: &'a Json<'a> },
    Thinking { thinking: &'a str, signature: &'a str },
    RedactedThinking(&'a str),
}

pub(in crate::protocol::anthropic) fn write(response: &Response<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
    let choice = response.choices.first().ok_or_else(|| unsayable("an answer of nothing at all"))?;
    let finish = finish_of(choice);
    let message = Message {
        id: message_id(response.id.as_deref(), reply.id),
        r#type: "message",
        role: "assistant",
        model: response.model.as_deref().unwrap_or(reply.model),
        content: blocks(&choice.parts)?,
        stop_reason: finish::reason(finish),
        stop_sequence: finish::sequence(finish),
        usage: Counts::of_message(&response.usage),
    };
    Ok(json(&message))
}

/// Why the answer is over: where the model's words are a refusal, that.
fn finish_of<'c, 'a>(choice: &'c Choice<'a>) -> &'c Finish<'a> {
    let refuses = choice.parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
    if refuses && choice.finish == Finish::Stop { &Finish::Refused } else { &choice.finish }
}

/// The pieces in their order, which is the one that clients have to send them back in: a model may think between what it says and calls.
fn blocks<'a>(parts: &'a [Part<'a>]) -> Result<Vec<Block<'a>>, Unsayable> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        blocks.extend(block(&part.content)?);
    }
    Ok(blocks)
}

fn block<'a>(content: &'a Content<'a>) -> Result<Option<Block<'a>>, Unsayable> {
    Ok(Some(match content {
        Content::Text { text, .. } | Content::Refusal(text) if text.is_empty() => return Ok(None),
        Content::Text { text, citations } => Block::Text { text, citations },
        Content::Refusal(text) => Block::Text { text, citations: &[] },
        Content::ToolCall(call) => Block::ToolUse {
            id: match &call.signature {
                Some(signature) => tool::id_with_signature(&call.id, Some(signature)),
                None => call.id.borrowed(),
            },
            name: &call.name,
            input: &call.arguments,
        },
        Content::Reasoning { text, signature } => {
            Block::Thinking { thinking: text, signature: signature.as_deref().unwrap_or_default() }
        }
        Content::SealedReasoning(data) => Block::RedactedThinking(data),
        Content::Image(_) => return Err(unsayable("an image in an answer")),
        Content::Audio(_) => return Err(unsayable("sound in an answer")),
        Content::Document(_) => return Err(unsayable("a document in an answer")),
        Content::ToolResult(_) => return Err(unsayable("a tool's result in an answer")),
    }))
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Text { text, citations } => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text)?;
                let citations = citation::all_written(citations);
                if !citations.is_empty() {
                    map.serialize_entry("citations", &citations)?;
                }
            }
            Self::ToolUse { id, name, input } => {
                map.serialize_entry("type", "tool_use")?;
                map.serialize_entry("id", id)?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("input", input)?;
            }
            Self::Thinking { thinking, signature } => {
                map.serialize_entry("type", "thinking")?;
                map.serialize_entry("thinking", thinking)?;
                map.serialize_entry("signature", signature)?;
            }
            Self::RedactedThinking(data) => {
                map.serialize_entry("type", "redacted_thinking")?;
                map.serialize_entry("data", data)?;
            }
        }
        map.end()
    }
}
