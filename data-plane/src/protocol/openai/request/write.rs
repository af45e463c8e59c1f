//! Writes a request for an upstream.

mod message;
mod parts;
mod tools;
mod turns;

use std::borrow::Cow;

use serde::Serialize;
use shared::adapter::Delivery;
use shared::catalog::rules::{MaxTokensField, ReasoningForm, SchemaForm};

use self::message::Message;
use crate::exchange::feature::Feature;
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::Manner;
use crate::exchange::reasoning::Amount;
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::exchange::text::Text;
use crate::protocol::error::json;
use crate::protocol::notes::{Note, THINKING};
use crate::protocol::openai::{json_word, strict, user};
use crate::protocol::{Outgoing, Target, Unsayable, tool_name};

/// The word for no thinking.
const NONE: &str = "none";

/// Of thinking, beside tools.
const TOOLS: &str = "was left out: the provider takes no tools beside it in chat completions";

#[derive(Debug, Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<tools::Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<tools::Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [Text<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Debug, Serialize)]
struct ResponseFormat<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

pub(in crate::protocol::openai) fn write(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let manner = to.manner;
    check_stops(&request.stop, manner)?;
    let tools = tools::write(request, manner)?;
    let sampling = &request.sampling;
    let max_tokens = request.max_tokens.as_ref();
    let is_stream = to.delivery == Delivery::Stream;
    let effort = effort(request, &tools, manner);
    let samples = !(manner.sampling_unthinking && effort.is_some_and(|effort| effort != NONE));
    let notes = notes(request, effort, samples);
    let body = Body {
        model: to.model,
        messages: turns::write(request, manner)?,
        // Vendors refuse what is said about tools where there are none.
        parallel_tool_calls: tools.parallel.filter(|_| !tools.tools.is_empty()),
        tool_choice: tools.choice.filter(|_| !tools.tools.is_empty()),
        tools: tools.tools,
        max_completion_tokens: max_tokens.filter(|_| manner.max_tokens_field == MaxTokensField::MaxCompletionTokens),
        max_tokens: max_tokens.filter(|_| manner.max_tokens_field == MaxTokensField::MaxTokens),
        temperature: sampling.temperature.as_ref().filter(|_| samples).map(|given| temperature(given, manner)),
        top_p: sampling.top_p.as_ref().filter(|_| samples),
        presence_penalty: sampling.presence_penalty.as_ref(),
        frequency_penalty: sampling.frequency_penalty.as_ref(),
        seed: sampling.seed.as_ref(),
        stop: &request.stop,
        n: request.choices.as_ref(),
        response_format: request.answer_format.as_ref().and_then(|format| response_format(format, manner)),
        reasoning_effort: effort,
        user: request.user.as_deref().map(user::short),
        stream: is_stream.then_some(true),
        // Whether the caller wants to see it or not: what a stream cost has to be known.
        stream_options: is_stream.then_some(StreamOptions { include_usage: true }),
    };
    Ok(Outgoing {
        body: json(&body),
        answers_by_tool: tools.answers_by_tool,
        notes,
        unasked: &["stream_options"],
        ..Outgoing::default()
    })
}

/// What the caller asked for otherwise than it is said.
fn notes(request: &Request<'_>, effort: Option<&str>, samples: bool) -> Vec<Note> {
    let asked = request.reasoning.as_ref().and_then(|asked| asked.amount.as_ref()?.effort());
    let sampling = &request.sampling;
    let left_out = [
        (asked.is_some() && effort == Some(NONE), Feature::Reasoning, TOOLS),
        (!samples && sampling.temperature.is_some(), Feature::Temperature, THINKING),
        (!samples && sampling.top_p.is_some(), Feature::TopP, THINKING),
        (json_word::is_lacking(request), Feature::JsonAnswer, json_word::SAID),
        (strict::is_lost(&request.tools), Feature::StrictTools, strict::LOOSE),
    ];
    let notes = left_out.into_iter().filter(|(is_so, ..)| *is_so);
    notes.map(|(_, feature, change)| Note { feature, change }).collect()
}

/// # Errors
///
/// When there are more of them than the vendor takes.
fn check_stops(stops: &[Text<'_>], manner: &Manner) -> Result<(), Unsayable> {
    match manner.max_stops {
        Some(most) if stops.len() > most as usize => Err(Unsayable {
            what: format!("{} stop sequences", stops.len()),
            why: format!("can't be sent to this provider, which takes {most}: leave some out"),
        }),
        Some(_) | None => Ok(()),
    }
}

fn temperature<'a>(given: &'a Number<'_>, manner: &Manner) -> Number<'a> {
    match manner.max_temperature {
        Some(highest) if given.as_f64() > f64::from(highest) => u64::from(highest).into(),
        _ => given.borrowed(),
    }
}

/// What form the answer has, if the format's own field says it.
fn response_format<'a>(format: &'a AnswerFormat<'_>, manner: &Manner) -> Option<ResponseFormat<'a>> {
    let of = |r#type, json_schema| Some(ResponseFormat { r#type, json_schema });
    match (format, manner.schema) {
        // What is so anyway is not said: not every vendor knows the field.
        (AnswerFormat::Text, _) | (AnswerFormat::Schema(_), SchemaForm::Tool) => None,
        (AnswerFormat::Json, _) => of("json_object", None),
        (AnswerFormat::Schema(schema), SchemaForm::Native) => {
            let Schema { name, description, schema, strict } = schema;
            // Other formats have no name for it, or one that is not allowed here; it means nothing.
            let name = name.as_deref().filter(|name| tool_name::is_allowed(name, tool_name::MOST)).unwrap_or("answer");
            of("json_schema", Some(JsonSchema { name, description: description.as_deref(), schema, strict: *strict }))
        }
    }
}

/// The word for how much to think, if the model can be told.
fn effort(request: &Request<'_>, tools: &tools::Tools<'_>, manner: &Manner) -> Option<&'static str> {
    if manner.reasoning != ReasoningForm::Effort {
        return None;
    }
    // It may think unasked, and then it refuses the tools.
    if manner.tools_unthinking && !manner.always_thinks && !tools.tools.is_empty() {
        return Some(NONE);
    }
    let amount = request.reasoning.as_ref()?.amount.as_ref()?;
    let offered = &manner.efforts;
    match amount {
        Amount::Off if manner.always_thinks => offered.iter().min().map(|effort| effort.as_str()),
        Amount::Off => Some(NONE),
        Amount::Adaptive => None,
        Amount::Effort(_) | Amount::Budget(_) => {
            let wanted = amount.effort()?;
            Some(wanted.nearest(offered).unwrap_or(wanted).as_str())
        }
    }
}
