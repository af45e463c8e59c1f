//! Reads the blocks of a caller's messages.

use std::fmt::Arguments;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::{Union, cache, parse, refused, wrong};
use crate::exchange::json::Json;
use crate::exchange::message::{Audio, CacheHint, Content, Document, DocumentBody, Image, Part, Source};
use crate::exchange::request::Extra;
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, ToolResult, split_id};
use crate::protocol::Unreadable;
use crate::protocol::bedrock::block::{Citations, Enabled, Media, Reasoning, Said, ToolUse};
use crate::protocol::media::Medium;

/// What a block is.
pub(super) enum Read<'a> {
    Part(Part<'a>),
    /// The conversation up to here may be cached.
    Cache(CacheHint),
    /// Something that is kept as an extra.
    Nothing,
}

/// A block of a message.
pub(super) fn read<'a>(
    at: Arguments<'_>,
    block: &'a RawValue,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Read<'a>, Unreadable> {
    let union = Union::read(at, block)?;
    let content = match &*union.kind {
        "text" => Content::Text { text: union.value(at)?, citations: Vec::new() },
        "image" => match media(&union, at, Medium::Image)? {
            Some(source) => Content::Image(Image { source, detail: None }),
            None => return Ok(kept(union, at, extras)),
        },
        "audio" => match media(&union, at, Medium::Audio)? {
            Some(source) => Content::Audio(Audio { source }),
            None => return Ok(kept(union, at, extras)),
        },
        "document" => match document(format_args!("{at}.document"), union.value)? {
            Some(document) => Content::Document(document),
            None => return Ok(kept(union, at, extras)),
        },
        "toolUse" => tool_use(format_args!("{at}.toolUse"), union.value, extras)?,
        "toolResult" => tool_result(format_args!("{at}.toolResult"), union.value, extras)?,
        "reasoningContent" => match union.value::<Reasoning<'_>>(at)?.read() {
            Some(content) => content,
            None => return Ok(Read::Nothing),
        },
        "citationsContent" => union.value::<Citations<'_>>(at)?.read(),
        "cachePoint" => return Ok(Read::Cache(cache(format_args!("{at}.cachePoint"), union.value)?)),
        _ => return Ok(kept(union, at, extras)),
    };
    Ok(Read::Part(Part::of(content)))
}

fn kept<'a>(union: Union<'a>, at: Arguments<'_>, extras: &mut Vec<Extra<'a>>) -> Read<'a> {
    extras.push(union.extra(at));
    Read::Nothing
}

/// The bytes of an image or of audio; `None` where they are in a bucket.
fn media<'a>(union: &Union<'a>, at: Arguments<'_>, medium: Medium) -> Result<Option<Source<'a>>, Unreadable> {
    let media: Media<'_> = union.value(at)?;
    if media.source.s3_location.is_some() {
        return Ok(None);
    }
    if medium.media_type(&media.format).is_none() {
        let expected = format!("is not one of {}", medium.formats());
        return Err(wrong(format_args!("{at}.{}.format", union.kind.as_str()), &expected));
    }
    let at = format_args!("{at}.{}.source.bytes", union.kind.as_str());
    media.source(medium).map(Some).ok_or_else(|| wrong(at, "is missing"))
}

#[derive(Deserialize)]
struct WireDocument<'a> {
    #[serde(borrow)]
    format: Option<Text<'a>>,
    name: Option<Text<'a>>,
    source: WireSource<'a>,
    context: Option<Text<'a>>,
    citations: Option<Enabled>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSource<'a> {
    #[serde(borrow)]
    bytes: Option<Text<'a>>,
    text: Option<Text<'a>>,
    content: Option<Vec<Said<'a>>>,
    s3_location: Option<Json<'a>>,
}

/// A document; `None` where it is in a bucket.
fn document<'a>(at: Arguments<'_>, value: &'a RawValue) -> Result<Option<Document<'a>>, Unreadable> {
    let wire: WireDocument<'_> = parse(at, value)?;
    let source = wire.source;
    let body = if let Some(data) = source.bytes {
        let format = wire.format.as_deref().unwrap_or("txt");
        let Some(media_type) = Medium::Document.media_type(format) else {
            let expected = format!("is not one of {}", Medium::Document.formats());
            return Err(wrong(format_args!("{at}.format"), &expected));
        };
        DocumentBody::Bytes(Source::Inline { media_type: media_type.into(), data })
    } else if let Some(text) = source.text {
        DocumentBody::Text(text)
    } else if let Some(chunks) = source.content {
        let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        DocumentBody::Text(chunks.join("\n\n").into())
    } else if source.s3_location.is_some() {
        return Ok(None);
    } else {
        return Err(wrong(format_args!("{at}.source"), "has none of bytes, text and content"));
    };
    let cites = wire.citations.is_some_and(|citations| citations.enabled);
    Ok(Some(Document { body, name: wire.name, context: wire.context, cites }))
}

fn tool_use<'a>(
    at: Arguments<'_>,
    value: &'a RawValue,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Content<'a>, Unreadable> {
    let wire: ToolUse<'_> = parse(at, value)?;
    if wire.r#type.is_some() {
        extras.push(refused(format_args!("{at}.type"), value));
    }
    let arguments = wire.input.unwrap_or_else(Json::empty_object);
    if !arguments.is_object() {
        return Err(wrong(format_args!("{at}.input"), "is not an object"));
    }
    let (id, signature) = split_id(&wire.tool_use_id);
    Ok(Content::ToolCall(ToolCall { id, name: wire.name, arguments, signature }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult<'a> {
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    status: Option<Text<'a>>,
    r#type: Option<Text<'a>>,
}

fn tool_result<'a>(
    at: Arguments<'_>,
    value: &'a RawValue,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Content<'a>, Unreadable> {
    let wire: WireResult<'_> = parse(at, value)?;
    if wire.r#type.is_some() {
        extras.push(refused(format_args!("{at}.type"), value));
    }
    let is_error = match wire.status.as_deref() {
        Some("error") => true,
        Some("success") | None => false,
        Some(_) => return Err(wrong(format_args!("{at}.status"), "is not one of \"success\" and \"error\"")),
    };
    let mut content = Vec::with_capacity(wire.content.len());
    for (index, block) in wire.content.into_iter().enumerate() {
        let at = format_args!("{at}.content[{index}]");
        let union = Union::read(at, block)?;
        match &*union.kind {
            "json" => content.push(Part::text(union.value::<Json<'_>>(at)?.as_str().to_owned())),
            // The others that a message has, as results in results, are none of a result's.
            "text" | "image" | "document" => {
                if let Read::Part(part) = read(at, block, extras)? {
                    content.push(part);
                }
            }
            _ => extras.push(union.extra(at)),
        }
    }
    Ok(Content::ToolResult(ToolResult { id: split_id(&wire.tool_use_id).0, name: None, content, is_error }))
}
