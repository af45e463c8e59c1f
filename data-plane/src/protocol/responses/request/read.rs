//! Reads a caller's request.

mod input;
mod options;
mod tools;

use std::collections::HashSet;

use crate::exchange::json::Json;
use crate::exchange::message::Part;
use crate::exchange::request::{Extra, Loss, Request};
use crate::exchange::text::Text;
use crate::protocol::responses::item::{Item, Kind};
use crate::protocol::{Unreadable, fields};

/// The members on top, before they are put together: what one means may hang on another.
#[derive(Default)]
struct Asked<'a> {
    request: Request<'a>,
    input: Option<&'a [u8]>,
    instructions: Option<Text<'a>>,
    safety_identifier: Option<Text<'a>>,
    /// The only tools that may be called, of those that there are.
    allowed: Option<Vec<Text<'a>>>,
}

pub(in super::super) fn read(body: &[u8]) -> Result<Request<'_>, Unreadable> {
    let mut asked = Asked::default();
    fields::each(body, |name, value| asked.member(name, value))?;
    asked.together()
}

impl<'a> Asked<'a> {
    fn member(&mut self, name: &str, value: &'a [u8]) -> Result<(), Unreadable> {
        let request = &mut self.request;
        match name {
            // Routing has them.
            "model" | "stream" => {}
            "input" => self.input = Some(value),
            "instructions" => self.instructions = Some(fields::read(name, value)?),
            "tools" => tools::read(value, request)?,
            "tool_choice" => (request.tool_choice, self.allowed) = tools::choice(value, &mut request.extras)?,
            "parallel_tool_calls" => request.parallel_tool_calls = Some(fields::read(name, value)?),
            "max_output_tokens" => request.max_tokens = Some(fields::read(name, value)?),
            "temperature" => request.sampling.temperature = Some(fields::read(name, value)?),
            "top_p" => request.sampling.top_p = Some(fields::read(name, value)?),
            "text" => options::text(value, request)?,
            "reasoning" => options::reasoning(value, request)?,
            "include" => options::include(value, &mut request.extras)?,
            "user" => request.user = Some(fields::read(name, value)?),
            "safety_identifier" => self.safety_identifier = Some(fields::read(name, value)?),
            _ => request.extras.push(extra(name, value, loss(name, value))?),
        }
        Ok(())
    }

    fn together(self) -> Result<Request<'a>, Unreadable> {
        let Self { mut request, input, instructions, safety_identifier, allowed } = self;
        request.wants_usage = true;
        // The newer name for the same.
        request.user = safety_identifier.or(request.user);
        request.system.extend(instructions.map(Part::text));
        match input {
            Some(input) => input::read(input, &mut request)?,
            // What is stored elsewhere may take its place: that is refused with a better reason.
            None if request.extras.iter().any(|extra| extra.loss == Loss::Refused) => {}
            None => return Err(unreadable("input", "is missing: give a text or a list of items")),
        }
        if let Some(allowed) = allowed {
            let allowed: HashSet<_> = allowed.iter().collect();
            request.tools.retain(|tool| allowed.contains(&tool.name));
        }
        request.name_results();
        Ok(request)
    }
}

/// What leaving out a field that has no home comes to.
fn loss(name: &str, value: &[u8]) -> Loss {
    match name {
        // What is kept at the provider, guards its answers, or is part of what is asked.
        "previous_response_id" | "conversation" | "prompt" | "moderation" => Loss::Refused,
        // Of chat completions: whoever sends them means them.
        "stop" | "n" | "messages" | "functions" | "response_format" | "logit_bias" | "logprobs" | "modalities"
        | "audio" => Loss::Refused,
        "background" if value == b"true" => Loss::Refused,
        "top_logprobs" if value != b"0" => Loss::Refused,
        "background" | "top_logprobs" | "stream_options" => Loss::Silent,
        // Nothing is kept anywhere.
        "store" if value == b"false" => Loss::Silent,
        "truncation" if value == b"\"disabled\"" => Loss::Silent,
        "service_tier" if matches!(value, b"\"auto\"" | b"\"default\"") => Loss::Silent,
        _ => Loss::Warned,
    }
}

/// A field with no home.
fn extra<'a>(field: &str, value: &'a [u8], loss: Loss) -> Result<Extra<'a>, Unreadable> {
    let json: Json<'a> = fields::read(field, value)?;
    Ok(Extra { field: field.to_owned().into(), json, loss })
}

fn unreadable(field: impl Into<String>, wrong: impl Into<String>) -> Unreadable {
    Unreadable { field: field.into(), wrong: wrong.into() }
}

/// Puts a place before the fields that an error names.
fn within<'p, P: std::fmt::Display + 'p>(place: P) -> impl FnOnce(Unreadable) -> Unreadable + 'p {
    move |error| Unreadable { field: format!("{place}{}", error.field), ..error }
}
