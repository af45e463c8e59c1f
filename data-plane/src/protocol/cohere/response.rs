//! Whole answers.
//!
//! Source: docs.cohere.com/reference/chat, read in autumn 2026. What the model plans before it calls tools stands apart from its text.

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::citation::Cited;
use super::finish;
use super::usage::Cost;
use crate::exchange::message::{Content, Part};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;
use crate::protocol::characters::Characters;
use crate::protocol::error::json;
use crate::protocol::{NotAnAnswer, Reply, Seed, Unsayable};

#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    finish_reason: Option<Text<'a>>,
    message: Message<'a>,
    usage: Option<Cost>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Vec<GivenItem<'a>>>,
    tool_plan: Option<Text<'a>>,
    tool_calls: Option<Vec<Call<'a>>>,
    citations: Option<Vec<Cited<'a>>>,
}

/// A piece, by the member that it has. What is not known has none of them.
#[derive(Deserialize, Default)]
#[serde(default)]
struct GivenItem<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    thinking: Option<Text<'a>>,
}

pub(super) fn read<'a>(body: &'a [u8], _seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
    let given: Given<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let reason = given.finish_reason.ok_or(NotAnAnswer)?;
    let finish = finish::read(&reason).map_err(|_| NotAnAnswer)?;
    let parts = parts(given.message)?;
    let usage = given.usage.map(Cost::read).unwrap_or_default();
    Ok(Response { id: given.id, model: None, choices: vec![Choice { parts, finish, logprobs: None }], usage })
}

fn parts(message: Message<'_>) -> Result<Vec<Part<'_>>, NotAnAnswer> {
    // One for each item, so that citations find theirs; those that are not known fall out at last.
    let mut items: Vec<_> = message.content.unwrap_or_default().into_iter().map(GivenItem::read).collect();
    for cited in message.citations.unwrap_or_default() {
        let place = cited.content_index.and_then(|index| usize::try_from(index).ok());
        let first = || items.iter().position(|item| matches!(item, Some(Content::Text { .. })));
        let item = place.or_else(first).and_then(|place| items.get_mut(place));
        // One for a plan or for thinking has no home.
        if let Some(Some(Content::Text { citations, .. })) = item {
            citations.extend(cited.read());
        }
    }
    let mut parts: Vec<_> = items.into_iter().flatten().map(Part::of).collect();
    parts.extend(message.tool_plan.filter(|plan| !plan.is_empty()).map(Part::text));
    for call in message.tool_calls.unwrap_or_default() {
        let arguments = call.arguments().ok_or(NotAnAnswer)?;
        let call = ToolCall { id: call.id, name: call.function.name, arguments, signature: None };
        parts.push(Part::of(Content::ToolCall(call)));
    }
    Ok(parts)
}

impl<'a> GivenItem<'a> {
    fn read(self) -> Option<Content<'a>> {
        let text = self.text.map(|text| Content::Text { text, citations: Vec::new() });
        text.or(self.thinking.map(|text| Content::Reasoning { text, signature: None }))
    }
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    finish_reason: &'static str,
    /// As the end of a stream has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    message: WrittenMessage<'a>,
    usage: Cost,
}

#[derive(Serialize, Default)]
struct WrittenMessage<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_plan: Option<String>,
    content: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Cited<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str },
}

/// What the texts of an answer are: beside calls, the plan for them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    Answer,
    Plan,
}

pub(super) fn write(response: &Response<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
    // The format has one alternative; nobody can ask for more in it.
    let choice = response.choices.first();
    let mut message = WrittenMessage { role: "assistant", ..WrittenMessage::default() };
    let parts = choice.map(|choice| choice.parts.as_slice()).unwrap_or_default();
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    let texts = if calls { Texts::Plan } else { Texts::Answer };
    for part in parts {
        message.put(&part.content, texts)?;
    }
    let is_worded = parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
    let finish = finish::told(choice.map_or(&Finish::Stop, |choice| &choice.finish), is_worded);
    let error = finish::why(finish);
    if message.content.is_empty() && message.tool_calls.is_empty() {
        message.content.extend(error.map(|text| Item::Text { text }));
    }
    Ok(json(&Written {
        id: response.id.as_deref().unwrap_or(reply.id),
        finish_reason: finish::written(finish),
        error,
        message,
        usage: Cost::of(&response.usage),
    }))
}

impl<'a> WrittenMessage<'a> {
    /// Puts a part in its place. What only its provider can read, and what only callers say, is in no answer.
    fn put(&mut self, content: &'a Content<'_>, texts: Texts) -> Result<(), Unsayable> {
        match content {
            Content::Text { text, .. } | Content::Refusal(text) if texts == Texts::Plan => {
                self.tool_plan.get_or_insert_with(String::new).push_str(text);
            }
            Content::Text { text, citations } => {
                let index = Some(self.content.len() as u64);
                let characters = (!citations.is_empty()).then(|| Characters::of(text));
                let cited = citations.iter().map(|citation| Cited::of(citation, characters.as_ref(), index));
                self.citations.extend(cited);
                self.content.push(Item::Text { text });
            }
            Content::Refusal(text) => self.content.push(Item::Text { text }),
            Content::Reasoning { text, .. } => self.content.push(Item::Thinking { thinking: text }),
            Content::ToolCall(call) => self.tool_calls.push(Call::given(call)),
            Content::Image(_) => return Err(unsayable("an image")),
            Content::Audio(_) => return Err(unsayable("audio")),
            Content::SealedReasoning(_) | Content::Document(_) | Content::ToolResult(_) => {}
        }
        Ok(())
    }
}

/// What no answer of the format can hold.
pub(super) fn unsayable(what: &str) -> Unsayable {
    Unsayable {
        what: format!("{what} in the model's answer"),
        why: "can't be said in Cohere's format: ask in another, or for text".to_owned(),
    }
}

#[cfg(test)]
mod tests;
