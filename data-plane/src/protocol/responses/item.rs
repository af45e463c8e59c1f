//! The items that requests and answers are made of, as they are read.
//!
//! Source: the Responses API's reference and the types of OpenAI's Python library, read in autumn 2026. What one type of item has as a text
//! another has as an object, so that such members are looked into only when the type is known.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exchange::message::{Citation, Content, Image, Source};
use crate::exchange::text::Text;

/// Any item.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    pub(super) role: Option<Text<'a>>,
    pub(super) id: Option<Text<'a>>,
    pub(super) status: Option<Text<'a>>,
    pub(super) call_id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) encrypted_content: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) output: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) summary: Option<&'a RawValue>,
    /// Of an image that the model made: its bytes as base64, and what they are.
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    output_format: Option<Text<'a>>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    FunctionCall,
    FunctionCallOutput,
    Reasoning,
    Image,
    /// Something of the provider's own.
    Other,
}

impl Item<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self.r#type.as_deref() {
            Some("message") => Kind::Message,
            Some("function_call") => Kind::FunctionCall,
            Some("function_call_output") => Kind::FunctionCallOutput,
            Some("reasoning") => Kind::Reasoning,
            Some("image_generation_call") => Kind::Image,
            None if self.role.is_some() => Kind::Message,
            Some(_) | None => Kind::Other,
        }
    }
}

/// A part of a message that a model wrote.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputPart<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    pub(super) text: Option<Text<'a>>,
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) annotations: Option<Vec<Annotation<'a>>>,
}

impl<'a> OutputPart<'a> {
    /// What it says; `None` for a part of a kind that is not known.
    pub(super) fn into_content(self) -> Option<Content<'a>> {
        match self.r#type.as_deref() {
            Some("output_text") => {
                let annotations = self.annotations.unwrap_or_default();
                let citations = annotations.into_iter().filter_map(Annotation::into_citation).collect();
                Some(Content::Text { text: self.text?, citations })
            }
            Some("refusal") => Some(Content::Refusal(self.refusal?)),
            Some(_) | None => None,
        }
    }
}

/// Where a text comes from.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotation<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    url: Option<Text<'a>>,
    title: Option<Text<'a>>,
    filename: Option<Text<'a>>,
    start_index: Option<u64>,
    end_index: Option<u64>,
}

impl<'a> Annotation<'a> {
    /// What it cites; `None` for one of a kind that is not known.
    pub(super) fn into_citation(self) -> Option<Citation<'a>> {
        let title = match self.r#type.as_deref() {
            Some("url_citation") => self.title.filter(|title| !title.is_empty()),
            Some("file_citation" | "container_file_citation") => self.filename,
            Some(_) | None => return None,
        };
        let answer_span = self.start_index.zip(self.end_index);
        Some(Citation { url: self.url, title, answer_span, ..Citation::default() })
    }
}

#[derive(Deserialize)]
struct TextPart<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
}

/// The texts of an item's `summary`, or of what reasoning has as its `content`. `None` where there is none or it is something else.
pub(super) fn texts<'a>(parts: Option<&'a RawValue>) -> Option<Vec<Text<'a>>> {
    let parts: Vec<TextPart<'a>> = serde_json::from_str(parts?.get()).ok()?;
    Some(parts.into_iter().filter_map(|part| part.text).collect())
}

/// What an item of reasoning holds; `None` where that is nothing: it refers to what the provider keeps.
///
/// A part without text still tells reasoning that is not shown from reasoning that was sealed.
pub(super) fn reasoning<'a>(item: Item<'a>) -> Option<Content<'a>> {
    let mut parts = texts(item.summary).unwrap_or_default();
    parts.extend(texts(item.content).unwrap_or_default());
    match (parts.is_empty(), item.encrypted_content.filter(|sealed| !sealed.is_empty())) {
        (true, sealed) => sealed.map(Content::SealedReasoning),
        (false, signature) => {
            let text = joined(parts);
            (signature.is_some() || !text.is_empty()).then_some(Content::Reasoning { text, signature })
        }
    }
}

/// The image that an item holds; `None` where its provider alone has it.
pub(super) fn image<'a>(item: Item<'a>) -> Option<Image<'a>> {
    let data = string(item.result).filter(|data| !data.is_empty())?;
    let media_type = match item.output_format {
        Some(format) => format!("image/{}", &*format).into(),
        None => media_type(&data).into(),
    };
    Some(Image { source: Source::Inline { media_type, data }, detail: None })
}

/// What an image is, by how its base64 begins. Where the format says nothing, it is a PNG.
fn media_type(data: &str) -> &'static str {
    match data {
        _ if data.starts_with("/9j/") => "image/jpeg",
        _ if data.starts_with("UklGR") => "image/webp",
        _ if data.starts_with("R0lGOD") => "image/gif",
        _ => "image/png",
    }
}

/// Texts with blank lines between them.
pub(super) fn joined<'a>(mut texts: Vec<Text<'a>>) -> Text<'a> {
    match texts.pop() {
        Some(only) if texts.is_empty() => only,
        Some(last) => {
            texts.push(last);
            texts.iter().map(Text::as_str).collect::<Vec<_>>().join("\n\n").into()
        }
        None => Text::default(),
    }
}

/// What a member says that is a string.
pub(super) fn string<'a>(value: Option<&'a RawValue>) -> Option<Text<'a>> {
    serde_json::from_str(value?.get()).ok()
}
