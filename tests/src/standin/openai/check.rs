//! What OpenAI's chat completions want of a request. Source: OpenAI's API reference and the types of its package, read in autumn 2026.

mod houses;

use serde_json::Value;

use super::ANSWER_TOOL;
use super::house::House;
use super::model;
use crate::standin::Fault;
use crate::standin::sampling::Sampling;
use crate::standin::script::{Call, Choice, Heard, Held, Picture, arguments};
use crate::standin::shape::At;
use crate::standin::waiting::Waiting;

const FIELDS: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
];

/// A request to a model, whose name need not stand in it.
pub(in crate::standin) fn check(body: &Value, model: &str, house: House) -> Result<Heard, Fault> {
    let top = At::top(body);
    top.only(&houses::fields(house, FIELDS))?;
    top.need("model")?.some_text()?;
    let mut heard = Heard::default();
    stream(&top, &mut heard)?;
    heard.sampling =
        Sampling::read(&top, [&["/temperature"], &["/top_p"], &["/top_k"], &["/max_tokens", "/max_completion_tokens"]]);
    parameters(&top)?;
    tools(&top, &mut heard)?;
    match house {
        House::OpenAi => model::chat(&top, model, &mut heard)?,
        House::Mistral | House::Groq | House::DeepSeek => houses::check(&top, house, &mut heard)?,
    }
    if let Some(format) = top.get("response_format") {
        answer_format(&format, &mut heard)?;
    }
    messages(&top, house, &mut heard)?;
    let is_json = top.get("response_format").is_some_and(|format| format.value()["type"] == "json_object");
    let says_json = top.need("messages")?.value().to_string().to_ascii_lowercase().contains("json");
    let what = "must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
    top.need("messages")?.require(!is_json || says_json, what)?;
    Ok(heard)
}

fn stream(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    heard.streams = top.get("stream").map(|stream| stream.boolean()).transpose()?.unwrap_or_default();
    let Some(options) = top.get("stream_options") else { return Ok(()) };
    options.require(heard.streams, "is only allowed when 'stream' is true")?;
    options.only(&["include_usage", "include_obfuscation"])?;
    heard.tells_usage = options.value()["include_usage"] == true;
    Ok(())
}

fn parameters(top: &At<'_>) -> Result<(), Fault> {
    let both = top.get("max_tokens").is_some() && top.get("max_completion_tokens").is_some();
    top.require(!both, "max_tokens and max_completion_tokens are both there")?;
    for name in ["max_tokens", "max_completion_tokens"] {
        top.get(name).map_or(Ok(0), |limit| limit.integer(1..=128_000))?;
    }
    let numbers = [
        ("temperature", 0.0..=2.0),
        ("top_p", 0.0..=1.0),
        ("presence_penalty", -2.0..=2.0),
        ("frequency_penalty", -2.0..=2.0),
    ];
    for (name, range) in numbers {
        top.get(name).map_or(Ok(0.0), |number| number.number(range))?;
    }
    if let Some(user) = top.get("user") {
        user.require(user.text()?.len() <= 64, "string too long. Expected a string with maximum length 64")?;
    }
    match top.get("stop") {
        Some(stop) if stop.value().is_array() => stop.require(stop.items()?.len() <= 4, "has more than four"),
        Some(stop) => stop.text().map(drop),
        None => Ok(()),
    }
}

fn tools(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    for tool in top.get("tools").map(|tools| tools.some_items()).transpose()?.unwrap_or_default() {
        tool.only(&["type", "function"])?;
        tool.need("type")?.is("function")?;
        let function = tool.need("function")?;
        function.only(&["name", "description", "parameters", "strict"])?;
        if let Some(parameters) = function.get("parameters") {
            parameters.object_schema()?;
            if function.value()["strict"] == true {
                parameters.strict_schema()?;
            }
        }
        heard.tools.push(function.need("name")?.name(64, "_-")?.to_owned());
    }
    if let Some(parallel) = top.get("parallel_tool_calls") {
        parallel.boolean()?;
        parallel.require(!heard.tools.is_empty(), "is only allowed when 'tools' are specified")?;
    }
    let Some(choice) = top.get("tool_choice") else { return Ok(()) };
    choice.require(!heard.tools.is_empty(), "is only allowed when 'tools' are specified")?;
    heard.choice = if choice.value().is_string() {
        match choice.one_of(&["none", "auto", "required", "any"])? {
            "none" => Choice::Never,
            "auto" => Choice::Auto,
            _ => Choice::Required,
        }
    } else {
        choice.only(&["type", "function"])?;
        choice.need("type")?.is("function")?;
        let name = choice.need("function")?.need("name")?;
        name.require(heard.tools.iter().any(|tool| name.value() == tool), "is none of the tools")?;
        Choice::Named(name.text()?.to_owned())
    };
    let can_answer = heard.choice.is_forced() && heard.tools.iter().any(|tool| tool == ANSWER_TOOL);
    heard.schema = can_answer.then(|| Held::ByTool(ANSWER_TOOL.to_owned()));
    Ok(())
}

