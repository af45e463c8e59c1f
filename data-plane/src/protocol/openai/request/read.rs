//! Reads a caller's request.

mod extras;
mod parts;
mod path;
mod tools;
mod turns;

use std::fmt::Display;

use serde::Deserialize;

use super::object;
use crate::exchange::json::{Json, Number};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Extra, Loss, Request, Schema};
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

/// A request, and what of it is known only when all of it was read.
#[derive(Default)]
struct Reading<'a> {
    request: Request<'a>,
    messages: Option<&'a [u8]>,
    /// Counts for more than `max_tokens`.
    max_completion_tokens: Option<Number<'a>>,
    /// Counts for more than `user`.
    safety_identifier: Option<Text<'a>>,
    tools: tools::Tools<'a>,
}

pub(in crate::protocol::openai) fn read(body: &[u8]) -> Result<Request<'_>, Unreadable> {
    let mut reading = Reading::default();
    fields::each(body, |name, value| reading.field(name, value))?;
    let Reading { mut request, messages, max_completion_tokens, safety_identifier, tools } = reading;
    let messages = messages.ok_or_else(|| wrong("messages", "is missing: give the conversation"))?;
    let messages = object::list("messages", messages, &mut request.extras)?;
    turns::read(messages, &mut request)?;
    tools.finish(&mut request)?;
    request.max_tokens = max_completion_tokens.or(request.max_tokens);
    if let Some(identifier) = safety_identifier {
        identify(identifier, &mut request);
    }
    request.name_results();
    Ok(request)
}

/// `safety_identifier` is today's name of `user`; of two that differ, one is lost.
fn identify<'a>(identifier: Text<'a>, request: &mut Request<'a>) {
    let other = request.user.take().filter(|user| *user != identifier);
    request.user = Some(identifier);
    if let Some(user) = other {
        request.extras.push(Extra { field: "user".into(), json: Json::of(&user), loss: Loss::Warned });
    }
}

impl<'a> Reading<'a> {
    fn field(&mut self, name: &str, value: &'a [u8]) -> Result<(), Unreadable> {
        let request = &mut self.request;
        match name {
            // Routing has read them.
            "model" | "stream" => {}
            "messages" => self.messages = Some(value),
            "tools" | "tool_choice" | "functions" | "function_call" => self.tools.field(name, value),
            "parallel_tool_calls" => request.parallel_tool_calls = Some(fields::read(name, value)?),
            "max_tokens" => request.max_tokens = Some(fields::read(name, value)?),
            "max_completion_tokens" => self.max_completion_tokens = Some(fields::read(name, value)?),
            "temperature" => request.sampling.temperature = Some(fields::read(name, value)?),
            "top_p" => request.sampling.top_p = Some(fields::read(name, value)?),
            "top_k" => request.sampling.top_k = Some(fields::read(name, value)?),
            "presence_penalty" => request.sampling.presence_penalty = Some(fields::read(name, value)?),
            "frequency_penalty" => request.sampling.frequency_penalty = Some(fields::read(name, value)?),
            "seed" => request.sampling.seed = Some(fields::read(name, value)?),
            "stop" => request.stop = stop(value)?,
            "n" => request.choices = Some(choices(value)?),
            "response_format" => answer_format(value, request)?,
            "reasoning_effort" => request.reasoning = Some(effort(name, &fields::read::<Text<'_>>(name, value)?)?),
            "reasoning" => reasoning(value, request)?,
            "user" => request.user = Some(fields::read(name, value)?),
            "safety_identifier" => self.safety_identifier = Some(fields::read(name, value)?),
            "stream_options" => stream_options(value, request)?,
            _ => extras::keep(name, value, &mut request.extras)?,
        }
        Ok(())
    }
}

fn wrong(field: impl Display, wrong: impl Into<String>) -> Unreadable {
    Unreadable { field: field.to_string(), wrong: wrong.into() }
}

/// One text, or several.
fn stop(value: &[u8]) -> Result<Vec<Text<'_>>, Unreadable> {
    if value.starts_with(b"\"") { Ok(vec![fields::read("stop", value)?]) } else { fields::read("stop", value) }
}

fn choices(value: &[u8]) -> Result<Number<'_>, Unreadable> {
    let number: Number<'_> = fields::read("n", value)?;
    if number.as_u64().is_some_and(|number| number > 0) {
        return Ok(number);
    }
    Err(wrong("n", "is not a whole number from 1 on"))
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    json_schema: Option<GivenSchema<'a>>,
}

