//! Reads a caller's request.
//!
//! ```text
//! conversation   system, messages
//! block          the pieces of both
//! wire           how messages and their pieces are written
//! tools          tools, tool_choice
//! reasoning      thinking, output_config, output_format
//! place          where something stands that is wrong
//! ```
//!
//! Source: docs.anthropic.com/en/api/messages, read in autumn 2026.

mod block;
mod conversation;
mod place;
mod reasoning;
mod tools;
mod wire;

use self::reasoning::Thinking;
use crate::exchange::json::{Json, Number};
use crate::exchange::message::CacheHint;
use crate::exchange::request::{Extra, Loss, Request};
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

pub(in crate::protocol::anthropic) fn read(body: &[u8]) -> Result<Request<'_>, Unreadable> {
    let mut reading = Reading::default();
    fields::each(body, |name, value| reading.field(name, value))?;
    reading.finish()
}

/// What was read so far, and what can't be told before the rest is.
#[derive(Default)]
struct Reading<'a> {
    request: Request<'a>,
    thinking: Thinking<'a>,
    /// Of the request as a whole: it means its last block.
    cache: Option<CacheHint>,
}

impl<'a> Reading<'a> {
    fn field(&mut self, name: &str, value: &'a [u8]) -> Result<(), Unreadable> {
        let request = &mut self.request;
        match name {
            // Routing has read them.
            "model" | "stream" => {}
            "system" => request.system = conversation::system(value, &mut request.extras)?,
            "messages" => conversation::messages(value, request)?,
            "max_tokens" => request.max_tokens = Some(max_tokens(value)?),
            "temperature" => request.sampling.temperature = Some(fields::read(name, value)?),
            "top_p" => request.sampling.top_p = Some(fields::read(name, value)?),
            "top_k" => request.sampling.top_k = Some(fields::read(name, value)?),
            "stop_sequences" => request.stop = fields::read(name, value)?,
            "tools" => request.tools = tools::tools(value, &mut request.extras)?,
            "tool_choice" => tools::choice(value, request)?,
            "thinking" => self.thinking.config(value, &mut request.extras)?,
            "output_config" => self.thinking.output_config(value, request)?,
            "output_format" => request.answer_format = reasoning::answer_format("output_format", value)?,
            "metadata" => metadata(value, request)?,
            "cache_control" => self.cache = Some(wire::cache_hint("cache_control", value)?),
            _ => request.extras.push(extra(name, value)?),
        }
        Ok(())
    }

    fn finish(self) -> Result<Request<'a>, Unreadable> {
        let Self { mut request, thinking, cache } = self;
        if request.max_tokens.is_none() {
            return Err(wrong("max_tokens", "is missing: give the most tokens of the answer, a whole number"));
        }
        if request.messages.is_empty() {
            return Err(wrong(
                "messages",
                "is missing or empty: give at least one message, with \"role\" and \"content\"",
            ));
        }
        if let (Some(_), Some(part)) = (cache, request.messages.last_mut().and_then(|last| last.parts.last_mut())) {
            part.cache = part.cache.or(cache);
        }
        request.reasoning = thinking.reasoning(&mut request.extras);
        request.wants_usage = true;
        request.name_results();
        Ok(request)
    }
}

fn max_tokens(value: &[u8]) -> Result<Number<'_>, Unreadable> {
    let number: Number<'_> = fields::read("max_tokens", value)?;
    match number.as_u64() {
        Some(_) => Ok(number),
        None => Err(wrong("max_tokens", "is not a whole number from 0")),
    }
}

fn metadata<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    members("metadata", value, |field, name, value| {
        match name {
            "user_id" => request.user = Some(fields::read(field, value)?),
            _ => request.extras.push(lost(field, value, Loss::Warned)?),
        }
        Ok(())
    })
}

/// A field of the request that has no home, with what it comes to if it is left out.
fn extra<'a>(name: &str, value: &'a [u8]) -> Result<Extra<'a>, Unreadable> {
    let loss = match (name, value) {
        // The answer would come about on another's servers, from another's state, or where the caller does not want it to.
        ("container" | "mcp_servers" | "inference_geo", _) if value != b"[]" => Loss::Refused,
        ("container" | "mcp_servers" | "inference_geo", _) => Loss::Silent,
        ("service_tier", b"\"auto\"") | ("speed", b"\"standard\"") | ("betas" | "anthropic_beta", b"[]") => {
            Loss::Silent
        }
        _ => Loss::Warned,
    };
    lost(name, value, loss)
}

fn lost<'a>(field: &str, value: &'a [u8], loss: Loss) -> Result<Extra<'a>, Unreadable> {
    let json: Json<'a> = fields::read(field, value)?;
    Ok(Extra { field: field.to_owned().into(), json, loss })
}

/// Calls `member` for each member of an object that is a field, with where it stands, its name and its bytes.
fn members<'a>(
    field: &str,
    value: &'a [u8],
    mut member: impl FnMut(&str, &str, &'a [u8]) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    if !value.starts_with(b"{") {
        return Err(wrong(field, "is not an object"));
    }
    fields::each(value, |name, value| member(&format!("{field}.{name}"), name, value))
}

/// A field's text, which has to be there.
fn required<'a>(text: Option<Text<'a>>, field: &str) -> Result<Text<'a>, Unreadable> {
    text.ok_or_else(|| wrong(field, "is missing"))
}

fn wrong(field: &str, wrong: impl Into<String>) -> Unreadable {
    Unreadable { field: field.to_owned(), wrong: wrong.into() }
}
