//! Writes a request for an upstream: Gemini's own API, or Vertex AI.
//!
//! Source: ai.google.dev/api/generate-content and cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference, read in autumn 2026. What
//! differs between them is in the manner.

mod config;
mod contents;

#[cfg(test)]
mod tests;

use serde::Serialize;

use self::config::GenerationConfig;
use self::contents::Content;
use super::part::Part;
use crate::exchange::json::Json;
use crate::exchange::message;
use crate::exchange::request::Request;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::json::{self, JsonError};
use crate::protocol::error::json;
use crate::protocol::{Outgoing, Target, Unsayable};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Instruction<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<GenerationConfig<'a>>,
}

#[derive(Serialize)]
struct Instruction<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tools<'a> {
    function_declarations: Vec<Function<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Json<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

/// Writes a request.
///
/// # Errors
///
/// When it holds what the format can't say.
pub(super) fn request(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let mut system = system(&request.system);
    let mut contents = contents::written(&request.messages, to.manner)?;
    if contents.is_empty() {
        // A request without contents is refused, and the instruction is all that there is to answer.
        contents.extend(Content::of_user(std::mem::take(&mut system)));
    }
    if contents.is_empty() {
        return Err(unsayable("a request without a message", "which answers the last one: give it one"));
    }
    let body = Body {
        system_instruction: (!system.is_empty()).then_some(Instruction { parts: system }),
        contents,
        tools: tools(&request.tools)?,
        tool_config: request.tool_choice.as_ref().filter(|_| !request.tools.is_empty()).map(tool_config),
        generation_config: config::written(request, to.manner)?,
    };
    Ok(Outgoing { body: json(&body), ..Outgoing::default() })
}

fn system<'a>(system: &'a [message::Part<'_>]) -> Vec<Part<'a>> {
    let texts = system.iter().filter_map(message::Part::as_text).filter(|text| !text.is_empty());
    texts.map(|text| Part::text(text)).collect()
}

fn tools<'a>(tools: &'a [Tool<'_>]) -> Result<Option<[Tools<'a>; 1]>, Unsayable> {
    if tools.is_empty() {
        return Ok(None);
    }
    let function_declarations = tools.iter().map(function).collect::<Result<_, _>>()?;
    Ok(Some([Tools { function_declarations }]))
}

fn function<'a>(tool: &'a Tool<'_>) -> Result<Function<'a>, Unsayable> {
    if !is_name(&tool.name) {
        let why = "whose names begin with a letter or _ and have letters, digits, _, ., : and - only";
        return Err(unsayable(&format!("the tool name \"{}\"", &*tool.name), why));
    }
    let schema = tool.parameters.as_ref().filter(|schema| takes_something(schema));
    Ok(Function {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: schema.map(Json::borrowed),
    })
}

fn is_name(name: &str) -> bool {
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    begins_well && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

/// Whether a schema is of anything but an empty object: Google wants no schema for a function without parameters.
fn takes_something(schema: &Json<'_>) -> bool {
    let json = schema.as_str().as_bytes();
    let mut takes_something = false;
    let read = json::members(json, |key, value| {
        let value = json.get(value).unwrap_or_default();
        takes_something |= match &*key {
            b"properties" => has_members(value),
            b"additionalProperties" => value != b"false",
            b"type" | b"required" | b"title" | b"description" | b"$schema" | b"strict" => false,
            _ => true,
        };
        Ok::<_, JsonError>(())
    });
    takes_something || read.is_err()
}

fn has_members(object: &[u8]) -> bool {
    let mut has_members = false;
    let read = json::members(object, |_, _| {
        has_members = true;
        Ok::<_, JsonError>(())
    });
    has_members || read.is_err()
}

fn tool_config<'a>(choice: &'a ToolChoice<'_>) -> ToolConfig<'a> {
    let (mode, allowed_function_names) = match choice {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some([name.as_str()])),
        ToolChoice::Never => ("NONE", None),
    };
    ToolConfig { function_calling_config: Calling { mode, allowed_function_names } }
}

/// Something that can't be said: what, and what Gemini has instead.
fn unsayable(what: &str, instead: &str) -> Unsayable {
    Unsayable { what: what.to_owned(), why: format!("can't be sent to Gemini, {instead}") }
}
