//! Writes a request for an upstream.

use serde::Serialize;
use shared::adapter::Delivery;
use shared::catalog::rules::ReasoningForm;

use super::conversation::{Conversation, Source, Turn};
use super::tools::{self, Entry, Format};
use crate::exchange::feature::Feature;
use crate::exchange::json::Number;
use crate::exchange::manner::Manner;
use crate::exchange::reasoning::{Amount, Reasoning};
use crate::exchange::request::Request;
use crate::protocol::error::json;
use crate::protocol::notes::{BOUNDED, Note};
use crate::protocol::{Outgoing, Target, Unsayable};

/// What `p` may be.
const P: Range = Range { least: 0.01, most: 0.99 };
/// What the penalties may be.
const PENALTY: Range = Range { least: 0.0, most: 1.0 };
/// The highest temperature of the format.
const HIGHEST_TEMPERATURE: u32 = 1;

/// What a number may be.
#[derive(Clone, Copy)]
struct Range {
    least: f64,
    most: f64,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    /// Required by the reference, though it has a default.
    stream: bool,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    documents: Vec<Source<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    strict_tools: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking<'a>>,
}

#[derive(Serialize)]
struct Thinking<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_budget: Option<Number<'a>>,
}

pub(crate) fn write(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let tools = tools::written(request, to.manner)?;
    let conversation = Conversation::of(request, to.manner, tools.word)?;
    let answers_by_tool = tools.has_answer;
    let sampling = &request.sampling;
    let mut notes = Vec::new();
    let mut within = |range: Range, given, feature| {
        let (number, is_bounded) = range.bounded(given)?;
        notes.extend(is_bounded.then_some(Note { feature, change: BOUNDED }));
        Some(number)
    };
    let body = Body {
        model: to.model,
        stream: to.delivery == Delivery::Stream,
        messages: conversation.turns,
        documents: conversation.documents,
        strict_tools: tools.is_strict && !tools.tools.is_empty(),
        tools: tools.tools,
        tool_choice: tools.choice,
        response_format: tools.format,
        max_tokens: request.max_tokens.as_ref().map(Number::borrowed),
        stop_sequences: request.stop.iter().map(|text| text.as_str()).collect(),
        temperature: temperature(request, to.manner),
        p: within(P, &sampling.top_p, Feature::TopP),
        k: sampling.top_k.as_ref().map(Number::borrowed),
        seed: sampling.seed.as_ref().map(Number::borrowed),
        frequency_penalty: within(PENALTY, &sampling.frequency_penalty, Feature::FrequencyPenalty),
        presence_penalty: within(PENALTY, &sampling.presence_penalty, Feature::PresencePenalty),
        thinking: thinking(request.reasoning.as_ref(), to.manner),
    };
    Ok(Outgoing { body: json(&body), answers_by_tool, notes, ..Outgoing::default() })
}

impl Range {
    /// The number, or the end of the range that it is beyond; and whether it is.
    fn bounded<'a>(self, given: &'a Option<Number<'_>>) -> Option<(Number<'a>, bool)> {
        let given = given.as_ref()?;
        let number = given.as_f64();
        let is_bounded = number < self.least || number > self.most;
        let sent = if is_bounded { Number::of(number.clamp(self.least, self.most)) } else { given.borrowed() };
        Some((sent, is_bounded))
    }
}

fn temperature<'a>(request: &'a Request<'_>, manner: &Manner) -> Option<Number<'a>> {
    let given = request.sampling.temperature.as_ref()?;
    let highest = manner.max_temperature.unwrap_or(HIGHEST_TEMPERATURE);
    let is_above = given.as_f64() > f64::from(highest);
    Some(if is_above { u64::from(highest).into() } else { given.borrowed() })
}

/// The format has no words for effort: it is told as a number of tokens.
fn thinking<'a>(reasoning: Option<&'a Reasoning<'_>>, manner: &Manner) -> Option<Thinking<'a>> {
    let amount = reasoning?.amount.as_ref()?;
    if manner.reasoning == ReasoningForm::None {
        return None;
    }
    Some(match amount {
        Amount::Off => Thinking { r#type: "disabled", token_budget: None },
        Amount::Adaptive => Thinking { r#type: "enabled", token_budget: None },
        Amount::Effort(effort) => Thinking { r#type: "enabled", token_budget: Some(effort.budget_tokens().into()) },
        Amount::Budget(tokens) => Thinking { r#type: "enabled", token_budget: Some(tokens.borrowed()) },
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
