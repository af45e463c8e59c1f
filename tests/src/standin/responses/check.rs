//! What OpenAI's Responses want of a request. Source: OpenAI's API reference and the types of its package, read in autumn 2026.

use serde_json::Value;

use crate::standin::Fault;
use crate::standin::openai::{ANSWER_TOOL, model};
use crate::standin::sampling::Sampling;
use crate::standin::script::{Call, Choice, Heard, Held, Picture, arguments};
use crate::standin::shape::At;
use crate::standin::waiting::Waiting;

const FIELDS: &[&str] = &[
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

pub(in crate::standin) fn check(body: &Value) -> Result<Heard, Fault> {
    let top = At::top(body);
    top.only(FIELDS)?;
    top.need("model")?.some_text()?;
    let streams = top.get("stream").map(|stream| stream.boolean()).transpose()?.unwrap_or_default();
    let mut heard = Heard { streams, ..Heard::default() };
    heard.sampling = Sampling::read(&top, [&["/temperature"], &["/top_p"], &["/top_k"], &["/max_output_tokens"]]);
    if let Some(options) = top.get("stream_options") {
        options.require(heard.streams, "is only allowed when 'stream' is true")?;
        options.only(&["include_obfuscation"])?;
    }
    top.get("max_output_tokens").map_or(Ok(0), |limit| limit.integer(16..=128_000))?;
    if let Some(user) = top.get("user") {
        user.require(user.text()?.len() <= 64, "string too long. Expected a string with maximum length 64")?;
    }
    top.get("temperature").map_or(Ok(0.0), |number| number.number(0.0..=2.0))?;
    top.get("top_p").map_or(Ok(0.0), |number| number.number(0.0..=1.0))?;
    if let Some(reasoning) = top.get("reasoning") {
        reasoning.only(&["effort", "summary", "generate_summary"])?;
    }
    if let Some(instructions) = top.get("instructions") {
        instructions.text()?.clone_into(&mut heard.system);
    }
    tools(&top, &mut heard)?;
    model::responses(&top, top.need("model")?.text()?, &mut heard)?;
    let included = top.get("include").map(|include| include.items()).transpose()?.unwrap_or_default();
    heard.proves_thoughts = included.iter().any(|what| what.value() == "reasoning.encrypted_content");
    text_format(&top, &mut heard)?;
    input(&top.need("input")?, &mut heard)?;
    thoughts(&top)?;
    Ok(heard)
}

fn tools(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    for tool in top.get("tools").map(|tools| tools.items()).transpose()?.unwrap_or_default() {
        tool.only(&["type", "name", "description", "parameters", "strict"])?;
        tool.need("type")?.is("function")?;
        let parameters = tool.need("parameters")?;
        parameters.object_schema()?;
        // Functions are strict here unless they say that they aren't.
        if tool.value()["strict"] != false {
            parameters.strict_schema()?;
        }
        heard.tools.push(tool.need("name")?.name(64, "_-")?.to_owned());
    }
    let Some(choice) = top.get("tool_choice") else { return Ok(()) };
    heard.choice = if choice.value().is_string() {
        let word = choice.one_of(&["none", "auto", "required"])?;
        choice.require(word != "required" || !heard.tools.is_empty(), "is 'required', and there are no tools")?;
        match word {
            "none" => Choice::Never,
            "required" => Choice::Required,
            _ => Choice::Auto,
        }
    } else {
        choice.only(&["type", "name"])?;
        choice.need("type")?.is("function")?;
        let name = choice.need("name")?;
        name.require(heard.tools.iter().any(|tool| name.value() == tool), "is none of the tools")?;
        Choice::Named(name.text()?.to_owned())
    };
    let can_answer = heard.choice.is_forced() && heard.tools.iter().any(|tool| tool == ANSWER_TOOL);
    heard.schema = can_answer.then(|| Held::ByTool(ANSWER_TOOL.to_owned()));
    Ok(())
}

fn text_format(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    let Some(text) = top.get("text") else { return Ok(()) };
    text.only(&["format", "verbosity"])?;
    let Some(format) = text.get("format") else { return Ok(()) };
    if format.need("type")?.one_of(&["text", "json_object", "json_schema"])? != "json_schema" {
        return format.only(&["type"]);
    }
    format.only(&["type", "name", "description", "schema", "strict"])?;
    format.need("name")?.name(64, "_-")?;
    let schema = format.need("schema")?;
    schema.object_schema()?;
    if format.value()["strict"] == true {
        schema.strict_schema()?;
    }
    heard.schema = Some(Held::ByField);
    Ok(())
}

/// Thoughts come back as they were told, whole where nothing was stored, and before what they were of.
fn thoughts(top: &At<'_>) -> Result<(), Fault> {
    let Ok(items) = top.need("input")?.items() else { return Ok(()) };
    let is_stored = top.value()["store"] != false;
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.value()["type"] == "reasoning") {
        match item.get("encrypted_content") {
            Some(content) => {
                let is_known = content.value() == super::say::ENCRYPTED;
                content.require(is_known, "The encrypted content could not be verified.")?;
            }
            None => {
                let is_known = is_stored && item.value()["id"] == super::say::REASONING;
                let what = format!(
                    "Item with id {} not found. Items are not persisted when `store` is set to false.",
                    item.value()["id"]
                );
                item.require(is_known, &what)?;
            }
        }
        let next = items.get(index + 1).map(|next| next.value());
        let is_of_something = next.is_some_and(|next| {
            let kind = next["type"].as_str().unwrap_or("message");
            ["function_call", "reasoning"].contains(&kind) || next["role"] == "assistant"
        });
        item.require(is_of_something, "of type 'reasoning' was provided without its required following item.")?;
    }
    Ok(())
}

