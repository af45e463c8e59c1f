//! How the answer is to be made: `generationConfig`.

use serde::Serialize;
use shared::catalog::rules::{Budget, ReasoningForm};

use super::{Form, unsayable};
use crate::exchange::feature::Feature;
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::Manner;
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request};
use crate::exchange::text::Text;
use crate::protocol::Unsayable;
use crate::protocol::notes::{BOUNDED, LOWERED, Note, RAISED};

/// The most texts that may end an answer.
const MOST_STOPS: usize = 5;

/// How many tokens a model thinks of which that is not known: the least is that of one which always does.
const ANY_BUDGET: Budget = Budget { least: 0, most: u64::MAX };
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
    thinking_config: Option<ThinkingConfig>,
}

/// Google refuses a request with both a level and a budget.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
}

/// How the answer is to be made, `None` where nothing is asked for; and what of it is otherwise than the caller said.
///
/// # Errors
///
/// When more texts end the answer than may.
pub(super) fn written<'a>(
    request: &'a Request<'a>,
    manner: &Manner,
    form: Form,
) -> Result<(Option<GenerationConfig<'a>>, Vec<Note>), Unsayable> {
    if request.stop.len() > MOST_STOPS {
        return Err(unsayable(&format!("{} stop sequences", request.stop.len()), "which takes five: leave some out"));
    }
    let sampling = &request.sampling;
    let format = request.answer_format.as_ref().filter(|_| form == Form::Field);
    let (response_mime_type, response_json_schema) = self::form(format);
    let thinking_config = request.reasoning.as_ref().and_then(|reasoning| thinking(reasoning, manner));
    let (max_output_tokens, limit_note) = limit(request, manner, thinking_config.as_ref());
    let notes = limit_note.into_iter().chain(bounded(request, thinking_config.as_ref())).collect();
    let config = GenerationConfig {
        candidate_count: number(&request.choices),
        stop_sequences: &request.stop,
        max_output_tokens,
        temperature: number(&sampling.temperature).map(|temperature| capped(temperature, manner)),
        top_p: number(&sampling.top_p),
        top_k: number(&sampling.top_k),
        presence_penalty: number(&sampling.presence_penalty),
        frequency_penalty: number(&sampling.frequency_penalty),
        seed: number(&sampling.seed),
        response_mime_type,
        response_json_schema,
        thinking_config,
    };
    Ok(((config != GenerationConfig::default()).then_some(config), notes))
}

/// The limit of tokens. Thinking counts against it: one that is not above the budget is for what comes after it.
fn limit<'a>(
    request: &'a Request<'_>,
    manner: &Manner,
    thinking: Option<&ThinkingConfig>,
) -> (Option<Number<'a>>, Option<Note>) {
    let given = number(&request.max_tokens);
    let Some(asked) = given.as_ref().and_then(Number::as_u64) else { return (given, None) };
    // That it thinks as it sees fit is below zero.
    let budget = thinking.and_then(|thinking| thinking.thinking_budget).and_then(|tokens| u64::try_from(tokens).ok());
    let enough = match budget {
        Some(budget) if budget > 0 && asked <= budget => budget.saturating_add(asked),
        Some(_) | None => asked,
    };
    let limit = manner.most_tokens.map_or(enough, |most| enough.min(most));
    if limit == asked {
        return (given, None);
    }
    let change = if limit > asked { RAISED } else { LOWERED };
    (Some(limit.into()), Some(Note { feature: Feature::MaxTokens, change }))
}

/// A budget that is not the caller's own number.
fn bounded(request: &Request<'_>, thinking: Option<&ThinkingConfig>) -> Option<Note> {
    let Some(Amount::Budget(asked)) = request.reasoning.as_ref()?.amount.as_ref() else { return None };
    let sent = thinking?.thinking_budget.and_then(|tokens| u64::try_from(tokens).ok())?;
    (asked.as_u64() != Some(sent)).then_some(Note { feature: Feature::Reasoning, change: BOUNDED })
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

fn thinking(reasoning: &Reasoning<'_>, manner: &Manner) -> Option<ThinkingConfig> {
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

/// The budget of an amount, as the model takes it; -1 is as the model sees fit.
fn budget(amount: &Amount<'_>, manner: &Manner) -> Option<i64> {
    let Budget { least, most } = manner.budget.unwrap_or(ANY_BUDGET);
    let tokens = match amount {
        Amount::Off if manner.always_thinks => manner.budget.map_or(LEAST_BUDGET, |budget| budget.least),
        Amount::Off => 0,
        Amount::Adaptive => return Some(-1),
        Amount::Effort(_) | Amount::Budget(_) => amount.budget_tokens()?.max(least).min(most),
    };
    i64::try_from(tokens).ok()
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
