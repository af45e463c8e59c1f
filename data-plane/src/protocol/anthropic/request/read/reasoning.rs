//! Reads what is said of thinking, and of the answer's form: `thinking`, `output_config`, and `output_format`, its older place.

use super::{lost, members, required, wrong};
use crate::exchange::json::{Json, Number};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Extra, Loss, Request, Schema};
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

/// What was read of thinking, from two fields.
#[derive(Default)]
pub(super) struct Thinking<'a> {
    amount: Option<Amount<'a>>,
    shown: Option<bool>,
    effort: Option<Effort>,
}

impl<'a> Thinking<'a> {
    /// Reads `thinking`.
    pub(super) fn config(&mut self, value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<(), Unreadable> {
        let mut kind: Option<Text<'a>> = None;
        let mut budget: Option<Number<'a>> = None;
        members("thinking", value, |field, name, value| {
            match name {
                "type" => kind = Some(fields::read(field, value)?),
                "budget_tokens" => budget = Some(fields::read(field, value)?),
                "display" => self.shown = display(field, value, extras)?,
                _ => extras.push(lost(field, value, Loss::Warned)?),
            }
            Ok(())
        })?;
        self.amount = match &*required(kind, "thinking.type")? {
            "enabled" => match budget {
                Some(budget) => Some(Amount::Budget(budget)),
                None => return Err(wrong("thinking.budget_tokens", "is missing: give a whole number from 1024")),
            },
            "adaptive" => Some(Amount::Adaptive),
            // The second is the least of models that can't be told not to think at all.
            "disabled" | "between_tools" => Some(Amount::Off),
            _ => {
                extras.push(lost("thinking", value, Loss::Warned)?);
                None
            }
        };
        Ok(())
    }

    /// Reads `output_config`.
    pub(super) fn output_config(&mut self, value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
        members("output_config", value, |field, name, value| {
            match name {
                "effort" => {
                    let word: Text<'a> = fields::read(field, value)?;
                    let known = Effort::of(&word);
                    let words = "is not one of \"low\", \"medium\", \"high\", \"xhigh\" and \"max\"";
                    self.effort = Some(known.ok_or_else(|| wrong(field, words))?);
                }
                "format" => request.answer_format = answer_format(field, value)?,
                _ => request.extras.push(lost(field, value, Loss::Warned)?),
            }
            Ok(())
        })
    }

    /// Both fields together. Effort says more than that the model may see for itself, and less than a number.
    pub(super) fn reasoning(self, extras: &mut Vec<Extra<'a>>) -> Option<Reasoning<'a>> {
        let amount = match (self.amount, self.effort) {
            (Some(Amount::Adaptive) | None, Some(effort)) => Some(Amount::Effort(effort)),
            (Some(amount), Some(effort)) => {
                let field = "output_config.effort".into();
                extras.push(Extra { field, json: Json::of(&effort.as_str()), loss: Loss::Warned });
                Some(amount)
            }
            (amount, None) => amount,
        };
        (amount.is_some() || self.shown.is_some()).then_some(Reasoning { amount, shown: self.shown })
    }
}

fn display<'a>(field: &str, value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<Option<bool>, Unreadable> {
    match &*fields::read::<Text<'a>>(field, value)? {
        "summarized" => Ok(Some(true)),
        "omitted" => Ok(Some(false)),
        _ => {
            extras.push(lost(field, value, Loss::Warned)?);
            Ok(None)
        }
    }
}

/// Reads the form that an answer has to have.
pub(super) fn answer_format<'a>(field: &str, value: &'a [u8]) -> Result<Option<AnswerFormat<'a>>, Unreadable> {
    let mut kind: Option<Text<'a>> = None;
    let mut schema: Option<Json<'a>> = None;
    members(field, value, |field, name, value| {
        match name {
            "type" => kind = Some(fields::read(field, value)?),
            "schema" => schema = Some(fields::read(field, value)?),
            _ => {}
        }
        Ok(())
    })?;
    match &*required(kind, &format!("{field}.type"))? {
        "json_schema" => {}
        _ => return Err(wrong(&format!("{field}.type"), "is not \"json_schema\"")),
    }
    let schema = schema.filter(Json::is_object);
    let schema = schema.ok_or_else(|| wrong(&format!("{field}.schema"), "is not a JSON schema, which is an object"))?;
    Ok(Some(AnswerFormat::Schema(Schema { name: None, description: None, schema, strict: None })))
}
