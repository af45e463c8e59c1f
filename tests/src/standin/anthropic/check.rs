//! What Anthropic's Messages want of a request. Source: Anthropic's API reference, read in autumn 2026.

use serde_json::Value;

use crate::standin::Fault;
use crate::standin::claude::{self, Claude, LastTurn};
use crate::standin::openai::ANSWER_TOOL;
use crate::standin::sampling::Sampling;
use crate::standin::script::{Call, Choice, Heard, Held, Picture};
use crate::standin::shape::At;
use crate::standin::waiting::Waiting;

const FIELDS: &[&str] = &[
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

pub(in crate::standin) fn check(body: &Value) -> Result<Heard, Fault> {
    let top = At::top(body);
    top.only(FIELDS)?;
    let model = Claude::of(top.need("model")?.some_text()?);
    let limit = top.need("max_tokens")?.integer(1..=model.most_tokens)?;
    let streams = top.get("stream").map(|stream| stream.boolean()).transpose()?.unwrap_or_default();
    let mut heard = Heard { streams, ..Heard::default() };
    heard.sampling = Sampling::read(&top, [&["/temperature"], &["/top_p"], &["/top_k"], &["/max_tokens"]]);
    parameters(&top)?;
    if let Some(system) = top.get("system") {
        heard.system = texts(&system)?;
    }
    tools(&top, &mut heard)?;
    let effort = top.get("output_config").and_then(|config| config.get("effort"));
    let [thinking, temperature, top_p, top_k] = ["thinking", "temperature", "top_p", "top_k"].map(|name| top.get(name));
    let asked = claude::Asked { top: top.clone(), thinking, effort, temperature, top_p, top_k, max_tokens: limit };
    model.check(&asked, &mut heard)?;
    if let Some(config) = top.get("output_config") {
        config.only(&["effort", "format"])?;
        if let Some(format) = config.get("format") {
            format.require(model.takes_schemas, "structured outputs are not supported on this model")?;
            format.only(&["type", "schema"])?;
            format.need("type")?.is("json_schema")?;
            format.need("schema")?.object_schema()?;
            format.need("schema")?.closed_schema()?;
            heard.schema = Some(Held::ByField);
        }
    }
    let last = messages(&top, &mut heard)?;
    last.check(&top, asked.thinking.as_ref(), &heard)?;
    Ok(heard)
}

fn parameters(top: &At<'_>) -> Result<(), Fault> {
    top.get("metadata").map_or(Ok(()), |metadata| metadata.only(&["user_id"]))?;
    for stop in top.get("stop_sequences").map(|stops| stops.items()).transpose()?.unwrap_or_default() {
        stop.some_text()?;
    }
    Ok(())
}

fn tools(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    for tool in top.get("tools").map(|tools| tools.items()).transpose()?.unwrap_or_default() {
        tool.only(&["type", "name", "description", "input_schema", "cache_control", "strict"])?;
        tool.get("type").map_or(Ok(()), |kind| kind.is("custom"))?;
        tool.need("input_schema")?.object_schema()?;
        if tool.value()["strict"] == true {
            tool.need("input_schema")?.closed_schema()?;
        }
        heard.tools.push(tool.need("name")?.name(128, "_-")?.to_owned());
    }
    let Some(choice) = top.get("tool_choice") else { return Ok(()) };
    choice.require(!heard.tools.is_empty(), "may only be specified while providing tools")?;
    let kind = choice.need("type")?.one_of(&["auto", "any", "tool", "none"])?;
    if kind != "tool" {
        heard.choice = match kind {
            "any" => Choice::Required,
            "none" => Choice::Never,
            _ => Choice::Auto,
        };
        heard.schema = of_answer_tool(heard);
        return choice.only(&["type", "disable_parallel_tool_use"]);
    }
    choice.only(&["type", "disable_parallel_tool_use", "name"])?;
    let name = choice.need("name")?;
    name.require(heard.tools.iter().any(|tool| name.value() == tool), "is none of the tools")?;
    heard.choice = Choice::Named(name.text()?.to_owned());
    heard.schema = of_answer_tool(heard);
    Ok(())
}

/// Whoever must call something may give the answer so.
fn of_answer_tool(heard: &Heard) -> Option<Held> {
    heard.tools.iter().any(|tool| tool == ANSWER_TOOL).then(|| Held::ByTool(ANSWER_TOOL.to_owned()))
}

fn messages(top: &At<'_>, heard: &mut Heard) -> Result<LastTurn, Fault> {
    let (mut waiting, mut last) = (Waiting::default(), LastTurn::default());
    let messages = top.need("messages")?.some_items()?;
    for (index, message) in messages.iter().enumerate() {
        message.only(&["role", "content"])?;
        let role = message.need("role")?.one_of(&["user", "assistant"])?;
        // What Anthropic would merge itself is a writer's to merge.
        let expected = if index % 2 == 0 { "user" } else { "assistant" };
        message
            .require(role == expected, "roles must alternate between \"user\" and \"assistant\", the first \"user\"")?;
        let content = message.need("content")?;
        if role == "user" {
            user(&content, heard, &mut waiting)?;
        } else {
            last = assistant(&content, &mut waiting, index + 1 == messages.len())?;
        }
    }
    waiting.is_done(top)?;
    heard.results = waiting.results();
    Ok(last)
}

/// A text, or blocks that are texts.
fn texts(content: &At<'_>) -> Result<String, Fault> {
    if content.value().is_string() {
        return content.some_text().map(str::to_owned);
    }
    content.some_items()?.iter().map(|block| text(block).map(str::to_owned)).collect()
}

fn text<'a>(block: &At<'a>) -> Result<&'a str, Fault> {
    block.only(&["type", "text", "cache_control", "citations"])?;
    block.need("type")?.is("text")?;
    block.need("text")?.some_text()
}

