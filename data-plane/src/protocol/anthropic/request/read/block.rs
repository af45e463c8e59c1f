//! Reads the pieces of what is said.

use serde_json::value::RawValue;

use super::place::Place;
use super::wire::{Block, Said, Source as WireSource, SourceMembers};
use crate::exchange::json::Json;
use crate::exchange::message::{Content, Document, DocumentBody, Image, Part, Role, Source, is_media_type};
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;
use crate::exchange::tool::{self, ToolCall, ToolResult};
use crate::protocol::Unreadable;
use crate::protocol::anthropic::citation;

/// Who says something, and so what it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    System,
    User,
    Assistant,
    /// What a tool gave, inside a user's message.
    Tool,
}

impl Speaker {
    pub(super) fn role(self) -> Role {
        match self {
            Self::System => Role::System,
            Self::User | Self::Tool => Role::User,
            Self::Assistant => Role::Assistant,
        }
    }

    /// Whether it may say a piece of this type.
    fn says(self, kind: &str) -> bool {
        match kind {
            "text" => true,
            "image" | "document" => self != Self::System,
            "tool_use" | "thinking" | "redacted_thinking" => self == Self::Assistant,
            "tool_result" => self == Self::User,
            _ => false,
        }
    }
}

/// Reads what is said. What has no home is kept among the extras, and gives no part.
pub(super) fn parts<'a>(
    said: Said<'a>,
    speaker: Speaker,
    place: &Place<'_>,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Vec<Part<'a>>, Unreadable> {
    match said {
        Said::Text(text) => Ok(vec![Part::text(text)]),
        Said::Blocks(blocks) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (at, block) in blocks.into_iter().enumerate() {
                parts.extend(part(block, speaker, &Place::Item(place, at), extras)?);
            }
            Ok(parts)
        }
        Said::Other => Err(place.wrong("is neither a string nor an array of blocks")),
    }
}

fn part<'a>(
    mut block: Block<'a>,
    speaker: Speaker,
    place: &Place<'_>,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Option<Part<'a>>, Unreadable> {
    let cache = block.cache.take().map(|cache| cache.hint(place)).transpose()?;
    let kind = block.kind.take().ok_or_else(|| place.lacks("type"))?;
    keep_unknown(&mut block, place, extras);
    let content = match &*kind {
        known if is_known(known) && !speaker.says(known) => {
            return Err(Place::Member(place, "type").wrong(format!("can't be \"{known}\" here")));
        }
        "text" => text(block, place)?,
        "image" => Content::Image(Image { source: source(block.source, place)?, detail: None }),
        "document" => match document(block, place)? {
            Some(document) => Content::Document(document),
            None => return Ok(refuse(&kind, place, extras)),
        },
        "tool_use" => Content::ToolCall(call(block, place)?),
        "tool_result" => Content::ToolResult(result(block, place, extras)?),
        "thinking" => Content::Reasoning {
            text: block.thinking.ok_or_else(|| place.lacks("thinking"))?,
            signature: block.signature.filter(|signature| !signature.is_empty()),
        },
        "redacted_thinking" => Content::SealedReasoning(block.data.ok_or_else(|| place.lacks("data"))?),
        _ => return Ok(refuse(&kind, place, extras)),
    };
    Ok(Some(Part { content, cache }))
}

fn is_known(kind: &str) -> bool {
    [Speaker::System, Speaker::User, Speaker::Assistant].into_iter().any(|speaker| speaker.says(kind))
}

/// A piece that only Anthropic's servers can make sense of.
fn refuse<'a>(kind: &str, place: &Place<'_>, extras: &mut Vec<Extra<'a>>) -> Option<Part<'a>> {
    extras.push(Extra { field: place.to_string().into(), json: Json::of(&kind), loss: Loss::Refused });
    None
}

fn keep_unknown<'a>(block: &mut Block<'a>, place: &Place<'_>, extras: &mut Vec<Extra<'a>>) {
    for (name, json) in block.unknown.drain(..) {
        let loss = match &*name {
            // Who called the tool, which is the model wherever a caller of another format's upstream can say it.
            "caller" => Loss::Silent,
            _ => Loss::Warned,
        };
        extras.push(Extra { field: Place::Member(place, &name).to_string().into(), json, loss });
    }
}

