//! Reads a caller's request.

use serde::Deserialize;

use super::messages;
use crate::exchange::json::{Json, Number};
use crate::exchange::reasoning::{Amount, Reasoning};
use crate::exchange::request::{AnswerFormat, Extra, Loss, Request, Schema};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::protocol::{Unreadable, fields};

pub(crate) fn read(body: &[u8]) -> Result<Request<'_>, Unreadable> {
    let mut request = Request { wants_usage: true, ..Request::default() };
    let mut has_messages = false;
    let mut is_strict: Option<bool> = None;
    fields::each(body, |name, value| {
        match name {
            "messages" => {
                has_messages = true;
                messages::read(value, &mut request)?;
            }
            "tools" => tools(value, &mut request)?,
            "strict_tools" => is_strict = Some(fields::read(name, value)?),
            "tool_choice" => request.tool_choice = Some(tool_choice(value)?),
            "response_format" => request.answer_format = Some(response_format(value)?),
            "thinking" => request.reasoning = Some(thinking(value)?),
            "max_tokens" => request.max_tokens = Some(fields::read(name, value)?),
            "stop_sequences" => request.stop = fields::read(name, value)?,
            "temperature" => request.sampling.temperature = Some(fields::read(name, value)?),
            "p" => request.sampling.top_p = Some(fields::read(name, value)?),
            "k" => request.sampling.top_k = Some(fields::read(name, value)?),
            "seed" => request.sampling.seed = Some(fields::read(name, value)?),
            "frequency_penalty" => request.sampling.frequency_penalty = Some(fields::read(name, value)?),
            "presence_penalty" => request.sampling.presence_penalty = Some(fields::read(name, value)?),
            // Whom it goes to and how it is delivered was known before it was read.
            "model" | "stream" => {}
            _ => keep(&mut request, name, value)?,
        }
        Ok(())
    })?;
    if !has_messages {
        return Err(wrong("messages", "is missing: it is the conversation"));
    }
    for tool in &mut request.tools {
        tool.strict = is_strict;
    }
    request.name_results();
    Ok(request)
}

/// Keeps a field that has no home.
fn keep<'a>(request: &mut Request<'a>, name: &str, value: &'a [u8]) -> Result<(), Unreadable> {
    let loss = match (name, value) {
        ("logprobs", b"false") => Loss::Silent,
        // What the answer is made from, what it may not say, and what is asked of it beside the text.
        ("documents" | "logprobs" | "raw_prompting", _) => Loss::Refused,
        ("safety_mode", b"\"STRICT\"") => Loss::Refused,
        _ => Loss::Warned,
    };
    let json: Json<'_> = fields::read(name, value)?;
    request.extras.push(Extra { field: name.to_owned().into(), json, loss });
    Ok(())
}

#[derive(Deserialize)]
struct WireTool<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    description: Option<Text<'a>>,
    parameters: Option<Json<'a>>,
}

fn tools<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let tools: Vec<WireTool<'_>> = fields::read("tools", value)?;
    for (index, tool) in tools.into_iter().enumerate() {
        if tool.r#type.is_some_and(|kind| &*kind != "function") {
            return Err(wrong(format!("tools[{index}].type"), "is not \"function\""));
        }
        let function = tool.function.ok_or_else(|| wrong(format!("tools[{index}].function"), "is missing"))?;
        if function.parameters.as_ref().is_some_and(|schema| !schema.is_object()) {
            return Err(wrong(format!("tools[{index}].function.parameters"), "is not an object"));
        }
        let Function { name, description, parameters } = function;
        request.tools.push(Tool { name, description, parameters, strict: None, cache: None });
    }
    Ok(())
}

fn tool_choice(value: &[u8]) -> Result<ToolChoice<'_>, Unreadable> {
    let word: Text<'_> = fields::read("tool_choice", value)?;
    match &*word {
        "REQUIRED" => Ok(ToolChoice::Required),
        "NONE" => Ok(ToolChoice::Never),
        _ => Err(wrong("tool_choice", "is not one of \"REQUIRED\" and \"NONE\"")),
    }
}

fn response_format(value: &[u8]) -> Result<AnswerFormat<'_>, Unreadable> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        r#type: Text<'a>,
        // The second is what it was called before.
        #[serde(alias = "schema")]
        json_schema: Option<Json<'a>>,
    }
    let wire: Wire<'_> = fields::read("response_format", value)?;
    match (&*wire.r#type, wire.json_schema) {
        ("text", _) => Ok(AnswerFormat::Text),
        ("json_object", None) => Ok(AnswerFormat::Json),
        ("json_object", Some(schema)) if schema.is_object() => {
            Ok(AnswerFormat::Schema(Schema { name: None, description: None, schema, strict: None }))
        }
        ("json_object", Some(_)) => Err(wrong("response_format.json_schema", "is not an object")),
        _ => Err(wrong("response_format.type", "is not one of \"text\" and \"json_object\"")),
    }
}

fn thinking(value: &[u8]) -> Result<Reasoning<'_>, Unreadable> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        r#type: Text<'a>,
        token_budget: Option<Number<'a>>,
    }
    let wire: Wire<'_> = fields::read("thinking", value)?;
    let amount = match (&*wire.r#type, wire.token_budget) {
        ("disabled", _) => Amount::Off,
        ("enabled", Some(tokens)) => Amount::Budget(tokens),
        ("enabled", None) => Amount::Adaptive,
        _ => return Err(wrong("thinking.type", "is not one of \"enabled\" and \"disabled\"")),
    };
    Ok(Reasoning { amount: Some(amount), shown: None })
}

pub(super) fn wrong(field: impl Into<String>, wrong: &str) -> Unreadable {
    Unreadable { field: field.into(), wrong: wrong.to_owned() }
}
