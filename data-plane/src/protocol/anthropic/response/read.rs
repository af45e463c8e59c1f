//! Reads an upstream's answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exchange::json::Json;
use crate::exchange::message::{Content, Part};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;
use crate::protocol::anthropic::usage::Counts;
use crate::protocol::anthropic::{citation, finish};
use crate::protocol::{NotAnAnswer, Seed};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    content: Vec<Block<'a>>,
    stop_reason: Text<'a>,
    stop_sequence: Option<Text<'a>>,
    usage: Option<Counts>,
}

/// A piece of any type: the members of those that are known.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    text: Option<Text<'a>>,
    citations: Option<Vec<&'a RawValue>>,
    id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    input: Option<Json<'a>>,
    thinking: Option<Text<'a>>,
    signature: Option<Text<'a>>,
    data: Option<Text<'a>>,
}

pub(in crate::protocol::anthropic) fn read<'a>(body: &'a [u8], _: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
    let message: Message<'a> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let parts =
        message.content.into_iter().filter_map(|block| part(block).transpose()).collect::<Result<Vec<_>, _>>()?;
    let known = finish::read(&message.stop_reason, message.stop_sequence);
    let finish = known.unwrap_or_else(|| newer(&parts));
    Ok(Response {
        id: message.id,
        model: message.model,
        choices: vec![Choice { parts, finish, logprobs: None }],
        usage: message.usage.unwrap_or_default().usage(),
    })
}

/// What a reason that is newer than this most likely means.
fn newer(parts: &[Part<'_>]) -> Finish<'static> {
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    if calls { Finish::ToolCalls } else { Finish::Stop }
}

/// A piece; `None` for one of a type that is not known, as what server tools did.
fn part(block: Block<'_>) -> Result<Option<Part<'_>>, NotAnAnswer> {
    let content = match &*block.r#type {
        "text" => Content::Text {
            text: block.text.ok_or(NotAnAnswer)?,
            citations: block.citations.unwrap_or_default().into_iter().map(citation::read).collect(),
        },
        "tool_use" => Content::ToolCall(ToolCall {
            id: block.id.ok_or(NotAnAnswer)?,
            name: block.name.ok_or(NotAnAnswer)?,
            arguments: block.input.filter(Json::is_object).unwrap_or_else(Json::empty_object),
            signature: None,
        }),
        "thinking" => Content::Reasoning {
            text: block.thinking.unwrap_or_default(),
            signature: block.signature.filter(|signature| !signature.is_empty()),
        },
        "redacted_thinking" => Content::SealedReasoning(block.data.ok_or(NotAnAnswer)?),
        _ => return Ok(None),
    };
    Ok(Some(Part::of(content)))
}
