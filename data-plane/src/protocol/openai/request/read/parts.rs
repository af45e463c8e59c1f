//! Reads the parts of a message.

use super::path::Path;
use super::wrong;
use crate::exchange::message::{Audio, Content, Document, DocumentBody, Image, Part, Source};
use crate::exchange::text::Text;
use crate::protocol::Unreadable;
use crate::protocol::openai::request::wire;

/// Whose part it is, which decides of what kind it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    System,
    User,
    Assistant,
    Tool,
}

/// The parts of the `content` of what stands at `field`.
///
/// # Errors
///
/// When one is not what the format has there.
pub(super) fn body<'a>(field: &Path<'_>, place: Place, given: wire::Body<'a>) -> Result<Vec<Part<'a>>, Unreadable> {
    match given {
        wire::Body::Text(text) => Ok(vec![Part::text(text)]),
        wire::Body::List(parts) => {
            parts.into_iter().enumerate().map(|(at, part)| read(&field.item("content", at), place, part)).collect()
        }
    }
}

fn read<'a>(field: &Path<'_>, place: Place, part: wire::Part<'a>) -> Result<Part<'a>, Unreadable> {
    let cache = part.cache.as_ref().map(wire::Cache::hint);
    let kind = part.kind.clone().ok_or_else(|| wrong(field.field("type"), "is missing"))?;
    let content = match (&*kind, place) {
        ("text", _) => {
            let text = part.text.ok_or_else(|| wrong(field.field("text"), "is missing"))?;
            Content::Text { text, citations: Vec::new() }
        }
        ("refusal", Place::Assistant) => {
            Content::Refusal(part.refusal.ok_or_else(|| wrong(field.field("refusal"), "is missing"))?)
        }
        ("image_url", Place::User | Place::Tool) => image(field, part.image_url)?,
        ("input_audio", Place::User) => audio(&field.field("input_audio"), part.input_audio)?,
        ("file", Place::User | Place::Tool) => file(&field.field("file"), part.file)?,
        (_, place) => return Err(wrong(field.field("type"), format!("is not one of {}", kinds(place)))),
    };
    Ok(Part { content, cache })
}

fn kinds(place: Place) -> &'static str {
    match place {
        Place::System => "\"text\"",
        Place::User => "\"text\", \"image_url\", \"input_audio\" and \"file\"",
        Place::Assistant => "\"text\" and \"refusal\"",
        Place::Tool => "\"text\", \"image_url\" and \"file\"",
    }
}

/// The image of a part that stands at `field`.
///
/// # Errors
///
/// When it has none that can be found.
pub(super) fn image<'a>(field: &Path<'_>, given: Option<wire::ImageUrl<'a>>) -> Result<Content<'a>, Unreadable> {
    let missing = || wrong(field.field("image_url").field("url"), "is missing");
    let wire::ImageUrl { url, detail } = given.ok_or_else(missing)?;
    let source = Source::of_url(url.ok_or_else(missing)?).ok_or_else(|| {
        wrong(field.field("image_url").field("url"), "is neither an http(s) URL nor a base64 data: URL")
    })?;
    Ok(Content::Image(Image { source, detail }))
}

fn audio<'a>(field: &Path<'_>, given: Option<wire::InputAudio<'a>>) -> Result<Content<'a>, Unreadable> {
    let missing = |name| wrong(field.field(name), "is missing");
    let given = given.ok_or_else(|| wrong(field, "is missing"))?;
    let data = given.data.ok_or_else(|| missing("data"))?;
    let format = given.format.ok_or_else(|| missing("format"))?;
    let media_type: Text<'_> = match &*format {
        "wav" => "audio/wav".into(),
        "mp3" => "audio/mpeg".into(),
        other => format!("audio/{other}").into(),
    };
    Ok(Content::Audio(Audio { source: Source::Inline { media_type, data } }))
}

fn file<'a>(field: &Path<'_>, given: Option<wire::File<'a>>) -> Result<Content<'a>, Unreadable> {
    let wire::File { file_data, file_id, filename } = given.ok_or_else(|| wrong(field, "is missing"))?;
    let source = match (file_data, file_id) {
        (Some(data), _) => data_of(field, data, filename.as_deref())?,
        (None, Some(id)) => Source::File(id),
        (None, None) => return Err(wrong(field, "has neither file_data nor file_id")),
    };
    let body = DocumentBody::Bytes(source);
    Ok(Content::Document(Document { body, name: filename, context: None, cites: false }))
}

/// A file's bytes: a URL, or base64 alone, of which only the file's name tells what it is.
fn data_of<'a>(field: &Path<'_>, data: Text<'a>, filename: Option<&str>) -> Result<Source<'a>, Unreadable> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if data.bytes().all(is_base64) {
        return Ok(Source::Inline { media_type: media_type_of(filename).into(), data });
    }
    Source::of_url(data).ok_or_else(|| wrong(field.field("file_data"), "is neither a base64 data: URL nor base64"))
}

fn media_type_of(filename: Option<&str>) -> &'static str {
    let ending = filename.and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        // What the format's files mostly are.
        _ => "application/pdf",
    }
}
