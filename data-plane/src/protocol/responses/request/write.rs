//! Writes an upstream's request.
//!
//! Nothing of a caller is kept at the upstream by our doing: `store` is always `false`. What the upstream would need to go on from its own
//! reasoning comes along instead, sealed.

mod input;
mod tools;

use std::borrow::Cow;

use serde::Serialize;
use shared::adapter::Delivery;
use shared::catalog::rules::{ReasoningForm, SchemaForm};

use self::input::Item;
use self::tools::{Choice, Function};
use crate::exchange::feature::Feature;
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::Manner;
use crate::exchange::message::Content;
use crate::exchange::reasoning::Amount;
use crate::exchange::request::{AnswerFormat, Request};
use crate::protocol::error::json;
use crate::protocol::notes::{Note, THINKING};
use crate::protocol::openai::{json_word, strict, user};
use crate::protocol::{Outgoing, Target, Unsayable, tool_name};

/// The least tokens that the format takes as a limit.
const LEAST: u64 = 16;

/// Of a lower one.
const RAISED: &str = "was raised to 16, the least that the provider takes";

/// The word for no thinking.
const NONE: &str = "none";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<Cow<'a, str>>,
    input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOptions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOptions>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
}

#[derive(Serialize)]
struct TextOptions<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    Text,
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a Json<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

#[derive(Serialize)]
struct ReasoningOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

pub(in super::super) fn write(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let answer_tool = answer_tool(request, to.manner);
    let reasoning = reasoning(request, to.manner);
    let effort = reasoning.as_ref().and_then(|reasoning| reasoning.effort);
    let samples = !(to.manner.sampling_unthinking && effort.is_some_and(|effort| effort != NONE));
    let input = input::items(request, to.manner)?;
    // The format demands an item; what stands before a conversation that has not begun is one.
    let (instructions, input) = match input.is_empty() {
        true => (None, input::before(request)),
        false => (instructions(request), input),
    };
    let body = Body {
        model: to.model,
        instructions,
        input,
        tools: tools::functions(request, answer_tool)?,
        tool_choice: tools::choice(request, answer_tool)?,
        parallel_tool_calls: request.parallel_tool_calls,
        max_output_tokens: max_tokens(request),
        temperature: temperature(request, to.manner).filter(|_| samples),
        top_p: request.sampling.top_p.as_ref().filter(|_| samples),
        text: text(request, answer_tool),
        include: include(request, reasoning.as_ref()),
        reasoning,
        user: request.user.as_deref().map(user::short),
        store: false,
        stream: (to.delivery == Delivery::Stream).then_some(true),
    };
    let notes = notes(request, samples);
    Ok(Outgoing { body: json(&body), answers_by_tool: answer_tool.is_some(), notes, ..Outgoing::default() })
}

/// What the caller asked for otherwise than it is said.
fn notes(request: &Request<'_>, samples: bool) -> Vec<Note> {
    let sampling = &request.sampling;
    let changed = [
        (max_tokens(request) != request.max_tokens, Feature::MaxTokens, RAISED),
        (!samples && sampling.temperature.is_some(), Feature::Temperature, THINKING),
        (!samples && sampling.top_p.is_some(), Feature::TopP, THINKING),
        (json_word::is_lacking_in_conversation(request), Feature::JsonAnswer, json_word::SAID),
        (strict::is_lost(&request.tools), Feature::StrictTools, strict::LOOSE),
    ];
    let notes = changed.into_iter().filter(|(is_so, ..)| *is_so);
    notes.map(|(_, feature, change)| Note { feature, change }).collect()
}

/// The limit of tokens, if it is not lower than any that the format takes.
fn max_tokens<'a>(request: &'a Request<'_>) -> Option<Number<'a>> {
    let asked = request.max_tokens.as_ref()?;
    Some(if asked.as_u64().is_some_and(|tokens| tokens < LEAST) { LEAST.into() } else { asked.borrowed() })
}

