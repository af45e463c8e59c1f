//! Reads `tools` and `tool_choice`.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess};

use super::place::Place;
use super::wire::{self, CacheControl, Object, Unknown};
use super::{lost, members, required, wrong};
use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss, Request};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::protocol::{Unreadable, fields};

/// One of `tools`.
#[derive(Default)]
struct WireTool<'a> {
    kind: Option<Text<'a>>,
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    input_schema: Option<Json<'a>>,
    strict: Option<bool>,
    cache: Option<CacheControl<'a>>,
    unknown: Unknown<'a>,
}

impl<'a> Object<'a> for WireTool<'a> {
    fn member<A: MapAccess<'a>>(&mut self, name: Text<'a>, map: &mut A) -> Result<(), A::Error> {
        match &*name {
            "type" => self.kind = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "description" => self.description = map.next_value()?,
            "input_schema" => self.input_schema = map.next_value()?,
            "strict" => self.strict = map.next_value()?,
            "cache_control" => self.cache = map.next_value()?,
            _ => wire::keep(name, map, &mut self.unknown)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for WireTool<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        wire::object(deserializer)
    }
}

/// Reads `tools`. Those that run on Anthropic's servers, or that its models alone know, are refused.
pub(super) fn tools<'a>(value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<Vec<Tool<'a>>, Unreadable> {
    let wire: Vec<WireTool<'a>> = fields::read("tools", value)?;
    let list = Place::Field("tools");
    let mut tools = Vec::with_capacity(wire.len());
    for (at, tool) in wire.into_iter().enumerate() {
        let place = Place::Item(&list, at);
        match tool.kind.as_deref() {
            None | Some("custom") => tools.push(self::tool(tool, &place, extras)?),
            Some(kind) => {
                extras.push(Extra { field: place.to_string().into(), json: Json::of(&kind), loss: Loss::Refused });
            }
        }
    }
    Ok(tools)
}

fn tool<'a>(tool: WireTool<'a>, place: &Place<'_>, extras: &mut Vec<Extra<'a>>) -> Result<Tool<'a>, Unreadable> {
    for (name, json) in tool.unknown {
        let loss = match (&*name, json.as_str()) {
            // When pieces of the arguments come, and that the model calls the tool itself, as all do.
            ("eager_input_streaming", _) | ("defer_loading", "false") | ("allowed_callers", "[\"direct\"]") => {
                Loss::Silent
            }
            _ => Loss::Warned,
        };
        extras.push(Extra { field: Place::Member(place, &name).to_string().into(), json, loss });
    }
    let parameters = tool.input_schema.ok_or_else(|| place.lacks("input_schema"))?;
    if !parameters.is_object() {
        return Err(Place::Member(place, "input_schema").wrong("is not an object"));
    }
    Ok(Tool {
        name: tool.name.ok_or_else(|| place.lacks("name"))?,
        description: tool.description,
        parameters: Some(parameters),
        strict: tool.strict,
        cache: tool.cache.map(|cache| cache.hint(place)).transpose()?,
    })
}

/// Reads `tool_choice`.
pub(super) fn choice<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let mut kind: Option<Text<'a>> = None;
    let mut tool: Option<Text<'a>> = None;
    members("tool_choice", value, |field, name, value| {
        match name {
            "type" => kind = Some(fields::read(field, value)?),
            "name" => tool = Some(fields::read(field, value)?),
            "disable_parallel_tool_use" => request.parallel_tool_calls = Some(!fields::read::<bool>(field, value)?),
            _ => request.extras.push(lost(field, value, Loss::Warned)?),
        }
        Ok(())
    })?;
    request.tool_choice = Some(match &*required(kind, "tool_choice.type")? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Named(required(tool, "tool_choice.name")?),
        "none" => ToolChoice::Never,
        _ => return Err(wrong("tool_choice.type", "is not one of \"auto\", \"any\", \"tool\" and \"none\"")),
    });
    Ok(())
}
