//! Writes a request for an upstream.

use serde::Serialize;
use shared::catalog::rules::{ReasoningForm, SchemaForm};

use super::additional::{Additional, Thinking};
use super::conversation::{Conversation, Turn};
use super::tools::{self, Calling, ToolConfig};
use crate::exchange::feature::Feature;
use crate::exchange::json::Number;
use crate::exchange::manner::Manner;
use crate::exchange::reasoning::{Amount, Effort};
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::protocol::bedrock::block::Block;
use crate::protocol::claude::{self, Room};
use crate::protocol::error::json;
use crate::protocol::notes::{FORCED, LOST, Note, THINKING};
use crate::protocol::{Outgoing, Target, Unsayable};

/// What is said to a model that has to answer with JSON, which has no field.
const JSON_ANSWER: &str = "Answer with one JSON object and with nothing else: no text around it and no code fence.";
/// The highest temperature of the format.
const HIGHEST_TEMPERATURE: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Inference::is_empty")]
    inference_config: Inference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    additional_model_request_fields: Additional<'a>,
    #[serde(skip_serializing_if = "is_default")]
    output_config: OutputConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text_format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
}

#[derive(PartialEq, Serialize)]
struct TextFormat<'a> {
    r#type: &'static str,
    structure: Structure<'a>,
}

#[derive(PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    json_schema: JsonSchema<'a>,
}

#[derive(PartialEq, Serialize)]
struct JsonSchema<'a> {
    /// As a text.
    schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

pub(crate) fn write(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let conversation = Conversation::of(request)?;
    let tools = tools::written(request, to.manner)?;
    let thought = Thought::of(request, to.manner, tools.calling());
    let answers_by_tool = tools.has_answer;
    let room = Room::of(request, to.manner, thought.budget);
    let inference_config = inference(request, to.manner, &thought, &room);
    let notes = room.notes(request).chain(notes(request, &thought, &inference_config)).chain(tools.note).collect();
    let body = Body {
        messages: conversation.turns,
        system: system(conversation.system, request, tools.word),
        inference_config,
        tool_config: tools.config,
        output_config: OutputConfig { text_format: text_format(request, to.manner), effort: thought.effort },
        additional_model_request_fields: Additional {
            top_k: request.sampling.top_k.as_ref().filter(|_| !thought.thinks()).map(Number::borrowed),
            thinking: thought.thinking(&room),
        },
    };
    Ok(Outgoing { body: json(&body), answers_by_tool, notes, ..Outgoing::default() })
}

fn notes(request: &Request<'_>, thought: &Thought<'_>, sent: &Inference<'_>) -> impl Iterator<Item = Note> + use<> {
    let given = &request.sampling;
    let lost = |is_lost, feature| (thought.thinks() && is_lost).then_some(Note { feature, change: THINKING });
    [
        thought.left_off.map(|change| Note { feature: Feature::Reasoning, change }),
        lost(given.temperature.is_some(), Feature::Temperature),
        lost(given.top_p.is_some() && sent.top_p.is_none(), Feature::TopP),
        lost(given.top_k.is_some(), Feature::TopK),
    ]
    .into_iter()
    .flatten()
}

fn system<'a>(mut system: Vec<Block<'a>>, request: &Request<'_>, word: Option<&'static str>) -> Vec<Block<'a>> {
    if request.answer_format == Some(AnswerFormat::Json) {
        system.push(Block::Text(JSON_ANSWER));
    }
    system.extend(word.map(Block::Text));
    system
}

fn inference<'a>(request: &'a Request<'_>, manner: &Manner, thought: &Thought<'_>, room: &Room<'a>) -> Inference<'a> {
    // Beside thinking there has to be a limit: how high it is unasked is not known.
    let unasked = || room.budget.map(|budget| manner.max_tokens.saturating_add(budget));
    let within = |limit: u64| manner.most_tokens.map_or(limit, |most| limit.min(most));
    let max_tokens = room.limit.clone().or_else(|| unasked().map(|limit| Number::from(within(limit))));
    let sampling = &request.sampling;
    let top_p = sampling.top_p.as_ref().map(Number::borrowed);
    let stop_sequences = request.stop.iter().map(|text| text.as_str()).filter(|text| !text.is_empty()).collect();
    if thought.thinks() {
        return Inference {
            max_tokens,
            temperature: None,
            top_p: top_p.filter(claude::is_beside_thinking),
            stop_sequences,
        };
    }
    let highest = manner.max_temperature.unwrap_or(HIGHEST_TEMPERATURE).min(HIGHEST_TEMPERATURE);
    let temperature = sampling.temperature.as_ref().map(|temperature| {
        if temperature.as_f64() > f64::from(highest) { u64::from(highest).into() } else { temperature.borrowed() }
    });
    let is_alone = manner.top_p_alone && temperature.is_some();
    Inference { max_tokens, temperature, top_p: top_p.filter(|_| !is_alone), stop_sequences }
}

