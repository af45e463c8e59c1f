//! Reads tools, and which of them are to be called.

use serde::Deserialize;

use super::unreadable;
use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss, Request};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::protocol::{Unreadable, fields};

/// A tool. Those of the provider's own have other members, so that these are looked at only in a function.
#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    parameters: Option<Json<'a>>,
    strict: Option<bool>,
    defer_loading: Option<bool>,
    output_schema: Option<Json<'a>>,
    allowed_callers: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
}

pub(super) fn read<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let tools: Vec<&'a serde_json::value::RawValue> = fields::read("tools", value)?;
    for (index, tool) in tools.into_iter().enumerate() {
        let tool = tool.get().as_bytes();
        let place = || format!("tools[{index}]");
        let typed: Typed<'a> = fields::read(&place(), tool)?;
        match typed.r#type.as_deref() {
            Some("function") => function(&place(), tool, request)?,
            Some(_) => request.extras.push(super::extra(&place(), tool, Loss::Refused)?),
            None => {
                return Err(unreadable(place() + ".type", r#"is missing: it is "function" for a tool of your own"#));
            }
        }
    }
    Ok(())
}

fn function<'a>(place: &str, tool: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let function: Function<'a> = fields::read(place, tool)?;
    let Some(name) = function.name else {
        return Err(unreadable(format!("{place}.name"), "is missing: it stands beside type, not in a function"));
    };
    if function.parameters.as_ref().is_some_and(|parameters| !parameters.is_object()) {
        return Err(unreadable(format!("{place}.parameters"), "is no JSON schema: give an object"));
    }
    let deferred = function.defer_loading.filter(|defers| *defers).map(|defers| Json::of(&defers));
    for (member, json) in [
        ("defer_loading", deferred),
        ("output_schema", function.output_schema),
        ("allowed_callers", function.allowed_callers),
    ] {
        let field = || format!("{place}.{member}").into();
        request.extras.extend(json.map(|json| Extra { field: field(), json, loss: Loss::Warned }));
    }
    let Function { description, parameters, strict, .. } = function;
    request.tools.push(Tool { name, description, parameters, strict, cache: None });
    Ok(())
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    name: Option<Text<'a>>,
    mode: Option<Text<'a>>,
    tools: Option<Vec<Allowed<'a>>>,
}

#[derive(Deserialize)]
struct Allowed<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    name: Option<Text<'a>>,
}

/// Which tools are to be called, and the names of those that alone may be.
type Chosen<'a> = (Option<ToolChoice<'a>>, Option<Vec<Text<'a>>>);

pub(super) fn choice<'a>(value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<Chosen<'a>, Unreadable> {
    if value.starts_with(b"\"") {
        let word: Text<'a> = fields::read("tool_choice", value)?;
        return Ok((Some(of_word("tool_choice", &word)?), None));
    }
    let choice: Choice<'a> = fields::read("tool_choice", value)?;
    match choice.r#type.as_deref() {
        Some("function") => match choice.name {
            Some(name) => Ok((Some(ToolChoice::Named(name)), None)),
            None => Err(unreadable("tool_choice.name", "is missing: it names the function to call")),
        },
        Some("allowed_tools") => {
            let mode = of_word("tool_choice.mode", choice.mode.as_deref().unwrap_or("auto"))?;
            let tools = choice.tools.unwrap_or_default();
            // Without one of the provider's own, the choice is another.
            if tools.iter().any(|tool| tool.r#type.as_deref() != Some("function")) {
                extras.push(super::extra("tool_choice.tools", value, Loss::Refused)?);
            }
            Ok((Some(mode), Some(tools.into_iter().filter_map(|tool| tool.name).collect())))
        }
        Some(_) => {
            extras.push(super::extra("tool_choice", value, Loss::Refused)?);
            Ok((None, None))
        }
        None => Err(unreadable("tool_choice.type", r#"is missing: it is "function" or "allowed_tools""#)),
    }
}

fn of_word(field: &str, word: &str) -> Result<ToolChoice<'static>, Unreadable> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "required" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::Never),
        _ => Err(unreadable(field, r#"is not one of "auto", "required" and "none""#)),
    }
}
