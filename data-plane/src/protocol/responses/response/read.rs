//! Reads an upstream's answer, whole or as the last event of a stream has it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::exchange::json::Json;
use crate::exchange::message::{Content, Part};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;
use crate::exchange::usage::Usage;
use crate::protocol::responses::item::{self, Item, Kind, OutputPart};
use crate::protocol::{NotAnAnswer, Seed};

/// An answer.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Answer<'a> {
    #[serde(borrow)]
    pub(in super::super) id: Option<Text<'a>>,
    pub(in super::super) model: Option<Text<'a>>,
    status: Option<Text<'a>>,
    error: Option<IgnoredAny>,
    incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow)]
    pub(in super::super) output: Option<Vec<Item<'a>>>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input_tokens: Option<u64>,
    input_tokens_details: Option<InputTokens>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputTokens>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputTokens {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputTokens {
    reasoning_tokens: Option<u64>,
}

/// What an answer's items say of its end.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Done {
    pub(in super::super) has_calls: bool,
    pub(in super::super) has_refusal: bool,
}

pub(in super::super) fn read<'a>(body: &'a [u8], _seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
    let mut answer: Answer<'a> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let items = answer.output.take().ok_or(NotAnAnswer)?;
    if answer.error.is_some() || !matches!(answer.status.as_deref(), None | Some("completed" | "incomplete")) {
        return Err(NotAnAnswer);
    }
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        parts.extend(content(item)?.into_iter().map(Part::of));
    }
    let done = Done {
        has_calls: parts.iter().any(|part| matches!(part.content, Content::ToolCall(_))),
        has_refusal: parts.iter().any(|part| matches!(part.content, Content::Refusal(_))),
    };
    let finish = answer.finish(done);
    let usage = answer.usage();
    let choices = vec![Choice { parts, finish, logprobs: None }];
    Ok(Response { id: answer.id, model: answer.model, choices, usage })
}

impl Answer<'_> {
    /// Why it is over.
    pub(in super::super) fn finish(&self, done: Done) -> Finish<'static> {
        let reason = self.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        match (self.status.as_deref(), reason) {
            (_, Some("content_filter")) => Finish::Filtered,
            // Whatever else cut it off, it is shorter than it would have been.
            (Some("incomplete"), _) | (_, Some(_)) => Finish::Length,
            _ if done.has_calls => Finish::ToolCalls,
            _ if done.has_refusal => Finish::Refused,
            _ => Finish::Stop,
        }
    }

    pub(in super::super) fn usage(&self) -> Usage {
        let Some(tokens) = &self.usage else { return Usage::default() };
        let input = tokens.input_tokens_details.as_ref();
        Usage {
            input: tokens.input_tokens,
            cache_read: input.and_then(|input| input.cached_tokens),
            cache_write: input.and_then(|input| input.cache_write_tokens),
            output: tokens.output_tokens,
            reasoning: tokens.output_tokens_details.as_ref().and_then(|output| output.reasoning_tokens),
        }
    }
}

/// What an item says. Nothing, where its kind is not known, or it is a call that was cut off.
fn content<'a>(item: Item<'a>) -> Result<Vec<Content<'a>>, NotAnAnswer> {
    match item.kind() {
        Kind::Message => {
            let parts: Vec<OutputPart<'a>> = match item.content {
                Some(content) => serde_json::from_str(content.get()).map_err(|_| NotAnAnswer)?,
                None => Vec::new(),
            };
            Ok(parts.into_iter().filter_map(OutputPart::into_content).collect())
        }
        Kind::FunctionCall => Ok(call(item)?.into_iter().collect()),
        Kind::Reasoning => Ok(item::reasoning(item).into_iter().collect()),
        Kind::Image => Ok(item::image(item).map(Content::Image).into_iter().collect()),
        Kind::FunctionCallOutput | Kind::Other => Ok(Vec::new()),
    }
}

fn call<'a>(item: Item<'a>) -> Result<Option<Content<'a>>, NotAnAnswer> {
    let given = item::string(item.arguments).unwrap_or_default();
    let Some(arguments) = Json::arguments(&given).map(Json::into_owned) else {
        return if item.status.as_deref() == Some("incomplete") { Ok(None) } else { Err(NotAnAnswer) };
    };
    let id = item.call_id.or(item.id).ok_or(NotAnAnswer)?;
    let name = item.name.ok_or(NotAnAnswer)?;
    Ok(Some(Content::ToolCall(ToolCall { id, name, arguments, signature: None })))
}
