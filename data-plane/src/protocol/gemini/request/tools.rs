//! The functions of a request, and which of them are to be called.

use std::collections::HashSet;

use serde::de::MapAccess;

use super::extra;
use super::object::{Many, Object};
use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::protocol::gemini::schema;
use crate::protocol::{Unreadable, fields};

/// The functions.
#[derive(Debug, Default)]
pub(super) struct Declared<'a> {
    pub(super) tools: Vec<Tool<'a>>,
}

/// What a tool is: functions, or something of Google's own.
#[derive(Debug, Default)]
struct Set<'a> {
    functions: Option<Many<'a, Function<'a>>>,
}

impl<'de> Object<'de> for Set<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "functionDeclarations" | "function_declarations" => self.functions = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A function.
#[derive(Debug, Default)]
struct Function<'a> {
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    parameters: Option<schema::Schema<'a>>,
    json_schema: Option<Json<'a>>,
}

impl<'de> Object<'de> for Function<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "name" => self.name = map.next_value()?,
            "description" => self.description = map.next_value()?,
            "parameters" => self.parameters = map.next_value()?,
            "parametersJsonSchema" | "parameters_json_schema" => self.json_schema = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Declared<'a> {
    /// Reads `tools`.
    pub(super) fn read(&mut self, field: &str, value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<(), Unreadable> {
        let sets: Many<'a, Set<'a>> = fields::read(field, value)?;
        for (at, set) in sets.0.into_iter().enumerate() {
            let place = format!("{field}[{at}]");
            let functions = set.known(&place, Loss::Refused, extras).functions.map(|functions| functions.0);
            for (at, function) in functions.unwrap_or_default().into_iter().enumerate() {
                let place = format!("{place}.functionDeclarations[{at}]");
                let function = function.known(&place, Loss::Warned, extras);
                self.tools.push(function.tool(&place)?);
            }
        }
        Ok(())
    }
}

impl<'a> Function<'a> {
    fn tool(self, place: &str) -> Result<Tool<'a>, Unreadable> {
        let Self { name, description, parameters, json_schema } = self;
        let Some(name) = name else {
            return Err(Unreadable { field: format!("{place}.name"), wrong: "is missing".to_owned() });
        };
        let parameters = json_schema.or_else(|| parameters.map(|schema| Json::of(&schema)));
        if parameters.as_ref().is_some_and(|parameters| !parameters.is_object()) {
            let field = format!("{place}.parametersJsonSchema");
            return Err(Unreadable { field, wrong: "is no object".to_owned() });
        }
        Ok(Tool { name, description, parameters, strict: None, cache: None })
    }
}

/// Which functions are to be called.
#[derive(Debug, Default)]
pub(super) struct Calling<'a> {
    /// Where the mode stands, in the caller's words.
    place: String,
    mode: Option<Text<'a>>,
    allowed: Vec<Text<'a>>,
}

impl<'a> Calling<'a> {
    /// Reads `toolConfig`.
    pub(super) fn read(&mut self, field: &str, value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<(), Unreadable> {
        fields::each(value, |name, value| {
            let place = format!("{field}.{name}");
            match name {
                "functionCallingConfig" | "function_calling_config" => self.function_calling(&place, value, extras)?,
                _ => extras.push(extra(&place, value, Loss::Warned)?),
            }
            Ok(())
        })
        .map_err(|wrong| within(field, wrong))
    }

    fn function_calling(
        &mut self,
        field: &str,
        value: &'a [u8],
        extras: &mut Vec<Extra<'a>>,
    ) -> Result<(), Unreadable> {
        field.clone_into(&mut self.place);
        fields::each(value, |name, value| {
            let place = format!("{field}.{name}");
            match name {
                "mode" => self.mode = fields::read(&place, value)?,
                "allowedFunctionNames" | "allowed_function_names" => self.allowed = fields::read(&place, value)?,
                _ => extras.push(extra(&place, value, Loss::Warned)?),
            }
            Ok(())
        })
        .map_err(|wrong| within(field, wrong))
    }

    /// What that comes to. Gemini can choose among some of the functions, which no other format can.
    pub(super) fn choice(
        self,
        tools: &[Tool<'a>],
        extras: &mut Vec<Extra<'a>>,
    ) -> Result<Option<ToolChoice<'a>>, Unreadable> {
        let Self { place, mode, mut allowed } = self;
        let mode = mode.map(|mode| mode.to_ascii_uppercase());
        let is_any = mode.as_deref() == Some("ANY");
        if is_any && allowed.len() == 1 {
            return Ok(allowed.pop().map(ToolChoice::Named));
        }
        let names: HashSet<&Text<'_>> = allowed.iter().collect();
        let allows_all = allowed.is_empty() || tools.iter().all(|tool| names.contains(&tool.name));
        if !allows_all {
            let field = format!("{place}.allowedFunctionNames").into();
            extras.push(Extra { field, json: Json::of(&allowed), loss: Loss::Refused });
        }
        match mode.as_deref() {
            None | Some("MODE_UNSPECIFIED") => Ok(None),
            Some("AUTO") => Ok(Some(ToolChoice::Auto)),
            Some("ANY") => Ok(Some(ToolChoice::Required)),
            Some("NONE") => Ok(Some(ToolChoice::Never)),
            Some("VALIDATED") => {
                // As AUTO, but for the promise that arguments match their schema.
                extras.push(Extra { field: format!("{place}.mode").into(), json: Json::of(&mode), loss: Loss::Warned });
                Ok(Some(ToolChoice::Auto))
            }
            Some(_) => Err(Unreadable {
                field: format!("{place}.mode"),
                wrong: r#"is not one of "AUTO", "ANY", "NONE" and "VALIDATED""#.to_owned(),
            }),
        }
    }
}

/// What is wrong with an object as a whole, by the object's name.
pub(super) fn within(field: &str, wrong: Unreadable) -> Unreadable {
    if wrong.field != "(body)" {
        return wrong;
    }
    Unreadable { field: field.to_owned(), wrong: "is no object".to_owned() }
}
