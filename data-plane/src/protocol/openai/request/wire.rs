//! The objects of a request, as they stand in it.

use serde::de::{Error as _, MapAccess};
use serde_json::value::RawValue;

use super::object::{Object, Place, TextOrList, value};
use crate::exchange::json::Json;
use crate::exchange::message::CacheHint;
use crate::exchange::request::Loss;
use crate::exchange::text::Text;
use crate::protocol::openai::reasoning::Detail;

/// What a message, or a tool's result, says.
pub(super) type Body<'a> = TextOrList<'a, Part<'a>>;

#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) role: Option<Text<'a>>,
    pub(super) content: Option<Body<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) refusal: Option<Text<'a>>,
    pub(super) tool_calls: Vec<Call<'a>>,
    pub(super) function_call: Option<Function<'a>>,
    pub(super) tool_call_id: Option<Text<'a>>,
    pub(super) reasoning: Option<Text<'a>>,
    pub(super) reasoning_details: Vec<Detail<'a>>,
    pub(super) images: Vec<Part<'a>>,
    pub(super) cache: Option<Cache>,
}

impl<'a> Object<'a> for Message<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "role" => self.role = value(map)?,
            "content" => self.content = place.text_or_list(map)?,
            "name" => self.name = value(map)?,
            "refusal" => self.refusal = value(map)?,
            "tool_calls" => self.tool_calls = place.list(map)?,
            "function_call" => self.function_call = place.object(map)?,
            "tool_call_id" => self.tool_call_id = value(map)?,
            "reasoning_content" | "reasoning" => self.reasoning = value(map)?.or(self.reasoning.take()),
            "reasoning_details" => self.reasoning_details = value(map)?.unwrap_or_default(),
            "images" => self.images = place.list(map)?,
            "cache_control" => self.cache = place.object(map)?,
            // The answer's own annotations, sent back: the text that they are about stands in the content.
            "annotations" => drop(value::<Json<'a>, A>(map)?),
            // An answer in audio that the provider keeps.
            "audio" => place.extra_of(map, Loss::Refused)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) kind: Option<Text<'a>>,
    pub(super) text: Option<Text<'a>>,
    pub(super) refusal: Option<Text<'a>>,
    pub(super) image_url: Option<ImageUrl<'a>>,
    pub(super) input_audio: Option<InputAudio<'a>>,
    pub(super) file: Option<File<'a>>,
    pub(super) cache: Option<Cache>,
}

impl<'a> Object<'a> for Part<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = value(map)?,
            "text" => self.text = value(map)?,
            "refusal" => self.refusal = value(map)?,
            "image_url" => self.image_url = place.object(map)?,
            "input_audio" => self.input_audio = place.object(map)?,
            "file" => self.file = place.object(map)?,
            "cache_control" => self.cache = place.object(map)?,
            // Where a streamed image stands in its answer.
            "index" => drop(value::<Json<'a>, A>(map)?),
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct ImageUrl<'a> {
    pub(super) url: Option<Text<'a>>,
    pub(super) detail: Option<Text<'a>>,
}

impl<'a> Object<'a> for ImageUrl<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "url" => self.url = value(map)?,
            "detail" => self.detail = value(map)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }

    /// Mistral's form.
    fn of_text(url: Text<'a>) -> Option<Self> {
        Some(Self { url: Some(url), detail: None })
    }
}

#[derive(Debug, Default)]
pub(super) struct InputAudio<'a> {
    pub(super) data: Option<Text<'a>>,
    pub(super) format: Option<Text<'a>>,
}

impl<'a> Object<'a> for InputAudio<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "data" => self.data = value(map)?,
            "format" => self.format = value(map)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct File<'a> {
    pub(super) file_data: Option<Text<'a>>,
    pub(super) file_id: Option<Text<'a>>,
    pub(super) filename: Option<Text<'a>>,
}

impl<'a> Object<'a> for File<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "file_data" => self.file_data = value(map)?,
            "file_id" => self.file_id = value(map)?,
            "filename" => self.filename = value(map)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

/// A breakpoint of a cache, as Anthropic has it and others took it over.
#[derive(Debug, Default)]
pub(super) struct Cache(Option<CacheHint>);

impl Cache {
    pub(super) fn hint(&self) -> CacheHint {
        self.0.unwrap_or(CacheHint::Default)
    }
}

impl<'a> Object<'a> for Cache {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "type" => drop(value::<Text<'a>, A>(map)?),
            "ttl" => {
                self.0 = match value::<Text<'a>, A>(map)?.as_deref() {
                    None => None,
                    Some("5m") => Some(CacheHint::FiveMinutes),
                    Some("1h") => Some(CacheHint::OneHour),
                    Some(_) => return Err(A::Error::custom("it is not one of \"5m\" and \"1h\"")),
                }
            }
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Call<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) kind: Option<Text<'a>>,
    pub(super) function: Option<Function<'a>>,
    pub(super) extra_content: ExtraContent<'a>,
}

impl<'a> Object<'a> for Call<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "id" => self.id = value(map)?,
            "type" => self.kind = value(map)?,
            "function" => self.function = place.object(map)?,
            "extra_content" => self.extra_content = place.object(map)?.unwrap_or_default(),
            // Streams have it, and some clients send back what they put together of one.
            "index" => drop(value::<Json<'a>, A>(map)?),
            // Named by the error that refuses this kind of call.
            "custom" => drop(value::<Json<'a>, A>(map)?),
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Function<'a> {
    pub(super) name: Option<Text<'a>>,
    pub(super) arguments: Option<&'a RawValue>,
}

impl<'a> Object<'a> for Function<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "name" => self.name = value(map)?,
            "arguments" => self.arguments = value(map)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct ExtraContent<'a> {
    pub(super) google: Google<'a>,
}

impl<'a> Object<'a> for ExtraContent<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "google" => self.google = place.object(map)?.unwrap_or_default(),
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Google<'a> {
    pub(super) thought_signature: Option<Text<'a>>,
}

impl<'a> Object<'a> for Google<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "thought_signature" => self.thought_signature = value(map)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Tool<'a> {
    pub(super) kind: Option<Text<'a>>,
    pub(super) function: Option<FunctionTool<'a>>,
    pub(super) cache: Option<Cache>,
}

impl<'a> Object<'a> for Tool<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = value(map)?,
            "function" => self.function = place.object(map)?,
            "cache_control" => self.cache = place.object(map)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct FunctionTool<'a> {
    pub(super) name: Option<Text<'a>>,
    pub(super) description: Option<Text<'a>>,
    pub(super) parameters: Option<Json<'a>>,
    pub(super) strict: Option<bool>,
}

impl<'a> Object<'a> for FunctionTool<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error> {
        match name {
            "name" => self.name = value(map)?,
            "description" => self.description = value(map)?,
            "parameters" => self.parameters = value(map)?,
            "strict" => self.strict = value(map)?,
            _ => place.extra(map)?,
        }
        Ok(())
    }
}
