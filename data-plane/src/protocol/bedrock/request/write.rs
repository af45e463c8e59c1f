//! Writes a request for an upstream.

use serde::Serialize;

use super::additional::{Additional, Thinking};
use super::conversation::{Conversation, Turn};
use super::tools::{self, Calling, ToolConfig};
use crate::exchange::feature::Feature;
use crate::exchange::json::Number;
use crate::exchange::manner::{Manner, ReasoningForm, SchemaForm};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::protocol::bedrock::block::Block;
use crate::protocol::error::json;
use crate::protocol::notes::{FORCED, Note, RAISED, THINKING};
use crate::protocol::{Outgoing, Target, Unsayable};

/// What is said to a model that has to answer with JSON, which has no field.
const JSON_ANSWER: &str = "Answer with one JSON object and with nothing else: no text around it and no code fence.";
/// The least tokens that a model can be told to think.
const LEAST_BUDGET: u64 = 1024;
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
    schema: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

pub(crate) fn write(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let conversation = Conversation::of(request)?;
    let tools = tools::written(request, to.manner)?;
    let thought = Thought::of(request.reasoning.as_ref(), to.manner, tools.calling());
    let answers_by_tool = tools.has_answer;
    let notes = notes(request, &thought);
    let body = Body {
        messages: conversation.turns,
        system: system(conversation.system, request),
        inference_config: inference(request, to.manner, &thought),
        tool_config: tools.config,
        additional_model_request_fields: Additional {
            top_k: request.sampling.top_k.as_ref().filter(|_| !thought.thinks()).map(Number::borrowed),
            thinking: thought.thinking,
        },
        output_config: OutputConfig { text_format: text_format(request, to.manner), effort: thought.effort },
    };
    Ok(Outgoing { body: json(&body), answers_by_tool, headers: Vec::new(), notes })
}

fn notes(request: &Request<'_>, thought: &Thought<'_>) -> Vec<Note> {
    let is_left_off = thought.is_left_off;
    let lost = |is_given, feature| (thought.thinks() && is_given).then_some(Note { feature, change: THINKING });
    let limit = request.max_tokens.as_ref().and_then(Number::as_u64);
    let is_raised = limit.zip(thought.budget).is_some_and(|(limit, budget)| limit <= budget);
    [
        is_left_off.then_some(Note { feature: Feature::Reasoning, change: FORCED }),
        is_raised.then_some(Note { feature: Feature::MaxTokens, change: RAISED }),
        lost(request.sampling.temperature.is_some(), Feature::Temperature),
        lost(request.sampling.top_k.is_some(), Feature::TopK),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn system<'a>(mut system: Vec<Block<'a>>, request: &Request<'_>) -> Vec<Block<'a>> {
    if request.answer_format == Some(AnswerFormat::Json) {
        system.push(Block::Text(JSON_ANSWER));
    }
    system
}

fn inference<'a>(request: &'a Request<'_>, manner: &Manner, thought: &Thought<'_>) -> Inference<'a> {
    let given = request.max_tokens.as_ref().map(Number::borrowed);
    let max_tokens = match thought.budget {
        // The thinking counts: a limit that is not above it is for what comes after it.
        Some(budget) => {
            let limit = given.as_ref().and_then(Number::as_u64).unwrap_or(manner.max_tokens);
            let is_enough = given.is_some() && limit > budget;
            if is_enough { given } else { Some(Number::from(budget.saturating_add(limit))) }
        }
        None => given,
    };
    let highest = manner.max_temperature.unwrap_or(HIGHEST_TEMPERATURE).min(HIGHEST_TEMPERATURE);
    let temperature = request.sampling.temperature.as_ref().filter(|_| !thought.thinks()).map(|temperature| {
        if temperature.as_f64() > f64::from(highest) { u64::from(highest).into() } else { temperature.borrowed() }
    });
    let is_alone = manner.top_p_alone && temperature.is_some();
    Inference {
        max_tokens,
        temperature,
        top_p: request.sampling.top_p.as_ref().filter(|_| !is_alone).map(Number::borrowed),
        stop_sequences: request.stop.iter().map(|text| text.as_str()).filter(|text| !text.is_empty()).collect(),
    }
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
    /// It was asked for, and can't be.
    is_left_off: bool,
}

impl Thought<'_> {
    /// The model is asked to think: then neither its temperature nor `top_k` can be chosen.
    fn thinks(&self) -> bool {
        self.thinking.as_ref().is_some_and(|thinking| &*thinking.r#type != "disabled")
    }
}

impl<'a> Thought<'a> {
    /// A model that is made to call a tool can't think before: which tool is called is what the request means, how much is thought is not.
    fn of(reasoning: Option<&'a Reasoning<'_>>, manner: &Manner, calling: Calling) -> Self {
        let Some(Reasoning { amount: Some(amount), shown }) = reasoning else { return Self::default() };
        match (manner.reasoning, amount) {
            (ReasoningForm::None, _) | (ReasoningForm::Budget, Amount::Off) => Self::default(),
            // Some think unasked, and one that is not known may refuse to be told otherwise.
            (ReasoningForm::Effort, Amount::Off) if !manner.always_thinks => {
                let thinking = Thinking { r#type: "disabled".into(), budget_tokens: None, display: None };
                Self { thinking: (!manner.efforts.is_empty()).then_some(thinking), ..Self::default() }
            }
            (ReasoningForm::Budget, _) if calling == Calling::Forced => Self { is_left_off: true, ..Self::default() },
            (ReasoningForm::Budget, amount) => {
                let tokens = amount.budget_tokens().unwrap_or(Effort::Medium.budget_tokens()).max(LEAST_BUDGET);
                let thinking = Thinking { r#type: "enabled".into(), budget_tokens: Some(tokens.into()), display: None };
                Self { thinking: Some(thinking), budget: Some(tokens), ..Self::default() }
            }
            (ReasoningForm::Effort, amount) => {
                let display = shown.map(|shown| if shown { "summarized".into() } else { "omitted".into() });
                let thinking = Thinking { r#type: "adaptive".into(), budget_tokens: None, display };
                let effort = if *amount == Amount::Off { Some(Effort::Low) } else { amount.effort() };
                let effort = effort.map(|effort| word(effort, manner, calling));
                let is_left_off = calling == Calling::Forced;
                Self { thinking: (!is_left_off).then_some(thinking), effort, budget: None, is_left_off }
            }
        }
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
    let json_schema =
        JsonSchema { schema: schema.as_str(), name: name.as_deref(), description: description.as_deref() };
    Some(TextFormat { r#type: "json_schema", structure: Structure { json_schema } })
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