/// What stands before the conversation, with blank lines between its parts.
fn instructions<'a>(request: &'a Request<'_>) -> Option<Cow<'a, str>> {
    let mut texts = request.system.iter().filter_map(|part| part.as_text()).map(|text| text.as_str());
    let first = texts.next()?;
    let rest: Vec<_> = texts.collect();
    Some(match rest.is_empty() {
        true => first.into(),
        false => [&[first], &*rest].concat().join("\n\n").into(),
    })
}

fn temperature<'a>(request: &'a Request<'_>, manner: &Manner) -> Option<Number<'a>> {
    let temperature = request.sampling.temperature.as_ref()?;
    Some(match manner.max_temperature {
        Some(most) if temperature.as_f64() > f64::from(most) => u64::from(most).into(),
        Some(_) | None => temperature.borrowed(),
    })
}

/// The schema that the answer is to have, where a tool has to hold the model to it.
fn answer_tool<'a>(request: &'a Request<'_>, manner: &Manner) -> Option<&'a Json<'a>> {
    match (&request.answer_format, manner.schema) {
        (Some(AnswerFormat::Schema(schema)), SchemaForm::Tool) => Some(&schema.schema),
        (Some(AnswerFormat::Schema(_)), SchemaForm::Native)
        | (Some(AnswerFormat::Text | AnswerFormat::Json) | None, _) => None,
    }
}

fn text<'a>(request: &'a Request<'_>, answer_tool: Option<&Json<'_>>) -> Option<TextOptions<'a>> {
    let format = match &request.answer_format {
        None => return None,
        Some(_) if answer_tool.is_some() => return None,
        Some(AnswerFormat::Text) => Format::Text,
        Some(AnswerFormat::Json) => Format::JsonObject,
        Some(AnswerFormat::Schema(schema)) => Format::JsonSchema {
            // Other formats have no name for it, or one that is not allowed here; it means nothing.
            name: schema
                .name
                .as_deref()
                .filter(|name| tool_name::is_allowed(name, tool_name::MOST))
                .unwrap_or("answer"),
            description: schema.description.as_deref(),
            schema: &schema.schema,
            strict: schema.strict,
        },
    };
    Some(TextOptions { format })
}

/// How much to think, as far as the model can be told.
fn reasoning(request: &Request<'_>, manner: &Manner) -> Option<ReasoningOptions> {
    let asked = request.reasoning.as_ref()?;
    let effort = match (manner.reasoning, &asked.amount) {
        (ReasoningForm::None, _) => return None,
        (ReasoningForm::Budget | ReasoningForm::Effort, None | Some(Amount::Adaptive)) => None,
        (ReasoningForm::Budget | ReasoningForm::Effort, Some(Amount::Off)) if manner.always_thinks => {
            manner.efforts.iter().min().map(|effort| effort.as_str())
        }
        (ReasoningForm::Budget | ReasoningForm::Effort, Some(Amount::Off)) => Some(NONE),
        (ReasoningForm::Budget | ReasoningForm::Effort, Some(amount)) => {
            amount.effort().map(|effort| effort.nearest(&manner.efforts).unwrap_or(effort).as_str())
        }
    };
    let summary = (asked.shown == Some(true)).then_some("auto");
    (effort.is_some() || summary.is_some()).then_some(ReasoningOptions { effort, summary })
}

/// Asks for reasoning sealed where it is in play. Models that don't reason refuse to be asked.
fn include(request: &Request<'_>, reasoning: Option<&ReasoningOptions>) -> &'static [&'static str] {
    let is_asked = reasoning.is_some_and(|reasoning| reasoning.effort != Some(NONE));
    let is_sealed = |content: &Content<'_>| {
        matches!(content, Content::SealedReasoning(_) | Content::Reasoning { signature: Some(_), .. })
    };
    let parts = || request.messages.iter().flat_map(|message| &message.parts);
    if is_asked || parts().any(|part| is_sealed(&part.content)) { &["reasoning.encrypted_content"] } else { &[] }
}