fn user(content: &At<'_>, heard: &mut Heard, waiting: &mut Waiting) -> Result<(), Fault> {
    (heard.prompt, heard.images) = (String::new(), Vec::new());
    drop(waiting.results());
    if content.value().is_string() {
        waiting.is_done(content)?;
        content.some_text()?.clone_into(&mut heard.prompt);
        return Ok(());
    }
    for block in content.some_items()? {
        if block.value()["type"] == "tool_result" {
            let result = result(&block, &mut heard.images)?;
            waiting.answer(&block, block.need("tool_use_id")?.text()?, result)?;
            continue;
        }
        // Results come first, and all of them.
        waiting.is_done(&block)?;
        match block.need("type")?.one_of(&["text", "image"])? {
            "text" => heard.prompt.push_str(text(&block)?),
            _ => heard.images.push(image(&block)?),
        }
    }
    waiting.is_done(content)
}

fn result(block: &At<'_>, images: &mut Vec<Picture>) -> Result<String, Fault> {
    block.only(&["type", "tool_use_id", "content", "is_error", "cache_control"])?;
    let Some(content) = block.get("content") else { return Ok(String::new()) };
    if content.value().is_string() {
        return content.text().map(str::to_owned);
    }
    let mut told = String::new();
    for part in content.items()? {
        match part.need("type")?.one_of(&["text", "image"])? {
            "text" => told.push_str(text(&part)?),
            _ => images.push(image(&part)?),
        }
    }
    Ok(told)
}

fn image(block: &At<'_>) -> Result<Picture, Fault> {
    block.only(&["type", "source", "cache_control"])?;
    let source = block.need("source")?;
    source.only(&["type", "media_type", "data"])?;
    source.need("type")?.is("base64")?;
    Picture::read(&source, source.need("media_type")?.text()?, source.need("data")?.base64()?)
}

fn assistant(content: &At<'_>, waiting: &mut Waiting, is_last: bool) -> Result<LastTurn, Fault> {
    if is_last && let Some(text) = last_text(content) {
        claude::no_trailing_space(&text)?;
    }
    content.require(
        !is_last,
        "this model does not support a prefilled answer: the conversation must end with a user message",
    )?;
    let mut turn = LastTurn::default();
    if content.value().is_string() {
        return content.some_text().map(|_| turn);
    }
    for (index, block) in content.some_items()?.into_iter().enumerate() {
        match block.need("type")?.one_of(&["text", "tool_use", "thinking", "redacted_thinking"])? {
            "text" => text(&block).map(drop)?,
            "thinking" => {
                turn.begins_with_thoughts |= index == 0;
                block.only(&["type", "thinking", "signature"])?;
                claude::proved(&block.need("thinking")?, &block.need("signature")?)?;
            }
            "redacted_thinking" => {
                // None was ever given.
                return Err(block.fault("Invalid `data` in `redacted_thinking` block"));
            }
            _ => {
                turn.calls = true;
                block.only(&["type", "id", "name", "input", "cache_control", "caller"])?;
                block.need("input")?.object()?;
                let id = block.need("id")?.name(256, "_-")?.to_owned();
                let name = block.need("name")?.name(128, "_-")?.to_owned();
                waiting.call(&block, Call { id, name, arguments: block.need("input")?.value().clone() })?;
            }
        }
    }
    Ok(turn)
}

fn last_text<'a>(content: &At<'a>) -> Option<At<'a>> {
    if content.value().is_string() {
        return Some(content.clone());
    }
    content.items().ok()?.pop()?.get("text")
}
