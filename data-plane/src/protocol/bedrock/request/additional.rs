//! `additionalModelRequestFields`: what the models' own formats have and Converse has not.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, …/claude-messages-extended-thinking.html and
//! …/claude-messages-adaptive-thinking.html, read in autumn 2026. Keys that are not known may ask for anything, as for tools that the provider
//! runs: they are refused rather than left out.

use serde::{Deserialize, Serialize};

use super::options::effort;
use super::read::keep;
use crate::exchange::json::Number;
use crate::exchange::reasoning::{Amount, Reasoning};
use crate::exchange::request::{Loss, Request};
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

/// What is written of them.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Additional<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_k: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<Thinking<'a>>,
}

/// How a model of Anthropic's thinks.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Thinking<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) budget_tokens: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<Text<'a>>,
}

pub(super) fn read<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    fields::each(value, |name, value| {
        let field = format!("additionalModelRequestFields.{name}");
        match name {
            "top_k" => request.sampling.top_k = Some(fields::read(&field, value)?),
            "seed" => request.sampling.seed = Some(fields::read(&field, value)?),
            "presence_penalty" => request.sampling.presence_penalty = Some(fields::read(&field, value)?),
            "frequency_penalty" => request.sampling.frequency_penalty = Some(fields::read(&field, value)?),
            // The second is what it was called before.
            "thinking" | "reasoning_config" => thinking(&field, value, request)?,
            "reasoning_effort" => effort(&field, &fields::read::<Text<'_>>(&field, value)?, request)?,
            "output_config" => output_config(&field, value, request)?,
            // It changes what other fields may say, and they are refused for themselves.
            "anthropic_beta" => keep(request, field, value, Loss::Warned)?,
            _ => keep(request, field, value, Loss::Refused)?,
        }
        Ok(())
    })
}

fn thinking<'a>(field: &str, value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let wire: Thinking<'_> = fields::read(field, value)?;
    let reasoning = request.reasoning.get_or_insert(Reasoning { amount: None, shown: None });
    reasoning.shown = wire.display.map(|display| &*display != "omitted");
    reasoning.amount = Some(match (&*wire.r#type, wire.budget_tokens) {
        // The second is the least of models that can't be told not to think at all.
        ("disabled" | "between_tools", _) => Amount::Off,
        ("enabled", Some(tokens)) => Amount::Budget(tokens),
        ("enabled", None) => {
            return Err(Unreadable { field: format!("{field}.budget_tokens"), wrong: "is missing".to_owned() });
        }
        // An effort that was said before says more.
        ("adaptive", _) => match reasoning.amount.take() {
            Some(Amount::Effort(effort)) => Amount::Effort(effort),
            _ => Amount::Adaptive,
        },
        _ => {
            let wrong = "is not one of \"enabled\", \"adaptive\" and \"disabled\"".to_owned();
            return Err(Unreadable { field: format!("{field}.type"), wrong });
        }
    });
    Ok(())
}

/// Anthropic's own way to say effort.
fn output_config<'a>(field: &str, value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    fields::each(value, |name, value| {
        let field = format!("{field}.{name}");
        match name {
            "effort" => effort(&field, &fields::read::<Text<'_>>(&field, value)?, request),
            _ => keep(request, field, value, Loss::Refused),
        }
    })
}