#[derive(Deserialize)]
struct GivenSchema<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    schema: Option<Json<'a>>,
    strict: Option<bool>,
}

fn answer_format<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    const FIELD: &str = "response_format";
    let Format { r#type, json_schema } = fields::read(FIELD, value)?;
    request.answer_format = Some(match &*r#type {
        "text" => AnswerFormat::Text,
        "json_object" => AnswerFormat::Json,
        "json_schema" => {
            let missing = || wrong("response_format.json_schema", "is missing: give the name and the schema");
            let GivenSchema { name, description, schema, strict } = json_schema.ok_or_else(missing)?;
            let schema = schema.unwrap_or_else(Json::empty_object);
            if !schema.is_object() {
                return Err(wrong("response_format.json_schema.schema", "is not an object"));
            }
            AnswerFormat::Schema(Schema { name, description, schema, strict })
        }
        // A vendor's own: a grammar, a pattern.
        _ => {
            let json = fields::read(FIELD, value)?;
            request.extras.push(Extra { field: FIELD.into(), json, loss: Loss::Refused });
            return Ok(());
        }
    });
    Ok(())
}

fn effort(field: &str, word: &str) -> Result<Reasoning<'static>, Unreadable> {
    let amount = if word.eq_ignore_ascii_case("none") {
        Amount::Off
    } else {
        let known = "is not one of \"none\", \"minimal\", \"low\", \"medium\", \"high\", \"xhigh\" and \"max\"";
        Amount::Effort(Effort::of(word).ok_or_else(|| wrong(field, known))?)
    };
    Ok(Reasoning { amount: Some(amount), shown: None })
}

/// OpenRouter's form.
#[derive(Deserialize)]
struct GivenReasoning<'a> {
    #[serde(borrow)]
    effort: Option<Text<'a>>,
    max_tokens: Option<Number<'a>>,
    enabled: Option<bool>,
    exclude: Option<bool>,
}

fn reasoning<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let given: GivenReasoning<'_> = fields::read("reasoning", value)?;
    let shown = given.exclude.map(|is_excluded| !is_excluded);
    let amount = match (given.effort, given.max_tokens, given.enabled) {
        (_, _, Some(false)) => Some(Amount::Off),
        (Some(word), _, _) => effort("reasoning.effort", &word)?.amount,
        (None, Some(tokens), _) => Some(Amount::Budget(tokens)),
        (None, None, Some(true)) => Some(Amount::Adaptive),
        (None, None, None) => None,
    };
    if amount.is_some() || shown.is_some() {
        let before = request.reasoning.take().and_then(|before| before.amount);
        request.reasoning = Some(Reasoning { amount: amount.or(before), shown });
    }
    Ok(())
}

/// Whether a stream's usage is wanted. How a stream is padded against eavesdroppers is no one's meaning.
fn stream_options<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let unnamed = |error: Unreadable| wrong(format!("stream_options.{}", error.field), error.wrong);
    if !value.starts_with(b"{") {
        return Err(wrong("stream_options", "is not an object"));
    }
    fields::each(value, |name, value| {
        match name {
            "include_usage" => request.wants_usage = fields::read(name, value).map_err(unnamed)?,
            "include_obfuscation" => {}
            _ => {
                let json = fields::read(name, value)?;
                let field = format!("stream_options.{name}").into();
                request.extras.push(Extra { field, json, loss: Loss::Warned });
            }
        }
        Ok(())
    })
}
