//! Writes tools, and which of them are to be called.

use serde::Serialize;

use crate::exchange::json::Json;
use crate::exchange::request::Request;
use crate::exchange::tool::ToolChoice;
use crate::protocol::openai::strict;
use crate::protocol::{ANSWER_TOOL, Dialect, Unsayable, tool_name};

/// A function. `strict` is always said: left out, it would be `true` here and `false` everywhere else.
#[derive(Serialize)]
pub(super) struct Function<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Parameters<'a>,
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'a> {
    Schema(&'a Json<'a>),
    /// No arguments.
    None {
        r#type: &'static str,
        properties: Empty,
    },
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Choice<'a> {
    Word(&'static str),
    Function { r#type: &'static str, name: &'a str },
}

/// The tools, and the one that the answer is to be given with.
pub(super) fn functions<'a>(
    request: &'a Request<'_>,
    answer_tool: Option<&'a Json<'a>>,
) -> Result<Vec<Function<'a>>, Unsayable> {
    let tools = request.tools.iter().map(|tool| {
        let parameters = match &tool.parameters {
            Some(schema) => Parameters::Schema(schema),
            None => Parameters::None { r#type: "object", properties: Empty {} },
        };
        Ok(Function {
            r#type: "function",
            name: checked(&tool.name)?,
            description: tool.description.as_deref(),
            parameters,
            strict: strict::said(tool).unwrap_or(false),
        })
    });
    let answer = answer_tool.map(|schema| {
        let parameters = Parameters::Schema(schema);
        let description = Some("Gives the answer.");
        Ok(Function { r#type: "function", name: ANSWER_TOOL, description, parameters, strict: false })
    });
    tools.chain(answer).collect()
}

/// Which are to be called. Where the answer is given with a tool, one has to be.
pub(super) fn choice<'a>(
    request: &'a Request<'_>,
    answer_tool: Option<&Json<'_>>,
) -> Result<Option<Choice<'a>>, Unsayable> {
    let answer = Choice::Function { r#type: "function", name: ANSWER_TOOL };
    Ok(Some(match (&request.tool_choice, answer_tool) {
        (Some(ToolChoice::Named(named)), _) => Choice::Function { r#type: "function", name: checked(named)? },
        (Some(ToolChoice::Never), Some(_)) => answer,
        (Some(ToolChoice::Auto | ToolChoice::Required) | None, Some(_)) if request.tools.is_empty() => answer,
        (Some(ToolChoice::Auto | ToolChoice::Required) | None, Some(_)) => Choice::Word("required"),
        (Some(ToolChoice::Auto), None) => Choice::Word("auto"),
        (Some(ToolChoice::Required), None) => Choice::Word("required"),
        (Some(ToolChoice::Never), None) => Choice::Word("none"),
        (None, None) => return Ok(None),
    }))
}

/// A tool's name, if the format allows it.
///
/// # Errors
///
/// When it doesn't.
pub(super) fn checked(name: &str) -> Result<&str, Unsayable> {
    tool_name::checked(name, Dialect::Responses, tool_name::MOST)
}
