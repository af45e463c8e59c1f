//! The parts of a turn.

use std::fmt;

use serde::de::MapAccess;

use super::response::Response;
use super::{Contents, wrong};
use crate::exchange::json::Json;
use crate::exchange::message::{Audio, Content, Document, DocumentBody, Image, Role, Source, is_media_type};
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;
use crate::protocol::Unreadable;
use crate::protocol::gemini::part::{NO_SIGNATURE, is_googles};
use crate::protocol::gemini::request::object::{Object, Read};
use crate::protocol::provenance::is_sealed;

/// A part.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) text: Option<Text<'a>>,
    thought: Option<bool>,
    signature: Option<Text<'a>>,
    inline: Option<Read<'a, Blob<'a>>>,
    file: Option<Read<'a, File<'a>>>,
    call: Option<Read<'a, Call<'a>>>,
    response: Option<Read<'a, Response<'a>>>,
}

impl<'de> Object<'de> for Part<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "text" => self.text = map.next_value()?,
            "thought" => self.thought = map.next_value()?,
            "thoughtSignature" | "thought_signature" => self.signature = map.next_value()?,
            "inlineData" | "inline_data" => self.inline = map.next_value()?,
            "fileData" | "file_data" => self.file = map.next_value()?,
            "functionCall" | "function_call" => self.call = map.next_value()?,
            "functionResponse" | "function_response" => self.response = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Part<'a> {
    /// The id of the call that it is, where the caller gave one.
    pub(super) fn call_id(&self) -> Option<&Text<'a>> {
        self.call.as_ref()?.value.id.as_ref()
    }

    fn has_content(&self) -> bool {
        let has_data = self.inline.is_some() || self.file.is_some();
        self.text.is_some() || has_data || self.call.is_some() || self.response.is_some()
    }
}

/// Bytes.
#[derive(Debug, Default)]
pub(super) struct Blob<'a> {
    media_type: Option<Text<'a>>,
    data: Option<Text<'a>>,
}

impl<'de> Object<'de> for Blob<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "mimeType" | "mime_type" => self.media_type = map.next_value()?,
            "data" => self.data = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Bytes elsewhere.
#[derive(Debug, Default)]
pub(super) struct File<'a> {
    media_type: Option<Text<'a>>,
    uri: Option<Text<'a>>,
}

impl<'de> Object<'de> for File<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "mimeType" | "mime_type" => self.media_type = map.next_value()?,
            "fileUri" | "file_uri" => self.uri = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The model calls a function.
#[derive(Debug, Default)]
struct Call<'a> {
    id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    arguments: Option<Json<'a>>,
}

