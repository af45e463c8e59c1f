//! Reads a caller's request. [`write`](super::write) writes an upstream's.
//!
//! Source: ai.google.dev/api/generate-content, read in autumn 2026. Every name may be written in camel or in snake case, as Google's own parser
//! has it.

mod calls;
mod config;
mod contents;
pub(super) mod object;
mod tools;

#[cfg(test)]
mod tests;

use self::contents::{Content, Contents};
use self::object::{Many, Read};
use self::tools::{Calling, Declared};
use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss, Request};
use crate::protocol::{Unreadable, fields};

/// Reads a request.
///
/// # Errors
///
/// When a field that is known holds what the format doesn't allow.
pub(super) fn read(body: &[u8]) -> Result<Request<'_>, Unreadable> {
    let mut request = Request { wants_usage: true, ..Request::default() };
    let mut declared = Declared::default();
    let mut calling = Calling::default();
    fields::each(body, |name, value| {
        match name {
            "contents" => {
                let contents: Many<'_, Content<'_>> = fields::read(name, value)?;
                request.messages = Contents::new(&contents, &mut request.extras).messages(contents)?;
            }
            "systemInstruction" | "system_instruction" => {
                let content: Read<'_, Content<'_>> = fields::read(name, value)?;
                request.system = contents::system(name, content, &mut request.extras)?;
            }
            "tools" => declared.read(name, value, &mut request.extras)?,
            "toolConfig" | "tool_config" => calling.read(name, value, &mut request.extras)?,
            "generationConfig" | "generation_config" => config::read(name, value, &mut request)?,
            // The path has it, too.
            "model" => {}
            _ => request.extras.push(extra(name, value, loss(name))?),
        }
        Ok(())
    })?;
    request.tool_choice = calling.choice(&declared.tools, &mut request.extras)?;
    request.tools = declared.tools;
    Ok(request)
}

/// What it comes to if a field on top can't be said.
fn loss(name: &str) -> Loss {
    match name {
        "cachedContent" | "cached_content" | "modelArmorConfig" | "model_armor_config" => Loss::Refused,
        _ => Loss::Warned,
    }
}

/// A field with no home.
fn extra<'a>(field: &str, value: &'a [u8], loss: Loss) -> Result<Extra<'a>, Unreadable> {
    let json: Json<'a> = fields::read(field, value)?;
    Ok(Extra { field: field.to_owned().into(), json, loss })
}
