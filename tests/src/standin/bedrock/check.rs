//! What Bedrock's Converse wants of a request. Source: the API's model as botocore has it, and Amazon's reference, read in autumn 2026.

mod model;

use serde_json::Value;

use crate::standin::Fault;
use crate::standin::claude::{self, LastTurn};
use crate::standin::openai::ANSWER_TOOL;
use crate::standin::sampling::Sampling;
use crate::standin::script::{Call, Choice, Heard, Held, Picture};
use crate::standin::shape::At;
use crate::standin::waiting::Waiting;

const FIELDS: &[&str] = &[
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];

pub(in crate::standin) fn check(body: &Value, model: &str, streams: bool) -> Result<Heard, Fault> {
    let top = At::top(body);
    top.only(FIELDS)?;
    let mut heard = Heard { streams, ..Heard::default() };
    heard.sampling = Sampling::read(
        &top,
        [
            &["/inferenceConfig/temperature"],
            &["/inferenceConfig/topP"],
            &["/additionalModelRequestFields/top_k", "/additionalModelRequestFields/inferenceConfig/topK"],
            &["/inferenceConfig/maxTokens"],
        ],
    );
    for block in top.get("system").map(|system| system.items()).transpose()?.unwrap_or_default() {
        if kind(&block, &["text", "cachePoint"])? == "text" {
            heard.system.push_str(block.need("text")?.some_text()?);
        }
    }
    if let Some(config) = top.get("inferenceConfig") {
        config.only(&["maxTokens", "temperature", "topP", "stopSequences"])?;
        config.get("maxTokens").map_or(Ok(0), |limit| limit.integer(1..=128_000))?;
        config.get("temperature").map_or(Ok(0.0), |number| number.number(0.0..=1.0))?;
        config.get("topP").map_or(Ok(0.0), |number| number.number(0.0..=1.0))?;
        for stop in config.get("stopSequences").map(|stops| stops.items()).transpose()?.unwrap_or_default() {
            stop.some_text()?;
        }
    }
    if let Some(config) = top.get("toolConfig") {
        tools(&config, &mut heard)?;
    }
    if let Some(config) = top.get("outputConfig") {
        output(&config, &mut heard)?;
    }
    let thinking = model::check(&top, model, &mut heard)?;
    let (has_tool_blocks, last) = messages(&top, &mut heard)?;
    last.check(&top, thinking.as_ref(), &heard)?;
    let is_said = !has_tool_blocks || top.get("toolConfig").is_some();
    top.require(is_said, "The toolConfig field must be defined when using toolUse and toolResult content blocks.")?;
    Ok(heard)
}

