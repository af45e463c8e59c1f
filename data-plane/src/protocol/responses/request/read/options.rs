//! Reads the form of the answer, reasoning, and what is to be included.

use serde::Deserialize;

use super::{extra, unreadable, within};
use crate::exchange::json::Json;
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Extra, Loss, Request, Schema};
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    schema: Option<Json<'a>>,
    strict: Option<bool>,
}

/// `text`: its `format`, and what else it holds.
pub(super) fn text<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    fields::each(value, |name, value| {
        match name {
            "format" => request.answer_format = Some(format(value)?),
            "verbosity" if value == b"\"medium\"" => {}
            _ => request.extras.push(extra(&format!("text.{name}"), value, Loss::Warned)?),
        }
        Ok(())
    })
    .map_err(of_object("text"))
}

fn format(value: &[u8]) -> Result<AnswerFormat<'_>, Unreadable> {
    let format: Format<'_> = fields::read("text.format", value)?;
    match &*format.r#type {
        "text" => Ok(AnswerFormat::Text),
        "json_object" => Ok(AnswerFormat::Json),
        "json_schema" => {
            let Some(schema) = format.schema.filter(Json::is_object) else {
                return Err(unreadable("text.format.schema", "is no JSON schema: give an object"));
            };
            let Format { name, description, strict, .. } = format;
            Ok(AnswerFormat::Schema(Schema { name, description, schema, strict }))
        }
        _ => Err(unreadable("text.format.type", r#"is not one of "text", "json_object" and "json_schema""#)),
    }
}

/// `reasoning`: how much, whether to show it, and what else it holds.
pub(super) fn reasoning<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let mut read = Reasoning { amount: None, shown: None };
    fields::each(value, |name, value| {
        match name {
            "effort" => read.amount = Some(effort(&fields::read::<Text<'_>>("reasoning.effort", value)?)?),
            // The one before was called the other.
            "summary" | "generate_summary" => read.shown = Some(true),
            "mode" if value == b"\"standard\"" => {}
            "context" if value == b"\"auto\"" => {}
            _ => request.extras.push(extra(&format!("reasoning.{name}"), value, Loss::Warned)?),
        }
        Ok(())
    })
    .map_err(of_object("reasoning"))?;
    if read.amount.is_some() || read.shown.is_some() {
        request.reasoning = Some(read);
    }
    Ok(())
}

fn effort(word: &str) -> Result<Amount<'static>, Unreadable> {
    if word == "none" {
        return Ok(Amount::Off);
    }
    Effort::of(word).map(Amount::Effort).ok_or_else(|| {
        let wrong = r#"is not one of "none", "minimal", "low", "medium", "high", "xhigh" and "max""#;
        unreadable("reasoning.effort", wrong)
    })
}

/// `include`: reasoning that its provider can read comes without asking.
pub(super) fn include<'a>(value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<(), Unreadable> {
    let asked: Vec<Json<'a>> = fields::read("include", value)?;
    for (index, json) in asked.into_iter().enumerate() {
        let loss = match json.as_str() {
            r#""reasoning.encrypted_content""# => Loss::Silent,
            r#""message.output_text.logprobs""# => Loss::Refused,
            // Of the provider's own tools, which are refused where they are asked for, or of what it keeps.
            _ => Loss::Warned,
        };
        extras.push(Extra { field: format!("include[{index}]").into(), json, loss });
    }
    Ok(())
}

/// Names the field where it is no object at all.
fn of_object(field: &'static str) -> impl FnOnce(Unreadable) -> Unreadable {
    move |error| match error.field.as_str() {
        "(body)" => within(field)(Unreadable { field: String::new(), wrong: "is no object".to_owned() }),
        _ => error,
    }
}
