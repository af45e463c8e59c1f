//! The pieces of what is said, as they are written.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::document::WireSource;
use super::names;
use crate::exchange::json::Json;
use crate::exchange::message::{CacheHint, Citation, Content, Part};
use crate::exchange::tool::ToolResult;
use crate::protocol::Unsayable;
use crate::protocol::anthropic::citation;

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block<'a> {
    pub(super) said: Said<'a>,
    pub(super) cache: Option<CacheHint>,
}

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said<'a> {
    Text { text: &'a str, citations: &'a [Citation<'a>] },
    Image(WireSource<'a>),
    Document { source: WireSource<'a>, title: Option<&'a str>, context: Option<&'a str>, cites: bool },
    ToolUse { id: Cow<'a, str>, name: &'a str, input: &'a Json<'a> },
    ToolResult { id: Cow<'a, str>, content: Vec<Block<'a>>, is_error: bool },
    Thinking { text: &'a str, signature: &'a str },
    RedactedThinking(&'a str),
}

impl<'a> Block<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self { said: Said::Text { text, citations: &[] }, cache: None }
    }

    /// What a part is written as. `None` for one that Anthropic refuses and nobody misses, as blank text, and for one that it has no words for.
    pub(super) fn of(part: &'a Part<'a>) -> Result<Option<Self>, Unsayable> {
        let said = match &part.content {
            Content::Text { text, citations } => Said::Text { text, citations },
            Content::Refusal(text) => Said::Text { text, citations: &[] },
            Content::Image(image) => Said::Image(WireSource::of_image(&image.source)?),
            Content::Document(document) => Said::Document {
                source: WireSource::of_document(document)?,
                title: document.name.as_deref(),
                context: document.context.as_deref(),
                cites: document.cites,
            },
            Content::ToolCall(call) => {
                Said::ToolUse { id: names::call(&call.id), name: names::tool(&call.name)?, input: &call.arguments }
            }
            Content::ToolResult(result) => self::result(result)?,
            Content::Reasoning { text, signature: Some(signature) } => Said::Thinking { text, signature },
            Content::SealedReasoning(data) => Said::RedactedThinking(data),
            // Without its proof it would be refused.
            Content::Reasoning { signature: None, .. } | Content::Audio(_) => return Ok(None),
        };
        let is_blank = matches!(said, Said::Text { text, .. } if text.trim().is_empty());
        Ok((!is_blank).then_some(Self { cache: part.cache.filter(|_| !said.is_thinking()), said }))
    }
}

impl Said<'_> {
    pub(super) fn is_thinking(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::RedactedThinking(_))
    }

    pub(super) fn is_file(&self) -> bool {
        match self {
            Self::Image(source) | Self::Document { source, .. } => matches!(source, WireSource::File { .. }),
            Self::ToolResult { content, .. } => content.iter().any(|block| block.said.is_file()),
            Self::Text { .. } | Self::ToolUse { .. } | Self::Thinking { .. } | Self::RedactedThinking(_) => false,
        }
    }
}

fn result<'a>(result: &'a ToolResult<'a>) -> Result<Said<'a>, Unsayable> {
    let mut content = Vec::with_capacity(result.content.len());
    for part in &result.content {
        // The result as a whole has the only hint that counts.
        content.extend(Block::of(part)?.map(|block| Block { cache: None, ..block }));
    }
    Ok(Said::ToolResult { id: names::call(&result.id), content, is_error: result.is_error })
}

/// Pieces, which are written as a text where that says it all.
pub(super) struct Contents<'b, 'a>(pub(super) &'b [Block<'a>]);

impl Serialize for Contents<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [Block { said: Said::Text { text, citations: [] }, cache: None }] => serializer.serialize_str(text),
            blocks => blocks.serialize(serializer),
        }
    }
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.said {
            Said::Text { text, citations } => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text)?;
                let citations = citation::all_written(citations);
                if !citations.is_empty() {
                    map.serialize_entry("citations", &citations)?;
                }
            }
            Said::Image(source) => {
                map.serialize_entry("type", "image")?;
                map.serialize_entry("source", source)?;
            }
            Said::Document { source, title, context, cites } => {
                map.serialize_entry("type", "document")?;
                map.serialize_entry("source", source)?;
                entry(&mut map, "title", title.as_ref())?;
                entry(&mut map, "context", context.as_ref())?;
                entry(&mut map, "citations", cites.then_some(&Enabled { enabled: true }))?;
            }
            Said::ToolUse { id, name, input } => {
                map.serialize_entry("type", "tool_use")?;
                map.serialize_entry("id", id)?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("input", input)?;
            }
            Said::ToolResult { id, content, is_error } => {
                map.serialize_entry("type", "tool_result")?;
                map.serialize_entry("tool_use_id", id)?;
                entry(&mut map, "content", (!content.is_empty()).then_some(&Contents(content)))?;
                entry(&mut map, "is_error", is_error.then_some(&true))?;
            }
            Said::Thinking { text, signature } => {
                map.serialize_entry("type", "thinking")?;
                map.serialize_entry("thinking", text)?;
                map.serialize_entry("signature", signature)?;
            }
            Said::RedactedThinking(data) => {
                map.serialize_entry("type", "redacted_thinking")?;
                map.serialize_entry("data", data)?;
            }
        }
        entry(&mut map, "cache_control", self.cache.map(CacheControl::of).as_ref())?;
        map.end()
    }
}

fn entry<M: SerializeMap>(map: &mut M, name: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

#[derive(serde::Serialize)]
struct Enabled {
    enabled: bool,
}

/// `cache_control`.
#[derive(serde::Serialize)]
pub(super) struct CacheControl {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl CacheControl {
    pub(super) fn of(hint: CacheHint) -> Self {
        let ttl = match hint {
            CacheHint::Default => None,
            CacheHint::FiveMinutes => Some("5m"),
            CacheHint::OneHour => Some("1h"),
        };
        Self { r#type: "ephemeral", ttl }
    }
}
