//! What functions gave.

use std::fmt;

use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::part::{Blob, File};
use super::{Contents, wrong};
use crate::exchange::message::{Content, Part, Role};
use crate::exchange::request::Loss;
use crate::exchange::text::Text;
use crate::exchange::tool::ToolResult;
use crate::json::{self, JsonError};
use crate::protocol::Unreadable;
use crate::protocol::gemini::request::object::{Many, Object, Read};

/// What a function gave.
#[derive(Debug, Default)]
pub(super) struct Response<'a> {
    id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    response: Option<&'a RawValue>,
    parts: Option<Many<'a, Media<'a>>>,
}

impl<'de> Object<'de> for Response<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "response" => self.response = map.next_value()?,
            "parts" => self.parts = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What it gave beside its text.
#[derive(Debug, Default)]
struct Media<'a> {
    inline: Option<Read<'a, Blob<'a>>>,
    file: Option<Read<'a, File<'a>>>,
}

impl<'de> Object<'de> for Media<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "inlineData" | "inline_data" => self.inline = map.next_value()?,
            "fileData" | "file_data" => self.file = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Contents<'a, '_> {
    /// The result of a call.
    pub(super) fn response(
        &mut self,
        role: Role,
        place: &dyn fmt::Display,
        response: Read<'a, Response<'a>>,
    ) -> Result<Content<'a>, Unreadable> {
        let place = &format_args!("{place}.functionResponse");
        if role != Role::User {
            return Err(wrong(place.to_string(), "stands in a content of the model; responses are the user's"));
        }
        let Response { id, name, response, parts } = response.known(place, Loss::Warned, self.extras);
        let Some(name) = name else { return Err(wrong(format!("{place}.name"), "is missing")) };
        let Some(id) = self.calls.answered(id.as_ref(), &name) else {
            return Err(wrong(
                format!("{place}.name"),
                "names a function without a call before it that waits for a response",
            ));
        };
        let given = Given::read(response.map_or("{}", RawValue::get));
        let Some(Given { text, is_error }) = given else {
            return Err(wrong(format!("{place}.response"), "is no object"));
        };
        let mut content = Vec::new();
        if !text.is_empty() {
            content.push(Part::text(text));
        }
        for (at, media) in parts.map(|parts| parts.0).unwrap_or_default().into_iter().enumerate() {
            content.extend(self.of_response(&format_args!("{place}.parts[{at}]"), media)?.map(Part::of));
        }
        Ok(Content::ToolResult(ToolResult { id, name: Some(name), content, is_error }))
    }

    fn of_response(
        &mut self,
        place: &dyn fmt::Display,
        media: Read<'a, Media<'a>>,
    ) -> Result<Option<Content<'a>>, Unreadable> {
        match media.known(place, Loss::Refused, self.extras) {
            Media { inline: Some(blob), .. } => self.inline(place, blob),
            Media { file: Some(file), .. } => self.file(place, file),
            Media { inline: None, file: None } => Ok(None),
        }
    }
}

/// What the object says that a function's response is.
#[derive(Debug)]
struct Given<'a> {
    text: Text<'a>,
    is_error: bool,
}

impl<'a> Given<'a> {
    /// The text of an `output` or a `result` that is all, or else the JSON; `None` where it is no object.
    fn read(response: &'a str) -> Option<Self> {
        let mut members = 0;
        let mut error = None;
        let mut output = None;
        let read = json::members(response.as_bytes(), |key, value| {
            members += 1;
            let value = response.get(value);
            match &*key {
                b"error" => error = value.filter(|value| *value != "null"),
                b"output" | b"result" => output = value,
                _ => {}
            }
            Ok::<_, JsonError>(())
        });
        read.ok()?;
        let alone = error.or(output).filter(|_| members == 1);
        let text = match alone {
            Some(value) if error.is_some() || value.starts_with('"') => {
                serde_json::from_str(value).unwrap_or_else(|_| value.into())
            }
            _ => response.into(),
        };
        Some(Self { text, is_error: error.is_some() })
    }
}
