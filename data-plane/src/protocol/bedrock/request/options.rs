//! Reads how a caller wants the conversation continued: limits, tools, the answer's form.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::{Union, cache, keep, parse, wrong};
use crate::exchange::json::Json;
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Loss, Request, Schema};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolChoice};
use crate::protocol::{Unreadable, fields};

pub(super) fn inference<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    fields::each(value, |name, value| {
        match name {
            "maxTokens" => request.max_tokens = Some(fields::read("inferenceConfig.maxTokens", value)?),
            "temperature" => {
                request.sampling.temperature = Some(fields::read("inferenceConfig.temperature", value)?);
            }
            "topP" => request.sampling.top_p = Some(fields::read("inferenceConfig.topP", value)?),
            "stopSequences" => request.stop = fields::read("inferenceConfig.stopSequences", value)?,
            _ => keep(request, format!("inferenceConfig.{name}"), value, Loss::Warned)?,
        }
        Ok(())
    })
}

pub(super) fn tools<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    fields::each(value, |name, value| match name {
        "tools" => {
            let tools: Vec<&RawValue> = fields::read("toolConfig.tools", value)?;
            tools.into_iter().enumerate().try_for_each(|(index, tool)| one_tool(index, tool, request))
        }
        "toolChoice" => choice(value, request),
        _ => keep(request, format!("toolConfig.{name}"), value, Loss::Refused),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    description: Option<Text<'a>>,
    input_schema: Option<InputSchema<'a>>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct InputSchema<'a> {
    #[serde(borrow)]
    json: Option<Json<'a>>,
}

fn one_tool<'a>(index: usize, tool: &'a RawValue, request: &mut Request<'a>) -> Result<(), Unreadable> {
    let at = format_args!("toolConfig.tools[{index}]");
    let union = Union::read(at, tool)?;
    match &*union.kind {
        "toolSpec" => {
            let spec: ToolSpec<'_> = union.value(at)?;
            let parameters = spec.input_schema.and_then(|schema| schema.json);
            if parameters.as_ref().is_some_and(|schema| !schema.is_object()) {
                return Err(wrong(format_args!("{at}.toolSpec.inputSchema.json"), "is not an object"));
            }
            request.tools.push(Tool {
                name: spec.name,
                description: spec.description,
                parameters,
                strict: spec.strict,
                cache: None,
            });
        }
        "cachePoint" => {
            let hint = cache(format_args!("{at}.cachePoint"), union.value)?;
            if let Some(tool) = request.tools.last_mut() {
                tool.cache = Some(hint);
            }
        }
        _ => request.extras.push(union.extra(at)),
    }
    Ok(())
}

fn choice<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Text<'a>,
    }
    let at = format_args!("toolConfig.toolChoice");
    let union = Union::read(at, fields::read("toolConfig.toolChoice", value)?)?;
    request.tool_choice = Some(match &*union.kind {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Named(union.value::<Named<'_>>(at)?.name),
        _ => return Err(wrong(at, "has none of auto, any and tool")),
    });
    Ok(())
}

#[derive(Deserialize)]
struct TextFormat<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    structure: Option<Structure<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    #[serde(borrow)]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Deserialize)]
struct JsonSchema<'a> {
    /// The schema, as a text.
    #[serde(borrow)]
    schema: Text<'a>,
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
}

pub(super) fn output<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    fields::each(value, |name, value| match name {
        "textFormat" => {
            request.answer_format = Some(text_format(value)?);
            Ok(())
        }
        "effort" => {
            let word: Text<'_> = fields::read("outputConfig.effort", value)?;
            effort("outputConfig.effort", &word, request)
        }
        _ => keep(request, format!("outputConfig.{name}"), value, Loss::Refused),
    })
}

fn text_format(value: &[u8]) -> Result<AnswerFormat<'_>, Unreadable> {
    let at = format_args!("outputConfig.textFormat");
    let format: TextFormat<'_> = parse(at, fields::read("outputConfig.textFormat", value)?)?;
    if &*format.r#type != "json_schema" {
        return Err(wrong(format_args!("{at}.type"), "is not \"json_schema\""));
    }
    let at = format_args!("outputConfig.textFormat.structure.jsonSchema");
    let schema = format.structure.and_then(|structure| structure.json_schema).ok_or_else(|| wrong(at, "is missing"))?;
    let read: Option<Json<'_>> = match schema.schema.0 {
        std::borrow::Cow::Borrowed(text) => Json::parse(text),
        std::borrow::Cow::Owned(text) => Json::parse(&text).map(Json::into_owned),
    };
    let json = read
        .filter(Json::is_object)
        .ok_or_else(|| wrong(format_args!("{at}.schema"), "is not the text of a JSON object"))?;
    Ok(AnswerFormat::Schema(Schema { name: schema.name, description: schema.description, schema: json, strict: None }))
}

/// Reads a word for effort. It says more than that the model is to think as it sees fit, and less than that it is not to think at all.
pub(super) fn effort(field: &str, word: &str, request: &mut Request<'_>) -> Result<(), Unreadable> {
    let Some(effort) = Effort::of(word) else {
        return Err(wrong(
            format_args!("{field}"),
            "is not one of \"low\", \"medium\", \"high\", \"xhigh\" and \"max\"",
        ));
    };
    let reasoning = request.reasoning.get_or_insert(Reasoning { amount: None, shown: None });
    if matches!(reasoning.amount, None | Some(Amount::Adaptive)) {
        reasoning.amount = Some(Amount::Effort(effort));
    }
    Ok(())
}
