//! What Cohere's chat of version 2 wants of a request. Source: Cohere's API reference and the types of its package, read in autumn 2026.

use serde_json::Value;

use crate::standin::Fault;
use crate::standin::openai::ANSWER_TOOL;
use crate::standin::sampling::Sampling;
use crate::standin::script::{Call, Choice, Heard, Held, Picture, Thinking, arguments};
use crate::standin::shape::At;
use crate::standin::waiting::Waiting;

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
    "stream",
];

pub(in crate::standin) fn check(body: &Value) -> Result<Heard, Fault> {
    let top = At::top(body);
    top.only(FIELDS)?;
    top.need("model")?.some_text()?;
    // It has no default.
    let mut heard = Heard { streams: top.need("stream")?.boolean()?, ..Heard::default() };
    heard.sampling = Sampling::read(&top, [&["/temperature"], &["/p"], &["/k"], &["/max_tokens"]]);
    top.get("max_tokens").map_or(Ok(0), |limit| limit.integer(1..=128_000))?;
    for (name, range) in [
        ("temperature", 0.0..=1.0),
        ("frequency_penalty", 0.0..=1.0),
        ("presence_penalty", 0.0..=1.0),
        ("p", 0.01..=0.99),
    ] {
        top.get(name).map_or(Ok(0.0), |number| number.number(range))?;
    }
    top.get("k").map_or(Ok(0), |number| number.integer(0..=500))?;
    top.get("seed").map_or(Ok(0), |number| number.integer(0..=i64::MAX))?;
    if let Some(stops) = top.get("stop_sequences") {
        stops.require(stops.items()?.len() <= 5, "has more than five")?;
    }
    thinking(&top, &mut heard)?;
    tools(&top, &mut heard)?;
    if let Some(format) = top.get("response_format") {
        format.only(&["type", "json_schema"])?;
        let kind = format.need("type")?.one_of(&["text", "json_object"])?;
        format.require(kind == "text" || heard.tools.is_empty(), "response_format is not supported with tools")?;
        if let Some(schema) = format.get("json_schema") {
            schema.object_schema()?;
            schema.need("required")?.some_items()?;
            heard.schema = Some(Held::ByField);
        }
    }
    messages(&top, &mut heard)?;
    Ok(heard)
}

/// Only some of its models think, and those do so unless they are told not to.
fn thinking(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    let thinks = top.need("model")?.text()?.contains("reasoning");
    let thinking = top.get("thinking");
    top.require(thinks || thinking.is_none(), "thinking is not supported by the model")?;
    if !thinks {
        return Ok(());
    }
    (heard.thinking, heard.tells_thoughts) = (Thinking::Untold, true);
    if let Some(thinking) = thinking {
        thinking.only(&["type", "token_budget"])?;
        let is_on = thinking.need("type")?.one_of(&["enabled", "disabled"])? == "enabled";
        thinking.get("token_budget").map_or(Ok(0), |budget| budget.integer(1..=31_000))?;
        heard.thinking = if is_on { Thinking::Told } else { Thinking::Untold };
        heard.tells_thoughts = is_on;
    }
    Ok(())
}

fn tools(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    for tool in top.get("tools").map(|tools| tools.items()).transpose()?.unwrap_or_default() {
        tool.only(&["type", "function"])?;
        tool.need("type")?.is("function")?;
        let function = tool.need("function")?;
        function.only(&["name", "description", "parameters"])?;
        function.need("parameters")?.object_schema()?;
        heard.tools.push(function.need("name")?.name(64, "_-")?.to_owned());
    }
    let Some(choice) = top.get("tool_choice") else { return Ok(()) };
    choice.require(!heard.tools.is_empty(), "tool_choice is only allowed with tools")?;
    heard.choice = match choice.one_of(&["REQUIRED", "NONE"])? {
        "NONE" => Choice::Never,
        _ => Choice::Required,
    };
    let can_answer = heard.choice == Choice::Required && heard.tools.iter().any(|tool| tool == ANSWER_TOOL);
    heard.schema = can_answer.then(|| Held::ByTool(ANSWER_TOOL.to_owned()));
    Ok(())
}