fn answer_format(format: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    if format.need("type")?.one_of(&["text", "json_object", "json_schema"])? != "json_schema" {
        return format.only(&["type"]);
    }
    format.only(&["type", "json_schema"])?;
    let held = format.need("json_schema")?;
    held.only(&["name", "description", "schema", "strict"])?;
    held.need("name")?.name(64, "_-")?;
    let schema = held.need("schema")?;
    schema.object_schema()?;
    if held.value()["strict"] == true {
        schema.strict_schema()?;
    }
    heard.schema = Some(Held::ByField);
    Ok(())
}

fn messages(top: &At<'_>, house: House, heard: &mut Heard) -> Result<(), Fault> {
    let mut waiting = Waiting::default();
    let messages = top.need("messages")?.some_items()?;
    houses::order(top, &messages, house)?;
    for message in messages {
        let role = message.need("role")?.one_of(&["developer", "system", "user", "assistant", "tool"])?;
        if role != "tool" {
            waiting.is_done(&message)?;
        }
        houses::message(&message, role, house)?;
        match role {
            "tool" => {
                message.only(&["role", "content", "tool_call_id", "name"])?;
                let text = texts(&message.need("content")?)?;
                waiting.answer(&message, message.need("tool_call_id")?.text()?, text)?;
            }
            "assistant" => assistant(&message, house, &mut waiting)?,
            "user" => {
                message.only(&["role", "content", "name"])?;
                (heard.prompt, heard.images) = user(&message.need("content")?)?;
                drop(waiting.results());
            }
            _ => {
                message.only(&["role", "content", "name"])?;
                heard.system.push_str(&texts(&message.need("content")?)?);
            }
        }
    }
    waiting.is_done(top)?;
    heard.results = waiting.results();
    Ok(())
}

/// A text, or parts that are texts.
fn texts(content: &At<'_>) -> Result<String, Fault> {
    if content.value().is_string() {
        return content.text().map(str::to_owned);
    }
    content.some_items()?.iter().map(|part| text(part).map(str::to_owned)).collect()
}

fn text<'a>(part: &At<'a>) -> Result<&'a str, Fault> {
    part.only(&["type", "text"])?;
    part.need("type")?.is("text")?;
    part.need("text")?.text()
}

fn user(content: &At<'_>) -> Result<(String, Vec<Picture>), Fault> {
    if content.value().is_string() {
        return Ok((content.text()?.to_owned(), Vec::new()));
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
        image.get("detail").map_or(Ok(""), |detail| detail.one_of(&["auto", "low", "high"]))?;
        images.push(Picture::in_url(&image.need("url")?)?);
    }
    Ok((said, images))
}

fn assistant(message: &At<'_>, house: House, waiting: &mut Waiting) -> Result<(), Fault> {
    let content = message.get("content").map(|content| texts(&content)).transpose()?;
    let calls = message.get("tool_calls").map(|calls| calls.some_items()).transpose()?.unwrap_or_default();
    let says = content.is_some() || message.get("refusal").is_some() || !calls.is_empty();
    message.require(says, "has neither content nor tool_calls")?;
    for call in calls {
        houses::call(&call, house)?;
        call.need("type")?.is("function")?;
        let function = call.need("function")?;
        function.only(&["name", "arguments"])?;
        let id = call.need("id")?;
        houses::id(&id, house)?;
        let called = Call {
            id: id.text()?.to_owned(),
            name: function.need("name")?.name(64, "_-")?.to_owned(),
            arguments: arguments(&function.need("arguments")?)?,
        };
        waiting.call(&call, called)?;
    }
    Ok(())
}
