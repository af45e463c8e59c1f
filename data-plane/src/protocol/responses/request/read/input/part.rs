//! Reads what is said: a text, or parts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{unreadable, within};
use crate::exchange::message::{Audio, CacheHint, Content, Document, DocumentBody, Image, Part, Source};
use crate::exchange::text::Text;
use crate::protocol::responses::item::Annotation;
use crate::protocol::{Unreadable, fields};

/// Any part.
#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    text: Option<Text<'a>>,
    refusal: Option<Text<'a>>,
    annotations: Option<Vec<Annotation<'a>>>,
    image_url: Option<Text<'a>>,
    detail: Option<Text<'a>>,
    file_id: Option<Text<'a>>,
    file_data: Option<Text<'a>>,
    file_url: Option<Text<'a>>,
    filename: Option<Text<'a>>,
    input_audio: Option<GivenAudio<'a>>,
    prompt_cache_breakpoint: Option<Breakpoint<'a>>,
}

#[derive(Deserialize)]
struct GivenAudio<'a> {
    #[serde(borrow)]
    data: Text<'a>,
    format: Text<'a>,
}

#[derive(Deserialize)]
struct Breakpoint<'a> {
    #[serde(borrow)]
    ttl: Option<Text<'a>>,
}

/// The parts of a message or of what a tool gave.
pub(super) fn read<'a>(content: &'a RawValue) -> Result<Vec<Part<'a>>, Unreadable> {
    let bytes = content.get().as_bytes();
    match bytes.first() {
        Some(b'"') => Ok(vec![Part::text(fields::read::<Text<'a>>("", bytes)?)]),
        Some(b'[') => {
            let parts: Vec<Given<'a>> = fields::read("", bytes)?;
            let parts = parts.into_iter().enumerate();
            parts.map(|(index, part)| of_given(part).map_err(within(format_args!("[{index}]")))).collect()
        }
        _ => Err(unreadable("", "is neither a text nor a list of parts")),
    }
}

fn of_given<'a>(mut given: Given<'a>) -> Result<Part<'a>, Unreadable> {
    let cache = given.prompt_cache_breakpoint.take().map(|point| match point.ttl {
        None => CacheHint::Default,
        // The least that it may be is half an hour.
        Some(_) => CacheHint::OneHour,
    });
    content(given).map(|content| Part { content, cache })
}

fn content<'a>(given: Given<'a>) -> Result<Content<'a>, Unreadable> {
    match given.r#type.as_deref() {
        Some("input_text" | "output_text" | "text") => {
            let citations = given.annotations.unwrap_or_default().into_iter();
            let citations = citations.filter_map(Annotation::into_citation).collect();
            let text = given.text.ok_or_else(|| unreadable(".text", "is missing"))?;
            Ok(Content::Text { text, citations })
        }
        Some("refusal") => given.refusal.map(Content::Refusal).ok_or_else(|| unreadable(".refusal", "is missing")),
        Some("input_image") => image(given),
        Some("input_file") => file(given),
        Some("input_audio") => match given.input_audio {
            Some(GivenAudio { data, format }) => {
                let media_type = format!("audio/{}", format.as_str()).into();
                Ok(Content::Audio(Audio { source: Source::Inline { media_type, data } }))
            }
            None => Err(unreadable(".input_audio", "is missing")),
        },
        Some(_) => {
            let known = r#"is not one of "input_text", "input_image", "input_file", "input_audio", "output_text" and "refusal""#;
            Err(unreadable(".type", known))
        }
        None => Err(unreadable(".type", "is missing")),
    }
}

fn image<'a>(given: Given<'a>) -> Result<Content<'a>, Unreadable> {
    let source = match (given.image_url, given.file_id) {
        (Some(url), _) => of_url(".image_url", url)?,
        (None, Some(file)) => Source::File(file),
        (None, None) => return Err(unreadable(".image_url", "is missing, and there is no file_id")),
    };
    Ok(Content::Image(Image { source, detail: given.detail }))
}

fn file<'a>(given: Given<'a>) -> Result<Content<'a>, Unreadable> {
    let source = match (given.file_data, given.file_url, given.file_id) {
        (Some(data), ..) => of_url(".file_data", data)?,
        (None, Some(url), _) => of_url(".file_url", url)?,
        (None, None, Some(file)) => Source::File(file),
        (None, None, None) => {
            return Err(unreadable(".file_data", "is missing, and there is neither file_url nor file_id"));
        }
    };
    Ok(Content::Document(Document {
        body: DocumentBody::Bytes(source),
        name: given.filename,
        context: None,
        cites: false,
    }))
}

fn of_url<'a>(field: &str, url: Text<'a>) -> Result<Source<'a>, Unreadable> {
    Source::of_url(url).ok_or_else(|| {
        unreadable(field, "is neither an http(s) URL nor a data URL in base64, as data:application/pdf;base64,…")
    })
}
