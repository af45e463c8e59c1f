//! Writes tools, and which of them the model calls.

use std::collections::HashSet;

use serde::Serialize;
use shared::catalog::rules::{ForcedTools, SchemaForm};

use super::conversation::cache_point;
use crate::exchange::feature::Feature;
use crate::exchange::json::Json;
use crate::exchange::manner::Manner;
use crate::exchange::message::Content;
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::json;
use crate::protocol::bedrock::block::Block;
use crate::protocol::bedrock::name;
use crate::protocol::notes::{IN_WORDS, Note};
use crate::protocol::{ANSWER_TOOL, Unsayable, claude};

/// What is said to a model that can't be made to give its answer as a tool's arguments.
const ANSWER: &str =
    "Give your answer by calling the tool keyplane_answer, once and with the whole answer, and say nothing beside it.";
/// What is said to a model that is to call no tool.
const NO_CALLS: &str = "Call no tool now: answer in words.";

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
    /// What the model is told in words.
    pub(super) word: Option<&'static str>,
    pub(super) note: Option<Note>,
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
    let answer = answer(request, manner);
    let has_answer = answer.is_some();
    let is_any_alone = manner.forced_tools == ForcedTools::Any;
    // Where a tool can't be named, the answer would be another to choose from.
    let is_call = is_any_alone && matches!(request.tool_choice, Some(ToolChoice::Named(_)));
    let is_answer_alone = request.tools.is_empty() || request.tool_choice == Some(ToolChoice::Never);
    let mut tools = if is_any_alone && has_answer && is_answer_alone { Vec::new() } else { callable(request, manner)? };
    let is_callable = !tools.is_empty();
    let tool_choice = choice(request, manner, has_answer)?;
    tools.extend(answer.filter(|_| !is_call).map(|tool_spec| Entry::Tool { tool_spec }));
    let (word, note) = match (&tool_choice, &request.tool_choice) {
        (None, _) if has_answer => (Some(ANSWER), None),
        (None, Some(ToolChoice::Never)) if is_callable => {
            (Some(NO_CALLS), Some(Note { feature: Feature::ToolChoiceNever, change: IN_WORDS }))
        }
        _ => (None, None),
    };
    let config = (!tools.is_empty()).then_some(ToolConfig { tools, tool_choice });
    Ok(Written { config, has_answer, word, note })
}

/// The tools beside that of the answer. There is no way to say that none may be called but to send none, and where the history has calls there
/// have to be some; nor, for some models, to name one but to send no other.
fn callable<'a>(request: &'a Request<'_>, manner: &Manner) -> Result<Vec<Entry<'a>>, Unsayable> {
    let mut tools = Vec::with_capacity(request.tools.len() + 1);
    let history = history(request)?;
    let is_sent = |tool: &Tool<'_>| match &request.tool_choice {
        Some(ToolChoice::Never) => !history.is_empty(),
        Some(ToolChoice::Named(name)) => manner.forced_tools != ForcedTools::Any || tool.name == *name,
        Some(ToolChoice::Auto | ToolChoice::Required) | None => true,
    };
    for tool in request.tools.iter().filter(|tool| is_sent(tool)) {
        tools.push(Entry::Tool { tool_spec: spec(tool, manner)? });
        tools.extend(tool.cache.map(cache_point).map(Entry::Mark));
    }
    if tools.is_empty() {
        tools.extend(history.into_iter().map(|name| Entry::Tool { tool_spec: remade(name) }));
    }
    Ok(tools)
}

/// The tool that has to be called; `None` where the model may choose, or can't be made to.
fn choice<'a>(request: &'a Request<'_>, manner: &Manner, has_answer: bool) -> Result<Option<Choice<'a>>, Unsayable> {
    let wanted = match &request.tool_choice {
        Some(ToolChoice::Named(name)) => Choice::Tool { name: name::tool(name)? },
        Some(ToolChoice::Never) if has_answer => Choice::Tool { name: ANSWER_TOOL },
        Some(ToolChoice::Never) => return Ok(None),
        Some(ToolChoice::Required) => Choice::Any {},
        // The answer is one of the tools that may be called.
        Some(ToolChoice::Auto) | None if has_answer && request.tools.is_empty() => Choice::Tool { name: ANSWER_TOOL },
        Some(ToolChoice::Auto) | None if has_answer => Choice::Any {},
        Some(ToolChoice::Auto) | None => return Ok(None),
    };
    Ok(match manner.forced_tools {
        ForcedTools::Named => Some(wanted),
        ForcedTools::Any => Some(Choice::Any {}),
        ForcedTools::None => None,
    })
}

fn spec<'a>(tool: &'a Tool<'_>, manner: &Manner) -> Result<ToolSpec<'a>, Unsayable> {
    // A model that can't be held to a schema does not know the word.
    let is_strict = tool.strict == Some(true) && manner.schema == SchemaForm::Native;
    let parameters = match &tool.parameters {
        Some(schema) => of_object(schema),
        None => any_object(),
    };
    let parameters = if is_strict { claude::schema::held(&parameters).into_owned() } else { parameters };
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
