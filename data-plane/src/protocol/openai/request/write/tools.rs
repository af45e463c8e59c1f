//! Writes tools and the choice among them.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use shared::catalog::rules::SchemaForm;

use crate::exchange::json::Json;
use crate::exchange::manner::Manner;
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::exchange::tool;
use crate::exchange::tool::ToolChoice;
use crate::json;
use crate::protocol::openai::strict;
use crate::protocol::{ANSWER_TOOL, Dialect, Unsayable, tool_name};

/// What is said of tools.
pub(super) struct Tools<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Option<Choice<'a>>,
    pub(super) parallel: Option<bool>,
    pub(super) answers_by_tool: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Json<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Which tool to call.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    Word(&'static str),
    Named(&'a str),
}

impl Serialize for Choice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Name<'a> {
            name: &'a str,
        }
        match self {
            Self::Word(word) => word.serialize(serializer),
            Self::Named(name) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("type", "function")?;
                map.serialize_entry("function", &Name { name })?;
                map.end()
            }
        }
    }
}

/// What a request says of tools, with the one that gives the answer where the model is held to a schema by it.
///
/// # Errors
///
/// When a tool's name is not allowed.
pub(super) fn write<'a>(request: &'a Request<'_>, manner: &Manner) -> Result<Tools<'a>, Unsayable> {
    let mut tools = request.tools.iter().map(function).collect::<Result<Vec<_>, _>>()?;
    let mut choice = request.tool_choice.as_ref().map(written_choice).transpose()?;
    let mut parallel = request.parallel_tool_calls;
    let answer = match (&request.answer_format, manner.schema) {
        (Some(AnswerFormat::Schema(schema)), SchemaForm::Tool) => Some(schema),
        _ => None,
    };
    if let Some(schema) = answer {
        choice = Some(match choice {
            Some(Choice::Named(name)) => Choice::Named(name),
            Some(Choice::Word("none")) => Choice::Named(ANSWER_TOOL),
            // Whatever the model says, it says by a tool.
            _ if !tools.is_empty() => Choice::Word("required"),
            _ => Choice::Named(ANSWER_TOOL),
        });
        tools.push(answer_tool(schema));
        parallel = Some(false);
    }
    Ok(Tools { tools, choice, parallel, answers_by_tool: answer.is_some() })
}

fn function<'a>(tool: &'a tool::Tool<'_>) -> Result<Tool<'a>, Unsayable> {
    let tool::Tool { name, description, parameters, strict: _, cache: _ } = tool;
    let function = Function {
        name: checked(name)?,
        description: description.as_deref(),
        parameters: written_parameters(parameters.as_ref()),
        // Where it can not be said, nothing is: not every vendor knows the word.
        strict: strict::said(tool).filter(|said| Some(*said) == tool.strict),
    };
    Ok(Tool { r#type: "function", function })
}

fn answer_tool<'a>(schema: &'a Schema<'_>) -> Tool<'a> {
    let function = Function {
        name: ANSWER_TOOL,
        description: Some(
            schema.description.as_deref().unwrap_or("Gives the answer. Call it once, with the whole answer."),
        ),
        parameters: written_parameters(Some(&schema.schema)),
        strict: schema.strict,
    };
    Tool { r#type: "function", function }
}

fn written_choice<'a>(choice: &'a ToolChoice<'_>) -> Result<Choice<'a>, Unsayable> {
    Ok(match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Never => Choice::Word("none"),
        ToolChoice::Named(name) => Choice::Named(checked(name)?),
    })
}

/// A schema of arguments. The format wants one for a tool without any, and `properties` in every object's.
fn written_parameters<'a>(given: Option<&'a Json<'_>>) -> Json<'a> {
    const NONE: &str = r#"{"type":"object","properties":{}}"#;
    let none = || Json::parse(NONE).unwrap_or_else(Json::empty_object);
    let Some(given) = given else { return none() };
    let bytes = given.as_str().as_bytes();
    let is_plain_object = json::text(bytes, b"type").as_deref() == Some("object");
    if is_plain_object && !json::has_member(bytes, b"properties") {
        let rest = given.as_str().trim_start_matches('{');
        let whole = format!(r#"{{"properties":{{}},{rest}"#);
        return Json::parse(&whole).map_or_else(none, Json::into_owned);
    }
    if given.as_str().trim_start_matches('{').trim_ascii() == "}" { none() } else { given.borrowed() }
}

/// A tool's name, if the format allows it.
///
/// # Errors
///
/// When it doesn't.
pub(super) fn checked(name: &str) -> Result<&str, Unsayable> {
    tool_name::checked(name, Dialect::Chat, tool_name::MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_gets_the_schema_of_an_object() {
        for (given, expected) in [
            (None, r#"{"type":"object","properties":{}}"#),
            (Some("{ }"), r#"{"type":"object","properties":{}}"#),
            (Some(r#"{"type":"object"}"#), r#"{"properties":{},"type":"object"}"#),
            (Some(r#"{"type":"object","properties":{"a":{}}}"#), r#"{"type":"object","properties":{"a":{}}}"#),
            (Some(r##"{"$ref":"#/$defs/a"}"##), r##"{"$ref":"#/$defs/a"}"##),
        ] {
            let given = given.map(|given| Json::parse(given).unwrap());
            assert_eq!(written_parameters(given.as_ref()).as_str(), expected);
        }
    }
}
