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
use crate::exchange::manner::Manner;
use crate::exchange::message;
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::exchange::tool::{Tool, ToolChoice};
use crate::json::{self, JsonError};
use crate::protocol::error::json;
use crate::protocol::{ANSWER_TOOL, Outgoing, Target, Unsayable};

/// What is said to a model that has to answer with JSON and has tools, where its format does not take both.
const JSON_ANSWER: &str =
    "When you answer, answer with one JSON object and with nothing else: no text around it and no code fence.";

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

/// How the form of the answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// By the format's own fields.
    Field,
    /// By a tool that the answer is the arguments of.
    Tool,
    /// In words.
    Words,
    /// Not now: what comes next is a call.
    Later,
}

impl Form {
    /// A model that takes tools or a form, but not both, loses neither.
    fn of(request: &Request<'_>, manner: &Manner) -> Self {
        let is_both = manner.tools_or_form && !request.tools.is_empty();
        match (&request.answer_format, &request.tool_choice) {
            _ if !is_both => Self::Field,
            // Tools that may not be called are not sent.
            (_, Some(ToolChoice::Never)) | (None | Some(AnswerFormat::Text), _) => Self::Field,
            (Some(_), Some(ToolChoice::Required | ToolChoice::Named(_))) => Self::Later,
            (Some(AnswerFormat::Schema(_)), Some(ToolChoice::Auto) | None) => Self::Tool,
            (Some(AnswerFormat::Json), Some(ToolChoice::Auto) | None) => Self::Words,
        }
    }
}

/// Writes a request.
///
/// # Errors
///
/// When it holds what the format can't say.
pub(super) fn request(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let form = Form::of(request, to.manner);
    let mut system = system(&request.system);
    system.extend((form == Form::Words).then(|| Part::text(JSON_ANSWER)));
    let mut contents = contents::written(&request.messages, to.manner)?;
    if contents.is_empty() {
        // A request without contents is refused, and the instruction is all that there is to answer.
        contents.extend(Content::of_user(std::mem::take(&mut system)));
    }
    if contents.is_empty() {
        return Err(unsayable("a request without a message", "which answers the last one: give it one"));
    }
    let (generation_config, notes) = config::written(request, to.manner, form)?;
    let body = Body {
        system_instruction: (!system.is_empty()).then_some(Instruction { parts: system }),
        contents,
        tool_config: tool_config(request, to.manner, form),
        tools: tools(request, to.manner, form)?,
        generation_config,
    };
    Ok(Outgoing { body: json(&body), answers_by_tool: form == Form::Tool, notes, ..Outgoing::default() })
}

fn system<'a>(system: &'a [message::Part<'_>]) -> Vec<Part<'a>> {
    let texts = system.iter().filter_map(message::Part::as_text).filter(|text| !text.is_empty());
    texts.map(|text| Part::text(text)).collect()
}

fn tools<'a>(request: &'a Request<'_>, manner: &Manner, form: Form) -> Result<Option<[Tools<'a>; 1]>, Unsayable> {
    if request.tools.is_empty() || are_left_out(request, manner) {
        return Ok(None);
    }
    let mut function_declarations = request.tools.iter().map(function).collect::<Result<Vec<_>, _>>()?;
    if let (Form::Tool, Some(AnswerFormat::Schema(schema))) = (form, &request.answer_format) {
        function_declarations.push(answer(schema));
    }
    Ok(Some([Tools { function_declarations }]))
}

/// Whether the tools, which may not be called, would keep the form of the answer from being asked for.
fn are_left_out(request: &Request<'_>, manner: &Manner) -> bool {
    let has_form = matches!(request.answer_format, Some(AnswerFormat::Json | AnswerFormat::Schema(_)));
    manner.tools_or_form && has_form && request.tool_choice == Some(ToolChoice::Never)
}

/// The tool that the answer is the arguments of.
fn answer<'a>(Schema { description, schema, .. }: &'a Schema<'_>) -> Function<'a> {
    let description = Some(description.as_deref().unwrap_or("Gives the answer to the user."));
    Function { name: ANSWER_TOOL, description, parameters_json_schema: Some(schema.borrowed()) }
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

fn tool_config<'a>(request: &'a Request<'_>, manner: &Manner, form: Form) -> Option<ToolConfig<'a>> {
    if request.tools.is_empty() || are_left_out(request, manner) {
        return None;
    }
    let (mode, allowed_function_names) = match &request.tool_choice {
        // The answer is one of the tools that may be called.
        _ if form == Form::Tool => ("ANY", None),
        None => return None,
        Some(ToolChoice::Auto) => ("AUTO", None),
        Some(ToolChoice::Required) => ("ANY", None),
        Some(ToolChoice::Named(name)) => ("ANY", Some([name.as_str()])),
        Some(ToolChoice::Never) => ("NONE", None),
    };
    Some(ToolConfig { function_calling_config: Calling { mode, allowed_function_names } })
}

/// Something that can't be said: what, and what Gemini has instead.
fn unsayable(what: &str, instead: &str) -> Unsayable {
    Unsayable { what: what.to_owned(), why: format!("can't be sent to Gemini, {instead}") }
}