impl Inference<'_> {
    fn is_empty(&self) -> bool {
        self.max_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && self.stop_sequences.is_empty()
    }
}

/// What is said of thinking.
#[derive(Default)]
struct Thought<'a> {
    thinking: Option<Thinking<'a>>,
    effort: Option<&'static str>,
    budget: Option<u64>,
    /// Why it can't be, though it was asked for.
    left_off: Option<&'static str>,
}

impl<'a> Thought<'a> {
    /// A model that is made to call a tool can't think before: which tool is called is what the request means, how much is thought is not.
    fn of(request: &'a Request<'_>, manner: &Manner, calling: Calling) -> Self {
        let Some(reasoning) = &request.reasoning else { return Self::default() };
        let Some(amount) = &reasoning.amount else { return Self::default() };
        let left_off = |change| Self { left_off: Some(change), ..Self::default() };
        match (manner.reasoning, amount) {
            (ReasoningForm::None, _) | (ReasoningForm::Budget, Amount::Off) => Self::default(),
            // Some think unasked, and one that is not known may refuse to be told otherwise.
            (ReasoningForm::Effort, Amount::Off) if !manner.always_thinks => {
                let thinking = Thinking { r#type: "disabled".into(), budget_tokens: None, display: None };
                Self { thinking: (!manner.efforts.is_empty()).then_some(thinking), ..Self::default() }
            }
            (ReasoningForm::Budget, _) if calling == Calling::Forced => left_off(FORCED),
            (ReasoningForm::Budget, _) if !claude::may_think(request) => left_off(LOST),
            (ReasoningForm::Budget, amount) => {
                let thinking = Thinking { r#type: "enabled".into(), budget_tokens: None, display: None };
                Self { thinking: Some(thinking), budget: Some(claude::budget(amount)), ..Self::default() }
            }
            (ReasoningForm::Effort, amount) => {
                let display = reasoning.shown.map(|shown| if shown { "summarized".into() } else { "omitted".into() });
                let thinking = Thinking { r#type: "adaptive".into(), budget_tokens: None, display };
                let effort = if *amount == Amount::Off { Some(Effort::Low) } else { amount.effort() };
                let effort = effort.map(|effort| word(effort, manner, calling));
                let is_forced = calling == Calling::Forced;
                let left_off = is_forced.then_some(FORCED);
                Self { thinking: (!is_forced).then_some(thinking), effort, budget: None, left_off }
            }
        }
    }

    /// The model is asked to think: then neither its temperature nor `top_k` can be chosen.
    fn thinks(&self) -> bool {
        self.thinking.as_ref().is_some_and(|thinking| &*thinking.r#type != "disabled")
    }

    /// As it is written, with a budget that leaves room for the answer.
    fn thinking(self, room: &Room<'_>) -> Option<Thinking<'a>> {
        self.thinking.map(|thinking| Thinking { budget_tokens: room.budget.map(Number::from), ..thinking })
    }
}

/// The word for an effort. Without thinking there is none above `high`.
fn word(effort: Effort, manner: &Manner, calling: Calling) -> &'static str {
    let highest = match calling {
        Calling::Forced => Effort::High,
        Calling::Free => Effort::Max,
    };
    let effort = effort.clamp(Effort::Low, highest);
    effort.nearest(&manner.efforts).unwrap_or(effort).as_str()
}

fn text_format<'a>(request: &'a Request<'_>, manner: &Manner) -> Option<TextFormat<'a>> {
    let Some(AnswerFormat::Schema(Schema { name, description, schema, .. })) = &request.answer_format else {
        return None;
    };
    if manner.schema == SchemaForm::Tool {
        return None;
    }
    let schema = claude::schema::held(schema).as_str().to_owned();
    let json_schema = JsonSchema { schema, name: name.as_deref(), description: description.as_deref() };
    Some(TextFormat { r#type: "json_schema", structure: Structure { json_schema } })
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
