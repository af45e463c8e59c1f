//! Writes tools, and which of them the model calls.

use std::collections::HashSet;

use serde::Serialize;

use super::conversation::cache_point;
use crate::exchange::json::Json;
use crate::exchange::manner::{Manner, SchemaForm};
use crate::exchange::message::Content;
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::json;
use crate::protocol::bedrock::block::Block;
use crate::protocol::bedrock::name;
use crate::protocol::{ANSWER_TOOL, Unsayable};

/// `toolConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    tools: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
}

/// A tool, or a mark that all before it may be cached.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    #[serde(rename_all = "camelCase")]
    Tool {
        tool_spec: ToolSpec<'a>,
    },
    Mark(Block<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: InputSchema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Debug, Serialize)]
struct InputSchema<'a> {
    json: Json<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Choice<'a> {
    Any {},
    Tool { name: &'a str },
}

/// Whether the model has to call a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calling {
    Free,
    Forced,
}

/// What a request's tools come to.
#[derive(Debug, Default)]
pub(super) struct Written<'a> {
    pub(super) config: Option<ToolConfig<'a>>,
    /// The answer comes as a tool's arguments.
    pub(super) has_answer: bool,
}

impl Written<'_> {
    pub(super) fn calling(&self) -> Calling {
        match &self.config {
            Some(ToolConfig { tool_choice: Some(_), .. }) => Calling::Forced,
            Some(ToolConfig { tool_choice: None, .. }) | None => Calling::Free,
        }
    }
}

pub(super) fn written<'a>(request: &'a Request<'_>, manner: &Manner) -> Result<Written<'a>, Unsayable> {
    let mut tools = Vec::with_capacity(request.tools.len() + 1);
    let history = history(request)?;
    // There is no way to say that none may be called but to send none, and where the history has calls there have to be some.
    let is_never = request.tool_choice == Some(ToolChoice::Never);
    if !is_never || !history.is_empty() {
        for tool in &request.tools {
            tools.push(Entry::Tool { tool_spec: spec(tool, manner)? });
            tools.extend(tool.cache.map(cache_point).map(Entry::Mark));
        }
    }
    if tools.is_empty() {
        tools.extend(history.into_iter().map(|name| Entry::Tool { tool_spec: remade(name) }));
    }
    let answer = answer(request, manner);
    let has_answer = answer.is_some();
    let tool_choice = choice(request, answer.as_ref())?;
    tools.extend(answer.map(|tool_spec| Entry::Tool { tool_spec }));
    let config = (!tools.is_empty()).then_some(ToolConfig { tools, tool_choice });
    Ok(Written { config, has_answer })
}

fn choice<'a>(request: &'a Request<'_>, answer: Option<&ToolSpec<'_>>) -> Result<Option<Choice<'a>>, Unsayable> {
    let has_answer = answer.is_some();
    Ok(match &request.tool_choice {
        Some(ToolChoice::Named(name)) => Some(Choice::Tool { name: name::tool(name)? }),
        Some(ToolChoice::Never) if has_answer => Some(Choice::Tool { name: ANSWER_TOOL }),
        Some(ToolChoice::Never) => None,
        Some(ToolChoice::Required) => Some(Choice::Any {}),
        // The answer is one of the tools that may be called.
        Some(ToolChoice::Auto) | None if has_answer && request.tools.is_empty() => {
            Some(Choice::Tool { name: ANSWER_TOOL })
        }
        Some(ToolChoice::Auto) | None if has_answer => Some(Choice::Any {}),
        Some(ToolChoice::Auto) | None => None,
    })
}

fn spec<'a>(tool: &'a Tool<'_>, manner: &Manner) -> Result<ToolSpec<'a>, Unsayable> {
    // A model that can't be held to a schema does not know the word.
    let is_strict = tool.strict == Some(true) && manner.schema == SchemaForm::Native;
    let parameters = match &tool.parameters {
        Some(schema) => of_object(schema),
        None => any_object(),
    };
    Ok(ToolSpec {
        name: name::tool(&tool.name)?,
        description: tool.description.as_deref().filter(|text| !text.trim().is_empty()),
        input_schema: InputSchema { json: parameters },
        strict: is_strict.then_some(true),
    })
}

/// A tool of which nothing but its calls is known.
fn remade(name: &str) -> ToolSpec<'_> {
    ToolSpec { name, description: None, input_schema: InputSchema { json: any_object() }, strict: None }
}

/// The tool that the answer is the arguments of, where the model can't be held to a schema in another way.
fn answer<'a>(request: &'a Request<'_>, manner: &Manner) -> Option<ToolSpec<'a>> {
    match (&request.answer_format, manner.schema) {
        (Some(AnswerFormat::Schema(Schema { description, schema, .. })), SchemaForm::Tool) => Some(ToolSpec {
            name: ANSWER_TOOL,
            description: Some(description.as_deref().unwrap_or("Gives the answer to the user.")),
            input_schema: InputSchema { json: of_object(schema) },
            strict: None,
        }),
        (Some(AnswerFormat::Schema(_) | AnswerFormat::Json | AnswerFormat::Text) | None, _) => None,
    }
}

fn any_object() -> Json<'static> {
    Json::parse(r#"{"type":"object"}"#).unwrap_or_else(Json::empty_object)
}

/// A schema that says that it is an object's, which Amazon wants.
fn of_object<'a>(schema: &'a Json<'_>) -> Json<'a> {
    let text = schema.as_str();
    if !schema.is_object() || json::has_member(text.as_bytes(), b"type") {
        return schema.borrowed();
    }
    let rest = text.get(1..).unwrap_or_default().trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    match Json::parse(&format!("{{\"type\":\"object\"{comma}{rest}")) {
        Some(written) => written.into_owned(),
        None => schema.borrowed(),
    }
}

/// The names of the tools that the history has calls of, each once; results whose call is not there have theirs, if they say one.
fn history<'a>(request: &'a Request<'_>) -> Result<Vec<&'a str>, Unsayable> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        let given: Option<&Text<'_>> = match &part.content {
            Content::ToolCall(call) => Some(&call.name),
            Content::ToolResult(result) => result.name.as_ref(),
            Content::Text { .. }
            | Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Reasoning { .. }
            | Content::SealedReasoning(_) => None,
        };
        if let Some(given) = given.filter(|given| seen.insert(given.as_str())) {
            names.push(name::tool(given)?);
        }
    }
    Ok(names)
}