/// The one field of a union.
fn kind<'a>(block: &At<'_>, kinds: &[&'a str]) -> Result<&'a str, Fault> {
    block.only(kinds)?;
    let mut set = kinds.iter().filter(|kind| block.get(kind).is_some());
    let found = set.next().filter(|_| set.next().is_none());
    found.copied().ok_or_else(|| block.fault(&format!("has to have exactly one of {kinds:?}")))
}

fn tools(config: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    config.only(&["tools", "toolChoice"])?;
    for tool in config.need("tools")?.some_items()? {
        if kind(&tool, &["toolSpec", "cachePoint"])? == "cachePoint" {
            continue;
        }
        let spec = tool.need("toolSpec")?;
        spec.only(&["name", "description", "inputSchema", "strict"])?;
        spec.get("description").map_or(Ok(""), |text| text.some_text())?;
        kind(&spec.need("inputSchema")?, &["json"])?;
        let schema = spec.need("inputSchema")?.need("json")?;
        schema.object_schema()?;
        if spec.get("strict").is_some_and(|strict| strict.value() == true) {
            schema.closed_schema()?;
        }
        heard.tools.push(spec.need("name")?.name(64, "_-")?.to_owned());
    }
    let Some(choice) = config.get("toolChoice") else { return Ok(()) };
    heard.choice = match kind(&choice, &["auto", "any", "tool"])? {
        "any" => Choice::Required,
        "tool" => {
            let name = choice.need("tool")?.need("name")?;
            name.require(heard.tools.iter().any(|tool| name.value() == tool), "is none of the tools")?;
            Choice::Named(name.text()?.to_owned())
        }
        _ => Choice::Auto,
    };
    let can_answer = heard.tools.iter().any(|tool| tool == ANSWER_TOOL);
    heard.schema = can_answer.then(|| Held::ByTool(ANSWER_TOOL.to_owned()));
    Ok(())
}

fn output(config: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    config.only(&["textFormat", "effort"])?;
    let Some(format) = config.get("textFormat") else { return Ok(()) };
    format.only(&["type", "structure"])?;
    format.need("type")?.is("json_schema")?;
    kind(&format.need("structure")?, &["jsonSchema"])?;
    let definition = format.need("structure")?.need("jsonSchema")?;
    definition.only(&["schema", "name", "description"])?;
    // The schema is a string of JSON.
    let schema: Value = serde_json::from_str(definition.need("schema")?.text()?)
        .map_err(|_| definition.fault("the schema is no JSON"))?;
    At::top(&schema).object_schema()?;
    At::top(&schema).closed_schema()?;
    heard.schema = Some(Held::ByField);
    Ok(())
}

/// Whether there are blocks of tools, and the assistant's last turn.
fn messages(top: &At<'_>, heard: &mut Heard) -> Result<(bool, LastTurn), Fault> {
    let (mut waiting, mut has_tool_blocks) = (Waiting::default(), false);
    let mut last = LastTurn::default();
    let messages = top.need("messages")?.some_items()?;
    for (index, message) in messages.iter().enumerate() {
        message.only(&["role", "content"])?;
        let expected = if index % 2 == 0 { "user" } else { "assistant" };
        let role = message.need("role")?;
        role.require(
            role.value() == expected,
            "A conversation must alternate between user and assistant roles, and start with a user message.",
        )?;
        let content = message.need("content")?;
        if expected == "user" {
            has_tool_blocks |= user(&content, heard, &mut waiting)?;
        } else {
            last = assistant(&content, &mut waiting)?;
            has_tool_blocks |= last.calls;
        }
    }
    top.require(messages.len() % 2 == 1, "The conversation must end with a user message.")?;
    heard.results = waiting.results();
    Ok((has_tool_blocks, last))
}

fn user(content: &At<'_>, heard: &mut Heard, waiting: &mut Waiting) -> Result<bool, Fault> {
    (heard.prompt, heard.images) = (String::new(), Vec::new());
    drop(waiting.results());
    let mut has_results = false;
    for block in content.some_items()? {
        match kind(&block, &["text", "image", "toolResult", "cachePoint"])? {
            "text" => heard.prompt.push_str(block.need("text")?.some_text()?),
            "image" => heard.images.push(image(&block.need("image")?)?),
            "toolResult" => {
                has_results = true;
                let result = block.need("toolResult")?;
                result.only(&["toolUseId", "content", "status"])?;
                result.get("status").map_or(Ok(""), |status| status.one_of(&["success", "error"]))?;
                let told = told(&result.need("content")?, heard)?;
                waiting.answer(&result, id(&result)?, told)?;
            }
            _ => block.need("cachePoint")?.only(&["type", "ttl"])?,
        }
    }
    // Expected toolResult blocks for every toolUse of the turn before, in this one message.
    waiting.is_done(content)?;
    Ok(has_results)
}

fn told(content: &At<'_>, heard: &mut Heard) -> Result<String, Fault> {
    let mut told = String::new();
    for part in content.items()? {
        match kind(&part, &["text", "json", "image"])? {
            "text" => told.push_str(part.need("text")?.some_text()?),
            "json" => {
                part.need("json")?.object()?;
                told.push_str(&part.need("json")?.value().to_string());
            }
            _ => heard.images.push(image(&part.need("image")?)?),
        }
    }
    Ok(told)
}

fn id<'a>(block: &At<'a>) -> Result<&'a str, Fault> {
    block.need("toolUseId")?.name(64, "_.:-")
}

fn image(image: &At<'_>) -> Result<Picture, Fault> {
    image.only(&["format", "source"])?;
    let format = image.need("format")?.one_of(&["png", "jpeg", "gif", "webp"])?;
    let source = image.need("source")?;
    kind(&source, &["bytes"])?;
    Picture::read(&source, &format!("image/{format}"), source.need("bytes")?.base64()?)
}

fn assistant(content: &At<'_>, waiting: &mut Waiting) -> Result<LastTurn, Fault> {
    let mut turn = LastTurn::default();
    for (index, block) in content.some_items()?.into_iter().enumerate() {
        match kind(&block, &["text", "toolUse", "reasoningContent", "cachePoint"])? {
            "text" => block.need("text")?.some_text().map(drop)?,
            "reasoningContent" => {
                turn.begins_with_thoughts |= index == 0;
                thoughts(&block.need("reasoningContent")?)?;
            }
            "toolUse" => {
                turn.calls = true;
                let call = block.need("toolUse")?;
                call.only(&["toolUseId", "name", "input"])?;
                call.need("input")?.object()?;
                let name = call.need("name")?.name(64, "_-")?.to_owned();
                let arguments = call.need("input")?.value().clone();
                waiting.call(&call, Call { id: id(&call)?.to_owned(), name, arguments })?;
            }
            _ => block.need("cachePoint")?.only(&["type", "ttl"])?,
        }
    }
    Ok(turn)
}

fn thoughts(reasoning: &At<'_>) -> Result<(), Fault> {
    // None was ever given redacted.
    reasoning.only(&["reasoningText"])?;
    let text = reasoning.need("reasoningText")?;
    text.only(&["text", "signature"])?;
    claude::proved(&text.need("text")?, &text.need("signature")?)
}
