//! Writes tools, which of them the model calls, and what form its answer has.

use serde::Serialize;

use crate::exchange::json::Json;
use crate::exchange::manner::{Manner, SchemaForm};
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
    let mut written =
        Written { is_strict: request.tools.iter().any(|tool| tool.strict == Some(true)), ..Written::default() };
    if let Some(ToolChoice::Named(name)) = &request.tool_choice {
        let tool = request.tools.iter().find(|tool| tool.name == *name).ok_or_else(|| Unsayable {
            what: format!("the tool {:?} that has to be called", name.as_str()),
            why: "is none of the tools that are sent".to_owned(),
        })?;
        written.tools.push(entry(tool));
        written.choice = Some("REQUIRED");
        // What comes next is a call, and no answer yet.
        return Ok(written);
    }
    let is_never = request.tool_choice == Some(ToolChoice::Never);
    let has_tools = !request.tools.is_empty() && !is_never;
    match &request.answer_format {
        Some(AnswerFormat::Schema(schema)) if has_tools || manner.schema == SchemaForm::Tool => {
            written.has_answer = true;
            written.tools.extend(request.tools.iter().filter(|_| has_tools).map(entry));
            written.tools.push(answer(schema));
            written.choice = Some("REQUIRED");
            return Ok(written);
        }
        Some(AnswerFormat::Json) if has_tools => written.word = Some(JSON_ANSWER),
        Some(AnswerFormat::Json) => written.format = Some(Format { r#type: "json_object", json_schema: None }),
        Some(AnswerFormat::Schema(Schema { schema, .. })) => {
            written.format = Some(Format { r#type: "json_object", json_schema: Some(schema.borrowed()) });
        }
        Some(AnswerFormat::Text) | None => {}
    }
    // With a form for the answer, tools that may not be called are not sent.
    if has_tools || written.format.is_none() {
        written.tools.extend(request.tools.iter().map(entry));
    }
    written.choice = match &request.tool_choice {
        _ if written.tools.is_empty() => None,
        Some(ToolChoice::Required) => Some("REQUIRED"),
        Some(ToolChoice::Never) => Some("NONE"),
        Some(ToolChoice::Auto | ToolChoice::Named(_)) | None => None,
    };
    Ok(written)
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
