//! Tools, and how an answer is to be generated.

use crate::standin::Fault;
use crate::standin::openai::ANSWER_TOOL;
use crate::standin::script::{Choice, Heard, Held};
use crate::standin::shape::At;

const GENERATION: &[&str] = &[
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];

/// The subset of OpenAPI that Google's own schemas have.
const SCHEMA: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "items",
    "minimum",
    "maximum",
];

pub(super) fn check(top: &At<'_>, model: &str, heard: &mut Heard) -> Result<(), Fault> {
    tools(top, heard)?;
    let Some(config) = top.get("generationConfig") else { return Ok(()) };
    config.only(GENERATION)?;
    config.get("maxOutputTokens").map_or(Ok(0), |limit| limit.integer(1..=65_536))?;
    config.get("temperature").map_or(Ok(0.0), |number| number.number(0.0..=2.0))?;
    config.get("topP").map_or(Ok(0.0), |number| number.number(0.0..=1.0))?;
    config.get("topK").map_or(Ok(()), |number| number.whole(1..=64))?;
    config.get("candidateCount").map_or(Ok(0), |count| count.integer(1..=8))?;
    if let Some(stops) = config.get("stopSequences") {
        stops.require(stops.items()?.len() <= 5, "has more than five")?;
    }
    let is_json = config.value()["responseMimeType"] == "application/json";
    // Only the third generation can do both.
    let is_one = heard.tools.is_empty() || !is_json || super::thinking::is_third(model);
    config.require(is_one, "Function calling with a response mime type: 'application/json' is unsupported")?;
    let (own, json) = (config.get("responseSchema"), config.get("responseJsonSchema"));
    let schema = match (own, json) {
        (Some(_), Some(_)) => return Err(config.fault("responseSchema and responseJsonSchema are both there")),
        (Some(own), None) => schema(&own).map(|()| own)?,
        (None, Some(json)) => json.object_schema().map(|()| json)?,
        (None, None) => return Ok(()),
    };
    schema.require(is_json, "a schema is only allowed with the responseMimeType \"application/json\"")?;
    heard.schema = Some(Held::ByField);
    Ok(())
}

fn schema(at: &At<'_>) -> Result<(), Fault> {
    at.only(SCHEMA)?;
    if let Some(kind) = at.get("type") {
        let word = kind.text()?.to_ascii_uppercase();
        let is_known = ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"].contains(&word.as_str());
        kind.require(is_known, "is no type")?;
        at.require(word != "ARRAY" || at.get("items").is_some(), "an ARRAY has no items")?;
        let has_properties = at.value()["properties"].as_object().is_some_and(|properties| !properties.is_empty());
        at.require(word != "OBJECT" || has_properties, "properties should be non-empty for OBJECT type")?;
    } else {
        at.require(at.get("anyOf").is_some(), "has no type")?;
    }
    at.subschemas()?.iter().try_for_each(schema)
}

fn tools(top: &At<'_>, heard: &mut Heard) -> Result<(), Fault> {
    for tool in top.get("tools").map(|tools| tools.items()).transpose()?.unwrap_or_default() {
        tool.only(&["functionDeclarations"])?;
        for function in tool.need("functionDeclarations")?.some_items()? {
            function.only(&[
                "name",
                "description",
                "parameters",
                "parametersJsonSchema",
                "behavior",
                "response",
                "responseJsonSchema",
            ])?;
            match (function.get("parameters"), function.get("parametersJsonSchema")) {
                (Some(_), Some(_)) => return Err(function.fault("parameters and parametersJsonSchema are both there")),
                (Some(own), None) => schema(&own)?,
                (None, Some(json)) => json.object_schema()?,
                (None, None) => {}
            }
            heard.tools.push(function.need("name")?.name(64, "_.-")?.to_owned());
        }
    }
    let Some(config) = top.get("toolConfig").and_then(|config| config.get("functionCallingConfig")) else {
        return Ok(());
    };
    config.only(&["mode", "allowedFunctionNames"])?;
    let mode = config.get("mode").map_or(Ok("AUTO"), |mode| mode.one_of(&["AUTO", "ANY", "NONE", "VALIDATED"]))?;
    heard.choice = match mode {
        "ANY" => Choice::Required,
        "NONE" => Choice::Never,
        _ => Choice::Auto,
    };
    if let Some(allowed) = config.get("allowedFunctionNames") {
        allowed.require(mode == "ANY", "is only allowed with the mode ANY")?;
        for name in allowed.some_items()? {
            name.require(heard.tools.iter().any(|tool| name.value() == tool), "is none of the tools")?;
        }
        if let [name] = allowed.items()?.as_slice() {
            heard.choice = Choice::Named(name.text()?.to_owned());
        }
    }
    let can_answer = heard.choice.is_forced() && heard.tools.iter().any(|tool| tool == ANSWER_TOOL);
    heard.schema = can_answer.then(|| Held::ByTool(ANSWER_TOOL.to_owned()));
    Ok(())
}