fn input(input: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    if input.value().is_string() {
        input.text()?.clone_into(&mut heard.prompt);
        return Ok(());
    }
    let mut waiting = Waiting::default();
    for item in input.some_items()? {
        match item.get("type").map_or(Ok("message"), |kind| kind.text())? {
            "message" => message(&item, heard, &mut waiting)?,
            "function_call" => {
                item.only(&["type", "id", "call_id", "name", "arguments", "status"])?;
                item.get("id")
                    .map_or(Ok(()), |id| id.require(id.text()?.starts_with("fc"), "does not begin with 'fc'"))?;
                let id = item.need("call_id")?;
                id.require(id.some_text()?.len() <= 64, "is longer than 64")?;
                let name = item.need("name")?.name(128, "_-")?.to_owned();
                let call = Call { id: id.text()?.to_owned(), name, arguments: arguments(&item.need("arguments")?)? };
                waiting.call(&item, call)?;
            }
            "function_call_output" => {
                item.only(&["type", "id", "call_id", "output", "status"])?;
                let output = texts(&item.need("output")?, "input_text")?;
                waiting.answer(&item, item.need("call_id")?.text()?, output)?;
            }
            "reasoning" => {
                item.only(&["type", "id", "summary", "content", "encrypted_content", "status"])?;
                item.need("summary")?.items()?;
            }
            other => return Err(item.fault(&format!("the type {other:?} is not supported"))),
        }
    }
    waiting.is_done(input)?;
    heard.results = waiting.results();
    Ok(())
}

fn message(item: &At<'_>, heard: &mut Heard, waiting: &mut Waiting) -> Result<(), Fault> {
    let role = item.need("role")?.one_of(&["user", "assistant", "system", "developer"])?;
    let content = item.need("content")?;
    if role == "assistant" {
        // What an answer has is taken back. A message may stand before the calls of the same turn.
        item.only(&["type", "role", "content", "id", "status", "phase"])?;
        return texts(&content, "output_text").map(drop);
    }
    waiting.is_done(item)?;
    item.only(&["type", "role", "content", "status"])?;
    if role != "user" {
        heard.system.push_str(&texts(&content, "input_text")?);
        return Ok(());
    }
    drop(waiting.results());
    (heard.prompt, heard.images) = user(&content)?;
    Ok(())
}

fn texts(content: &At<'_>, kind: &str) -> Result<String, Fault> {
    if content.value().is_string() {
        return content.text().map(str::to_owned);
    }
    let text = |part: &At<'_>| {
        part.only(&["type", "text", "annotations", "logprobs"])?;
        part.need("type")?.is(kind)?;
        part.need("text")?.text().map(str::to_owned)
    };
    content.some_items()?.iter().map(text).collect()
}

fn user(content: &At<'_>) -> Result<(String, Vec<Picture>), Fault> {
    if content.value().is_string() {
        return Ok((content.text()?.to_owned(), Vec::new()));
    }
    let (mut said, mut images) = (String::new(), Vec::new());
    for part in content.some_items()? {
        if part.need("type")?.one_of(&["input_text", "input_image"])? == "input_text" {
            part.only(&["type", "text"])?;
            said.push_str(part.need("text")?.text()?);
        } else {
            part.only(&["type", "image_url", "detail", "file_id"])?;
            part.get("detail").map_or(Ok(""), |detail| detail.one_of(&["auto", "low", "high"]))?;
            images.push(Picture::in_url(&part.need("image_url")?)?);
        }
    }
    Ok((said, images))
}
