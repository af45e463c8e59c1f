//! Reads an upstream's answer.

use serde::Deserialize;

use crate::exchange::json::Json;
use crate::exchange::message::{Content, Part};
use crate::exchange::response::{Choice, Response};
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, split_id};
use crate::exchange::usage::Usage;
use crate::protocol::openai::finish::{self, Held};
use crate::protocol::openai::reasoning::Detail;
use crate::protocol::openai::said::{self, Body, Call, Function, Said};
use crate::protocol::openai::{fault, reasoning, usage};
use crate::protocol::{NotAnAnswer, Seed};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    choices: Option<Vec<GivenChoice<'a>>>,
    usage: Option<Json<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenChoice<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    message: Option<Said<'a>>,
    finish_reason: Option<Text<'a>>,
    logprobs: Option<Json<'a>>,
}

pub(in crate::protocol::openai) fn read<'a>(body: &'a [u8], seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
    if fault::within(body, true).is_some() {
        return Err(NotAnAnswer);
    }
    let Answer { id, model, choices, usage } = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let mut given = choices.filter(|choices| !choices.is_empty()).ok_or(NotAnAnswer)?;
    given.sort_by_key(|choice| choice.index);
    let choices = given.into_iter().enumerate().map(|(at, given)| choice(at, given, seed));
    Ok(Response {
        id: id.filter(|id| !id.is_empty()),
        model: model.filter(|model| !model.is_empty()),
        choices: choices.collect::<Result<_, _>>()?,
        usage: usage.map_or_else(Usage::default, |json| usage::read(&json)),
    })
}

fn choice<'a>(at: usize, given: GivenChoice<'a>, seed: &Seed<'_>) -> Result<Choice<'a>, NotAnAnswer> {
    let GivenChoice { index: _, message, finish_reason, logprobs } = given;
    let reason = finish_reason.as_deref().unwrap_or_default();
    let parts = parts(at, message.unwrap_or_default(), reason, seed)?;
    let held = held(&parts);
    Ok(Choice { finish: finish::read(reason, held), parts, logprobs })
}

/// What the parts hold that tells more than a reason does.
pub(super) fn held(parts: &[Part<'_>]) -> Held {
    let has = |is_it: fn(&Content<'_>) -> bool| parts.iter().any(|part| is_it(&part.content));
    if has(|content| matches!(content, Content::ToolCall(_))) {
        Held::ToolCalls
    } else if has(|content| matches!(content, Content::Refusal(_))) {
        Held::Refusal
    } else {
        Held::Neither
    }
}

fn parts<'a>(choice: usize, said: Said<'a>, reason: &str, seed: &Seed<'_>) -> Result<Vec<Part<'a>>, NotAnAnswer> {
    let plain = said.reasoning_content.filter(|text| !text.is_empty()).or(said.reasoning);
    let mut parts = reasoning::read(plain, said.reasoning_details.into_iter().flatten().map(Detail::kept).collect());
    body(said.content, &mut parts);
    let mut cited = parts.iter_mut().filter_map(|part| match &mut part.content {
        Content::Text { citations, .. } => Some(citations),
        _ => None,
    });
    if let Some(citations) = cited.next() {
        citations.extend(said.annotations.into_iter().flatten().filter_map(said::Annotation::citation));
    }
    let refusal = said.refusal.filter(|refusal| !refusal.is_empty());
    parts.extend(refusal.map(|refusal| Part::of(Content::Refusal(refusal))));
    let images = said.images.into_iter().flatten().filter_map(said::Piece::image);
    parts.extend(images.map(|image| Part::of(Content::Image(image))));
    let calls = said.tool_calls.into_iter().flatten();
    let old_call = said.function_call.map(|function| Call { function: Some(function), ..Call::default() });
    for (at, call) in calls.chain(old_call).enumerate() {
        let made = || call_id(seed.id, choice, at);
        match self::call(call, made) {
            Ok(call) => parts.push(Part::of(Content::ToolCall(call))),
            // The answer was cut in the midst of the call, and says so.
            Err(NotAnAnswer) if matches!(reason, "length" | "content_filter") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(parts)
}

fn body<'a>(content: Option<Body<'a>>, parts: &mut Vec<Part<'a>>) {
    match content {
        None => {}
        Some(Body::Text(text)) if text.is_empty() => {}
        Some(Body::Text(text)) => parts.push(Part::text(text)),
        Some(Body::Pieces(pieces)) => {
            for mut piece in pieces {
                if let Some(thinking) = piece.thinking.take() {
                    let text = thinking.into_text();
                    parts.push(Part::of(Content::Reasoning { text, signature: None }));
                } else if let Some(text) = piece.text.take().filter(|text| !text.is_empty()) {
                    parts.push(Part::text(text));
                } else if let Some(image) = piece.image() {
                    parts.push(Part::of(Content::Image(image)));
                }
            }
        }
    }
}

/// An id for a call that has none: no longer than OpenAI takes them back.
pub(in crate::protocol::openai) fn call_id(seed: &str, choice: usize, at: usize) -> String {
    let seed = seed.get(..24).unwrap_or(seed);
    format!("call_{seed}_{choice}_{at}")
}

fn call<'a>(call: Call<'a>, made: impl FnOnce() -> String) -> Result<ToolCall<'a>, NotAnAnswer> {
    let Call { index: _, id, function, extra_content } = call;
    let function: Function<'a> = function.ok_or(NotAnAnswer)?;
    let given = function.arguments().unwrap_or_default();
    let arguments = said::arguments(given).ok_or(NotAnAnswer)?;
    let (id, carried) = match id.filter(|id| !id.is_empty()) {
        Some(id) => split_id(&id),
        None => (made().into(), None),
    };
    let signature = extra_content.and_then(said::ExtraContent::signature).or(carried);
    let name = function.name.filter(|name| !name.is_empty()).ok_or(NotAnAnswer)?;
    Ok(ToolCall { id, name, arguments, signature })
}