impl<'de> Object<'de> for Call<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "args" => self.arguments = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Contents<'a, '_> {
    /// What a part is. `None` for one that says nothing, and for one that only Google understands, which is an extra then.
    pub(super) fn part(
        &mut self,
        role: Role,
        place: &dyn fmt::Display,
        part: Read<'a, Part<'a>>,
    ) -> Result<Option<Content<'a>>, Unreadable> {
        let has_content = part.value.has_content();
        if !has_content && part.unknown.is_empty() && part.value.signature.is_none() {
            return Err(wrong(
                place.to_string(),
                "holds nothing: give it text, inlineData, fileData, functionCall or functionResponse",
            ));
        }
        // What stands alone is the part's content; what stands beside its content is about it.
        let part = part.known(place, if has_content { Loss::Warned } else { Loss::Refused }, self.extras);
        match part {
            Part { call: Some(call), signature, .. } => self.call(role, place, call, signature).map(Some),
            Part { response: Some(response), .. } => self.response(role, place, response).map(Some),
            Part { inline: Some(blob), .. } => self.inline(place, blob),
            Part { file: Some(file), .. } => self.file(place, file),
            Part { thought: Some(true), signature: Some(sealed), .. } if is_sealed(&sealed) => {
                Ok(Some(Content::SealedReasoning(sealed)))
            }
            Part { text: Some(text), thought: Some(true), signature, .. } => {
                Ok(Some(Content::Reasoning { text, signature }))
            }
            Part { text, .. } => {
                let text = text.filter(|text| !text.is_empty());
                Ok(text.map(|text| Content::Text { text, citations: Vec::new() }))
            }
        }
    }

    fn call(
        &mut self,
        role: Role,
        place: &dyn fmt::Display,
        call: Read<'a, Call<'a>>,
        signature: Option<Text<'a>>,
    ) -> Result<Content<'a>, Unreadable> {
        let place = &format_args!("{place}.functionCall");
        if role != Role::Assistant {
            return Err(wrong(place.to_string(), "stands in a content of the user; calls are the model's"));
        }
        let Call { id, name, arguments } = call.known(place, Loss::Warned, self.extras);
        let Some(name) = name else { return Err(wrong(format!("{place}.name"), "is missing")) };
        let arguments = arguments.unwrap_or_else(Json::empty_object);
        if !arguments.is_object() {
            return Err(wrong(format!("{place}.args"), "is no object"));
        }
        let id = self.calls.call(id, &name);
        let signature = signature.filter(|signature| signature.as_str() != NO_SIGNATURE);
        Ok(Content::ToolCall(ToolCall { id, name, arguments, signature }))
    }

    /// Bytes in a part, or in the response of a function.
    pub(super) fn inline(
        &mut self,
        place: &dyn fmt::Display,
        blob: Read<'a, Blob<'a>>,
    ) -> Result<Option<Content<'a>>, Unreadable> {
        let place = &format_args!("{place}.inlineData");
        let Blob { media_type, data } = blob.known(place, Loss::Silent, self.extras);
        let Some(media_type) = media_type else { return Err(wrong(format!("{place}.mimeType"), "is missing")) };
        if !is_media_type(&media_type) {
            return Err(wrong(format!("{place}.mimeType"), "is no media type, as image/png is"));
        }
        let Some(data) = data else { return Err(wrong(format!("{place}.data"), "is missing")) };
        let kind = media_type.clone();
        Ok(self.media(place, Some(&kind), Source::Inline { media_type, data: in_standard_base64(data) }))
    }

    /// Bytes elsewhere, in a part or in the response of a function.
    pub(super) fn file(
        &mut self,
        place: &dyn fmt::Display,
        file: Read<'a, File<'a>>,
    ) -> Result<Option<Content<'a>>, Unreadable> {
        let place = &format_args!("{place}.fileData");
        let File { media_type, uri } = file.known(place, Loss::Silent, self.extras);
        let Some(uri) = uri else { return Err(wrong(format!("{place}.fileUri"), "is missing")) };
        let kind = media_type.clone();
        let is_web = uri.starts_with("https://") || uri.starts_with("http://");
        // Others can't fetch what was uploaded to Google, wherever it is.
        let is_public = is_web && !is_googles(&uri);
        let source = if is_public { Source::Url { url: uri, media_type } } else { Source::File(uri) };
        Ok(self.media(place, kind.as_ref(), source))
    }

    fn media(
        &mut self,
        place: &dyn fmt::Display,
        media_type: Option<&Text<'a>>,
        source: Source<'a>,
    ) -> Option<Content<'a>> {
        let kind = media_type.and_then(|media_type| media_type.split('/').next()).unwrap_or_default();
        Some(match kind {
            "image" => Content::Image(Image { source, detail: None }),
            "audio" => Content::Audio(Audio { source }),
            "video" => {
                self.extras.push(Extra {
                    field: place.to_string().into(),
                    json: Json::of(&media_type),
                    loss: Loss::Refused,
                });
                return None;
            }
            _ => {
                let body = DocumentBody::Bytes(source);
                Content::Document(Document { body, name: None, context: None, cites: false })
            }
        })
    }
}

/// The same bytes in the alphabet of every other format. Google's JSON takes both, and its own Python package writes the one for URLs.
fn in_standard_base64(data: Text<'_>) -> Text<'_> {
    if memchr::memchr2(b'-', b'_', data.as_bytes()).is_none() {
        return data;
    }
    let mut written: String = data
        .chars()
        .map(|sign| match sign {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    // In URLs it is often left out.
    while !written.len().is_multiple_of(4) {
        written.push('=');
    }
    written.into()
}
