//! Reads tools and the choice among them, in today's form and in that of before them, `functions`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::path::Path;
use super::wrong;
use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss, Request};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::protocol::openai::request::{object, wire};
use crate::protocol::{Unreadable, fields};

/// The fields that tell of tools.
#[derive(Default)]
pub(super) struct Tools<'a> {
    tools: Option<&'a [u8]>,
    choice: Option<&'a [u8]>,
    functions: Option<&'a [u8]>,
    function_call: Option<&'a [u8]>,
}

impl<'a> Tools<'a> {
    pub(super) fn field(&mut self, name: &str, value: &'a [u8]) {
        match name {
            "tools" => self.tools = Some(value),
            "tool_choice" => self.choice = Some(value),
            "functions" => self.functions = Some(value),
            _ => self.function_call = Some(value),
        }
    }

    /// Reads them all: the choice may depend on the tools.
    ///
    /// # Errors
    ///
    /// When one is not what the format has there.
    pub(super) fn finish(self, request: &mut Request<'a>) -> Result<(), Unreadable> {
        if let Some(value) = self.tools {
            for (at, tool) in fields::read::<Vec<&RawValue>>("tools", value)?.into_iter().enumerate() {
                read_tool(&Path::item_of("tools", at), tool, request)?;
            }
        }
        // Who knows no tools reads no calls of them, and one call in an answer.
        request.knows_one_call = self.functions.is_some() && self.tools.is_none();
        if request.knows_one_call {
            request.parallel_tool_calls = Some(false);
        }
        if let Some(value) = self.functions {
            let functions: Vec<wire::FunctionTool<'_>> = object::list("functions", value, &mut request.extras)?;
            for (at, function) in functions.into_iter().enumerate() {
                request.tools.push(read_function(&Path::item_of("functions", at), function)?);
            }
        }
        if let Some(value) = self.choice {
            read_choice("tool_choice", value, request)?;
        } else if let Some(value) = self.function_call {
            read_choice("function_call", value, request)?;
        }
        Ok(())
    }
}

fn read_tool<'a>(field: &Path<'_>, raw: &'a RawValue, request: &mut Request<'a>) -> Result<(), Unreadable> {
    let mut extras = Vec::new();
    let name = field.to_string();
    let tool: wire::Tool<'a> = object::one(&name, raw.get().as_bytes(), &mut extras)?;
    let kind = tool.kind.ok_or_else(|| wrong(field.field("type"), "is missing: it is \"function\""))?;
    if &*kind != "function" {
        // A tool that the provider runs, or whose input is no JSON.
        let json = fields::read(&name, raw.get().as_bytes())?;
        request.extras.push(Extra { field: name.into(), json, loss: Loss::Refused });
        return Ok(());
    }
    request.extras.append(&mut extras);
    let field = &field.field("function");
    let function = tool.function.ok_or_else(|| wrong(field, "is missing: give its name and parameters"))?;
    let cache = tool.cache.map(|cache| cache.hint());
    request.tools.push(Tool { cache, ..read_function(field, function)? });
    Ok(())
}

fn read_function<'a>(field: &Path<'_>, function: wire::FunctionTool<'a>) -> Result<Tool<'a>, Unreadable> {
    let wire::FunctionTool { name, description, parameters, strict } = function;
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| wrong(field.field("name"), "is missing"))?;
    if parameters.as_ref().is_some_and(|parameters| !parameters.is_object()) {
        return Err(wrong(field.field("parameters"), "is not an object: give a JSON schema"));
    }
    Ok(Tool { name, description, parameters, strict, cache: None })
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    function: Option<Named<'a>>,
    allowed_tools: Option<Allowed<'a>>,
    /// The name in `function_call`.
    name: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Allowed<'a> {
    #[serde(borrow)]
    mode: Text<'a>,
    tools: Vec<AllowedTool<'a>>,
}

#[derive(Deserialize)]
struct AllowedTool<'a> {
    #[serde(borrow)]
    function: Option<Named<'a>>,
}

fn read_choice<'a>(field: &str, value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    if value.starts_with(b"\"") {
        let word: Text<'_> = fields::read(field, value)?;
        request.tool_choice = Some(of_word(field, &word)?);
        return Ok(());
    }
    let choice: Choice<'a> = fields::read(field, value)?;
    let chosen = match (choice.r#type.as_deref(), choice.function, choice.allowed_tools, choice.name) {
        (Some("function") | None, Some(Named { name }), _, _) | (None, None, None, Some(name)) => {
            Some(ToolChoice::Named(name))
        }
        (Some("function") | None, None, _, _) => {
            return Err(wrong(format!("{field}.function"), "is missing: give the name of a tool"));
        }
        (Some("allowed_tools"), _, Some(allowed), _) => restrict(&allowed, request)?,
        (Some(_), _, _, _) => None,
    };
    match chosen {
        Some(choice) => request.tool_choice = Some(choice),
        None => {
            let json: Json<'a> = fields::read(field, value)?;
            request.extras.push(Extra { field: field.to_owned().into(), json, loss: Loss::Refused });
        }
    }
    Ok(())
}

fn of_word(field: &str, word: &str) -> Result<ToolChoice<'static>, Unreadable> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        // Mistral's word.
        "required" | "any" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::Never),
        _ => Err(wrong(field, "is not one of \"none\", \"auto\", \"required\" and an object that names a function")),
    }
}

/// Leaves only the tools that are allowed: it comes to the same. `None` where one of them is no function.
fn restrict<'a>(allowed: &Allowed<'a>, request: &mut Request<'a>) -> Result<Option<ToolChoice<'a>>, Unreadable> {
    let names: Option<HashSet<&Text<'a>>> =
        allowed.tools.iter().map(|tool| tool.function.as_ref().map(|function| &function.name)).collect();
    let Some(names) = names else { return Ok(None) };
    let choice = of_word("tool_choice.allowed_tools.mode", &allowed.mode)?;
    request.tools.retain(|tool| names.contains(&tool.name));
    Ok(Some(choice))
}