fn messages(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    let mut waiting = Waiting::default();
    for message in top.need("messages")?.some_items()? {
        let role = message.need("role")?.one_of(&["system", "user", "assistant", "tool"])?;
        if role != "tool" {
            waiting.is_done(&message)?;
        }
        match role {
            "tool" => {
                message.only(&["role", "tool_call_id", "content"])?;
                let told = results(&message.need("content")?)?;
                waiting.answer(&message, message.need("tool_call_id")?.text()?, told)?;
            }
            "assistant" => assistant(&message, &mut waiting)?,
            "system" => {
                message.only(&["role", "content"])?;
                heard.system.push_str(&texts(&message.need("content")?)?);
            }
            _ => {
                message.only(&["role", "content"])?;
                drop(waiting.results());
                (heard.prompt, heard.images) = user(&message.need("content")?)?;
            }
        }
    }
    waiting.is_done(top)?;
    heard.results = waiting.results();
    Ok(())
}

fn texts(content: &At<'_>) -> Result<String, Fault> {
    if content.value().is_string() {
        return content.some_text().map(str::to_owned);
    }
    content.some_items()?.iter().map(|part| text(part).map(str::to_owned)).collect()
}

fn text<'a>(part: &At<'a>) -> Result<&'a str, Fault> {
    part.only(&["type", "text"])?;
    part.need("type")?.is("text")?;
    part.need("text")?.some_text()
}

/// A tool's content: texts, and documents.
fn results(content: &At<'_>) -> Result<String, Fault> {
    if content.value().is_string() {
        return content.some_text().map(str::to_owned);
    }
    let mut told = String::new();
    for part in content.some_items()? {
        if part.need("type")?.one_of(&["text", "document"])? == "text" {
            told.push_str(text(&part)?);
            continue;
        }
        part.only(&["type", "document"])?;
        let document = part.need("document")?;
        document.only(&["id", "data"])?;
        document.need("data")?.object()?;
        told.push_str(&document.need("data")?.value().to_string());
    }
    Ok(told)
}

fn user(content: &At<'_>) -> Result<(String, Vec<Picture>), Fault> {
    if content.value().is_string() {
        return Ok((content.some_text()?.to_owned(), Vec::new()));
    }
    let (mut said, mut images) = (String::new(), Vec::new());
    for part in content.some_items()? {
        if part.value()["type"] == "text" {
            said.push_str(text(&part)?);
            continue;
        }
        part.only(&["type", "image_url"])?;
        part.need("type")?.is("image_url")?;
        let image = part.need("image_url")?;
        image.only(&["url", "detail"])?;
        images.push(Picture::in_url(&image.need("url")?)?);
    }
    Ok((said, images))
}

fn assistant(message: &At<'_>, waiting: &mut Waiting) -> Result<(), Fault> {
    message.only(&["role", "content", "tool_calls", "tool_plan", "citations"])?;
    let calls = message.get("tool_calls").map(|calls| calls.some_items()).transpose()?.unwrap_or_default();
    if let Some(content) = message.get("content").filter(|content| content.value().is_array()) {
        for part in content.some_items()? {
            match part.need("type")?.one_of(&["text", "thinking"])? {
                "text" => text(&part).map(drop)?,
                _ => part.need("thinking")?.text().map(drop)?,
            }
        }
    }
    let says = message.get("content").is_some() || !calls.is_empty();
    message.require(says, "all elements in messages must have either content or tool_calls")?;
    for call in calls {
        call.only(&["id", "type", "function"])?;
        call.need("type")?.is("function")?;
        let function = call.need("function")?;
        function.only(&["name", "arguments"])?;
        let id = call.need("id")?.some_text()?.to_owned();
        let name = function.need("name")?.name(64, "_-")?.to_owned();
        waiting.call(&call, Call { id, name, arguments: arguments(&function.need("arguments")?)? })?;
    }
    Ok(())
}