fn text<'a>(block: Block<'a>, place: &Place<'_>) -> Result<Content<'a>, Unreadable> {
    let citations = match block.citations {
        Some(raw) => serde_json::from_str::<Vec<&'a RawValue>>(raw.get())
            .map_err(|_| Place::Member(place, "citations").wrong("is not an array"))?,
        None => Vec::new(),
    };
    let citations = citations.into_iter().map(citation::read).collect();
    Ok(Content::Text { text: block.text.ok_or_else(|| place.lacks("text"))?, citations })
}

fn source<'a>(source: Option<WireSource<'a>>, place: &Place<'_>) -> Result<Source<'a>, Unreadable> {
    let WireSource(source) = source.ok_or_else(|| place.lacks("source"))?;
    let place = Place::Member(place, "source");
    let known = bytes(source, &place)?;
    known.ok_or_else(|| Place::Member(&place, "type").wrong("is not one of \"base64\", \"url\" and \"file\""))
}

/// Bytes; `None` for a source of another type.
fn bytes<'a>(source: SourceMembers<'a>, place: &Place<'_>) -> Result<Option<Source<'a>>, Unreadable> {
    Ok(Some(match source.r#type.as_deref() {
        Some("base64") => Source::Inline {
            media_type: match source.media_type {
                Some(media_type) if is_media_type(&media_type) => media_type,
                Some(_) => {
                    return Err(Place::Member(place, "media_type").wrong("is no media type, as image/png is"));
                }
                None => return Err(place.lacks("media_type")),
            },
            data: source.data.ok_or_else(|| place.lacks("data"))?,
        },
        Some("url") => Source::Url { url: source.url.ok_or_else(|| place.lacks("url"))?, media_type: None },
        Some("file") => Source::File(source.file_id.ok_or_else(|| place.lacks("file_id"))?),
        Some(_) => return Ok(None),
        None => return Err(place.lacks("type")),
    }))
}

/// A document; `None` where it holds images among its texts, or comes from somewhere that is newer than this.
fn document<'a>(block: Block<'a>, place: &Place<'_>) -> Result<Option<Document<'a>>, Unreadable> {
    let WireSource(source) = block.source.ok_or_else(|| place.lacks("source"))?;
    let at = Place::Member(place, "source");
    let body = match source.r#type.as_deref() {
        Some("text") => Some(DocumentBody::Text(source.data.ok_or_else(|| at.lacks("data"))?)),
        Some("content") => joined(source.content.ok_or_else(|| at.lacks("content"))?).map(DocumentBody::Text),
        _ => bytes(source, &at)?.map(DocumentBody::Bytes),
    };
    let cites = block.citations.is_some_and(|raw| {
        #[derive(serde::Deserialize)]
        struct Setting {
            enabled: Option<bool>,
        }
        serde_json::from_str::<Setting>(raw.get()).is_ok_and(|setting| setting.enabled == Some(true))
    });
    Ok(body.map(|body| Document { body, name: block.title, context: block.context, cites }))
}

/// The text that blocks of text are; `None` where one is anything else.
fn joined(said: Said<'_>) -> Option<Text<'_>> {
    let blocks = match said {
        Said::Text(text) => return Some(text),
        Said::Blocks(blocks) => blocks,
        Said::Other => return None,
    };
    let mut whole = String::new();
    for (at, block) in blocks.into_iter().enumerate() {
        if at > 0 {
            whole.push_str("\n\n");
        }
        whole.push_str(&block.text?);
    }
    Some(whole.into())
}

fn call<'a>(block: Block<'a>, place: &Place<'_>) -> Result<ToolCall<'a>, Unreadable> {
    let (id, signature) = tool::split_id(&block.id.ok_or_else(|| place.lacks("id"))?);
    let arguments = block.input.ok_or_else(|| place.lacks("input"))?;
    if !arguments.is_object() {
        return Err(Place::Member(place, "input").wrong("is not an object"));
    }
    Ok(ToolCall { id, name: block.name.ok_or_else(|| place.lacks("name"))?, arguments, signature })
}

fn result<'a>(block: Block<'a>, place: &Place<'_>, extras: &mut Vec<Extra<'a>>) -> Result<ToolResult<'a>, Unreadable> {
    let (id, _) = tool::split_id(&block.tool_use_id.ok_or_else(|| place.lacks("tool_use_id"))?);
    let content = match block.content {
        Some(said) => parts(said, Speaker::Tool, &Place::Member(place, "content"), extras)?,
        None => Vec::new(),
    };
    Ok(ToolResult { id, name: None, content, is_error: block.is_error.unwrap_or(false) })
}
