//! Writes a request for an upstream.
//!
//! ```text
//! conversation   system, and the turns that alternate
//! block          the pieces of both
//! document       documents, and where bytes are
//! tools          tools, which of them are called, and the answer's form
//! reasoning      thinking, effort, and the limit of tokens that has to leave room for it
//! schema         JSON schemas, as Anthropic wants them
//! names          names of tools, and ids of their calls
//! ```
//!
//! Source: docs.anthropic.com/en/api/messages, read in autumn 2026.

mod block;
mod conversation;
mod document;
mod names;
mod reasoning;
mod schema;
mod tools;

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use shared::adapter::Delivery;

use self::block::{Block, Contents};
use self::conversation::{Conversation, Turn};
pub(in crate::protocol::anthropic) use self::names::call as call_id;
use self::reasoning::{Plan, Thinking};
use self::tools::{Tool, ToolChoice, Toolbox};
use crate::exchange::feature::Feature;
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::Manner;
use crate::exchange::message::CacheHint;
use crate::exchange::request::Request;
use crate::protocol::claude;
use crate::protocol::error::json;
use crate::protocol::notes::{Note, THINKING};
use crate::protocol::{Outgoing, Target, Unsayable};

/// The most places up to which a conversation may be cached.
const CACHE_HINTS: usize = 4;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: Number<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "system")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig<'a>,
    #[serde(flatten)]
    sampling: Sampling<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
}

impl OutputConfig<'_> {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    schema: Json<'a>,
}

#[derive(Serialize)]
struct Sampling<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<Number<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

pub(in crate::protocol::anthropic) fn write(request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    let Conversation { system, turns, has_files } = Conversation::of(request)?;
    let toolbox = Toolbox::of(request, to.manner)?;
    let plan = Plan::of(request, to.manner, toolbox.is_forced());
    let sampling = Sampling::of(request, to.manner, &plan);
    let notes = plan.notes.iter().copied().chain(sampling.notes(request, &plan)).collect();
    let mut body = Body {
        model: to.model,
        system,
        messages: turns,
        tools: toolbox.tools,
        tool_choice: toolbox.choice,
        output_config: OutputConfig {
            effort: plan.effort,
            format: toolbox.schema.map(|schema| Format { r#type: "json_schema", schema }),
        },
        sampling,
        thinking: plan.thinking,
        max_tokens: plan.max_tokens,
        stop_sequences: stops(request)?,
        metadata: request.user.as_deref().map(|user_id| Metadata { user_id }),
        stream: (to.delivery == Delivery::Stream).then_some(true),
    };
    body.limit_cache_hints();
    let (answers_by_tool, headers) = (toolbox.answers_by_tool, headers(has_files));
    Ok(Outgoing { body: json(&body), answers_by_tool, headers, notes, ..Outgoing::default() })
}

fn system<S: serde::Serializer>(blocks: &[Block<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    Contents(blocks).serialize(serializer)
}

/// What ends the answer. An empty text ends nothing.
fn stops<'a>(request: &'a Request<'_>) -> Result<Vec<&'a str>, Unsayable> {
    let stops = request.stop.iter().map(|stop| &**stop).filter(|stop| !stop.is_empty());
    let sayable = |stop: &'a str| match stop.trim().is_empty() {
        false => Ok(stop),
        true => Err(Unsayable {
            what: format!("the stop sequence {stop:?}"),
            why: "can't be sent to Anthropic: it needs more than white space".to_owned(),
        }),
    };
    stops.map(sayable).collect()
}

/// Files that were uploaded are behind a beta.
fn headers(has_files: bool) -> Vec<(HeaderName, HeaderValue)> {
    let beta = (HeaderName::from_static("anthropic-beta"), HeaderValue::from_static("files-api-2025-04-14"));
    has_files.then_some(beta).into_iter().collect()
}

impl Body<'_> {
    /// Takes the first hints away where there are too many: the last ones cover what stands before them.
    fn limit_cache_hints(&mut self) {
        let tools = self.tools.iter_mut().map(|tool| &mut tool.cache);
        let turns = self.messages.iter_mut().flat_map(|turn| &mut turn.blocks);
        let blocks = self.system.iter_mut().chain(turns).map(|block| &mut block.cache);
        let hints: Vec<&mut Option<CacheHint>> = tools.chain(blocks).filter(|cache| cache.is_some()).collect();
        let surplus = hints.len().saturating_sub(CACHE_HINTS);
        for hint in hints.into_iter().take(surplus) {
            *hint = None;
        }
    }
}

impl Sampling<'_> {
    /// What is left out beside thinking.
    fn notes(&self, request: &Request<'_>, plan: &Plan<'_>) -> impl Iterator<Item = Note> {
        let given = &request.sampling;
        let lost = [
            (Feature::Temperature, given.temperature.is_some() && self.temperature.is_none()),
            (Feature::TopP, given.top_p.is_some() && self.top_p.is_none()),
            (Feature::TopK, given.top_k.is_some() && self.top_k.is_none()),
        ];
        let thinks = plan.thinks();
        let is_noted = move |lost: &(Feature, bool)| thinks && lost.1;
        lost.into_iter().filter(is_noted).map(|(feature, _)| Note { feature, change: THINKING })
    }
}

impl<'a> Sampling<'a> {
    fn of(request: &'a Request<'_>, manner: &Manner, plan: &Plan<'_>) -> Self {
        let given = &request.sampling;
        let top_p = given.top_p.as_ref().map(Number::borrowed);
        if plan.thinks() {
            // Beside thinking, the temperature can't be changed.
            return Self { temperature: None, top_p: top_p.filter(claude::is_beside_thinking), top_k: None };
        }
        let highest = manner.max_temperature.unwrap_or(1);
        let temperature = given.temperature.as_ref().map(|given| match given.as_f64() {
            temperature if temperature > f64::from(highest) => Number::from(u64::from(highest)),
            _ => given.borrowed(),
        });
        // Some models refuse both together; where that is not known, this much of `top_p` says nothing.
        let says_something = |top_p: &Number<'_>| temperature.is_none() || !manner.top_p_alone && top_p.as_f64() < 1.0;
        Self { top_p: top_p.filter(says_something), top_k: given.top_k.as_ref().map(Number::borrowed), temperature }
    }
}
