//! What OpenAI's Responses want of a request. Source: OpenAI's API reference and the types of its package, read in autumn 2026.

use serde_json::Value;

use crate::standin::Fault;
use crate::standin::openai::ANSWER_TOOL;
use crate::standin::script::{Call, Heard, Held, Picture, Waiting, arguments};
use crate::standin::shape::At;

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
    if let Some(options) = top.get("stream_options") {
        options.require(heard.streams, "is only allowed when 'stream' is true")?;
        options.only(&["include_obfuscation"])?;
    }
    top.get("max_output_tokens").map_or(Ok(0), |limit| limit.integer(16..=128_000))?;
    top.get("temperature").map_or(Ok(0.0), |number| number.number(0.0..=2.0))?;
    top.get("top_p").map_or(Ok(0.0), |number| number.number(0.0..=1.0))?;
    if let Some(reasoning) = top.get("reasoning") {
        reasoning.only(&["effort", "summary", "generate_summary"])?;
    }
    if let Some(instructions) = top.get("instructions") {
        instructions.text()?.clone_into(&mut heard.system);
    }
    tools(&top, &mut heard)?;
    text_format(&top, &mut heard)?;
    input(&top.need("input")?, &mut heard)?;
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
    if choice.value().is_string() {
        let word = choice.one_of(&["none", "auto", "required"])?;
        return choice.require(word != "required" || !heard.tools.is_empty(), "is 'required', and there are no tools");
    }
    choice.only(&["type", "name"])?;
    choice.need("type")?.is("function")?;
    let name = choice.need("name")?;
    name.require(heard.tools.iter().any(|tool| name.value() == tool), "is none of the tools")?;
    heard.schema = (name.value() == ANSWER_TOOL).then(|| Held::ByTool(ANSWER_TOOL.to_owned()));
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
                item.need("id")?.some_text()?;
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
