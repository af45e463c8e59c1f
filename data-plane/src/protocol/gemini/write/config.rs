//! How the answer is to be made: `generationConfig`.

use serde::Serialize;

use super::unsayable;
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::{Manner, ReasoningForm};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request};
use crate::exchange::text::Text;
use crate::protocol::Unsayable;

/// The most texts that may end an answer.
const MOST_STOPS: usize = 5;

/// The least tokens that a model thinks which always does: Gemini 2.5 Pro.
const LEAST_BUDGET: u64 = 128;

/// The efforts that the format has words for, where it is not known which of them the model offers.
const EFFORTS: [Effort; 4] = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];

#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<Number<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [Text<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig<'a>>,
}

/// Google refuses a request with both a level and a budget.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<Budget<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Budget<'a> {
    Tokens(Number<'a>),
    /// As the model sees fit.
    Adaptive(i8),
}

/// How the answer is to be made; `None` where nothing is asked for.
///
/// # Errors
///
/// When more texts end the answer than may.
pub(super) fn written<'a>(
    request: &'a Request<'a>,
    manner: &Manner,
) -> Result<Option<GenerationConfig<'a>>, Unsayable> {
    if request.stop.len() > MOST_STOPS {
        return Err(unsayable(&format!("{} stop sequences", request.stop.len()), "which takes five: leave some out"));
    }
    let sampling = &request.sampling;
    let (response_mime_type, response_json_schema) = form(request.answer_format.as_ref());
    let config = GenerationConfig {
        candidate_count: number(&request.choices),
        stop_sequences: &request.stop,
        max_output_tokens: number(&request.max_tokens),
        temperature: number(&sampling.temperature).map(|temperature| capped(temperature, manner)),
        top_p: number(&sampling.top_p),
        top_k: number(&sampling.top_k),
        presence_penalty: number(&sampling.presence_penalty),
        frequency_penalty: number(&sampling.frequency_penalty),
        seed: number(&sampling.seed),
        response_mime_type,
        response_json_schema,
        thinking_config: request.reasoning.as_ref().and_then(|reasoning| thinking(reasoning, manner)),
    };
    Ok((config != GenerationConfig::default()).then_some(config))
}

fn number<'a>(number: &'a Option<Number<'a>>) -> Option<Number<'a>> {
    number.as_ref().map(Number::borrowed)
}

fn capped<'a>(temperature: Number<'a>, manner: &Manner) -> Number<'a> {
    match manner.max_temperature {
        Some(most) if temperature.as_f64() > f64::from(most) => u64::from(most).into(),
        Some(_) | None => temperature,
    }
}

fn form<'a>(format: Option<&'a AnswerFormat<'a>>) -> (Option<&'static str>, Option<Json<'a>>) {
    match format {
        None => (None, None),
        Some(AnswerFormat::Text) => (Some("text/plain"), None),
        Some(AnswerFormat::Json) => (Some("application/json"), None),
        Some(AnswerFormat::Schema(schema)) => (Some("application/json"), Some(schema.schema.borrowed())),
    }
}

fn thinking<'a>(reasoning: &'a Reasoning<'a>, manner: &Manner) -> Option<ThinkingConfig<'a>> {
    let amount = reasoning.amount.as_ref();
    let mut config = ThinkingConfig::default();
    match manner.reasoning {
        ReasoningForm::None => return None,
        ReasoningForm::Budget => config.thinking_budget = amount.and_then(|amount| budget(amount, manner)),
        ReasoningForm::Effort => config.thinking_level = amount.and_then(|amount| level(amount, manner)),
    }
    let is_asked_for = amount.is_some_and(|amount| *amount != Amount::Off);
    let is_shown = reasoning.shown.unwrap_or(is_asked_for);
    config.include_thoughts = (is_shown && amount != Some(&Amount::Off)).then_some(true);
    (config != ThinkingConfig::default()).then_some(config)
}

fn budget<'a>(amount: &'a Amount<'a>, manner: &Manner) -> Option<Budget<'a>> {
    match amount {
        Amount::Off if manner.always_thinks => Some(Budget::Tokens(LEAST_BUDGET.into())),
        Amount::Off => Some(Budget::Tokens(0.into())),
        Amount::Adaptive => Some(Budget::Adaptive(-1)),
        Amount::Budget(tokens) => Some(Budget::Tokens(tokens.borrowed())),
        Amount::Effort(_) => amount.budget_tokens().map(|tokens| Budget::Tokens(tokens.into())),
    }
}

/// The level of an amount. No thinking at all is not offered: then it is the least. What the model sees fit is what it does unasked.
fn level(amount: &Amount<'_>, manner: &Manner) -> Option<&'static str> {
    let effort = match amount {
        Amount::Off => Effort::Minimal,
        Amount::Adaptive | Amount::Effort(_) | Amount::Budget(_) => amount.effort()?,
    };
    let offered = if manner.efforts.is_empty() { &EFFORTS } else { manner.efforts.as_slice() };
    effort.nearest(offered).map(word)
}

fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High => "HIGH",
        Effort::XHigh | Effort::Max => "XHIGH",
    }
}
