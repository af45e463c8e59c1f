//! Writes tools, which of them the model calls, and what form its answer has.

use serde::Serialize;
use shared::catalog::rules::SchemaForm;

use crate::exchange::json::Json;
use crate::exchange::manner::Manner;
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::exchange::tool::{Tool, ToolChoice};
use crate::protocol::{ANSWER_TOOL, Unsayable};

/// What is said to a model that has to answer with JSON and has tools, for which there is no field.
const JSON_ANSWER: &str =
    "When you answer, answer with one JSON object and with nothing else: no text around it and no code fence.";

/// A tool.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Json<'a>,
}

/// `response_format`.
#[derive(Debug, Serialize)]
pub(super) struct Format<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<Json<'a>>,
}

/// What a request's tools and answer's form come to.
#[derive(Debug, Default)]
pub(super) struct Written<'a> {
    pub(super) tools: Vec<Entry<'a>>,
    pub(super) is_strict: bool,
    pub(super) choice: Option<&'static str>,
    pub(super) format: Option<Format<'a>>,
    /// What the model is told in words.
    pub(super) word: Option<&'static str>,
    /// The answer comes as a tool's arguments.
    pub(super) has_answer: bool,
}

/// The format's field for the answer's form and tools exclude each other.
///
/// # Errors
///
/// When a tool has to be called that is not there.
pub(super) fn written<'a>(request: &'a Request<'_>, manner: &Manner) -> Result<Written<'a>, Unsayable> {
    let is_strict = request.tools.iter().any(|tool| tool.strict == Some(true));
    let written = Written { is_strict, ..Written::default() };
    if let Some(ToolChoice::Named(name)) = &request.tool_choice {
        // What comes next is a call, and no answer yet.
        let tools = vec![named(&request.tools, name)?];
        return Ok(Written { tools, choice: Some("REQUIRED"), ..written });
    }
    let has_tools = !request.tools.is_empty() && request.tool_choice != Some(ToolChoice::Never);
    let mut tools = Vec::with_capacity(request.tools.len() + 1);
    if let Some(AnswerFormat::Schema(schema)) = &request.answer_format
        && (has_tools || manner.schema == SchemaForm::Tool)
    {
        tools.extend(request.tools.iter().filter(|_| has_tools).map(entry));
        tools.push(answer(schema));
        return Ok(Written { tools, choice: Some("REQUIRED"), has_answer: true, ..written });
    }
    let (format, word) = if has_tools { (None, in_words(request)) } else { (form(request), None) };
    // With a form for the answer, tools that may not be called are not sent.
    if has_tools || format.is_none() {
        tools.extend(request.tools.iter().map(entry));
    }
    let choice = match &request.tool_choice {
        _ if tools.is_empty() => None,
        Some(ToolChoice::Required) => Some("REQUIRED"),
        Some(ToolChoice::Never) => Some("NONE"),
        Some(ToolChoice::Auto | ToolChoice::Named(_)) | None => None,
    };
    Ok(Written { tools, choice, format, word, ..written })
}

/// The one tool that has to be called: there is no choice of one but to send no other.
fn named<'a>(tools: &'a [Tool<'_>], name: &str) -> Result<Entry<'a>, Unsayable> {
    tools.iter().find(|tool| &*tool.name == name).map(entry).ok_or_else(|| Unsayable {
        what: format!("the tool {name:?} that has to be called"),
        why: "is none of the tools that are sent".to_owned(),
    })
}

/// The answer's form as a field.
fn form<'a>(request: &'a Request<'_>) -> Option<Format<'a>> {
    let json_schema = match &request.answer_format {
        Some(AnswerFormat::Json) => None,
        Some(AnswerFormat::Schema(Schema { schema, .. })) => Some(schema.borrowed()),
        Some(AnswerFormat::Text) | None => return None,
    };
    Some(Format { r#type: "json_object", json_schema })
}

/// The answer's form in words.
fn in_words(request: &Request<'_>) -> Option<&'static str> {
    (request.answer_format == Some(AnswerFormat::Json)).then_some(JSON_ANSWER)
}

fn entry<'a>(tool: &'a Tool<'_>) -> Entry<'a> {
    let parameters = match &tool.parameters {
        Some(schema) => schema.borrowed(),
        None => Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(Json::empty_object),
    };
    let function = Function { name: &tool.name, description: tool.description.as_deref(), parameters };
    Entry { r#type: "function", function }
}

/// The tool that the answer is the arguments of.
fn answer<'a>(schema: &'a Schema<'_>) -> Entry<'a> {
    let description = Some(schema.description.as_deref().unwrap_or("Gives the answer to the user."));
    let function = Function { name: ANSWER_TOOL, description, parameters: schema.schema.borrowed() };
    Entry { r#type: "function", function }
}
