//! Writes turns as messages.

use super::message::{Call, Content, Message, Reasoning};
use super::parts::{self, Part, misplaced};
use super::tools::checked;
use crate::exchange::manner::Manner;
use crate::exchange::message::{self, Role};
use crate::exchange::request::Request;
use crate::exchange::tool::{ToolCall, ToolResult};
use crate::protocol::openai::{json_word, reasoning};
use crate::protocol::{Unsayable, call_id};

/// What a tool is made to say whose result is in the message after it, since the format takes only text from tools.
const IN_NEXT_MESSAGE: &str = "The result is in the next message.";

/// What a model is made to say to results where it alone may speak after them. An empty text is refused.
const TAKEN: &str = "OK.";

/// The reasoning's field of vendors who want it back with its proof.
const DETAILS: &str = "reasoning_details";

/// Where the same vendors want back what nothing proves.
const UNPROVEN: &str = "reasoning";

/// The reasoning's field of vendors who want back nothing of it but the signatures of calls.
const SIGNATURES: &str = "extra_content";

/// The conversation, and what stands before it.
///
/// # Errors
///
/// When something stands where the format has no place for it.
pub(super) fn write<'a>(request: &'a Request<'_>, manner: &'a Manner) -> Result<Vec<Message<'a>>, Unsayable> {
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    let asks_for_json = json_word::is_lacking(request).then_some(json_word::ASKS);
    if !request.system.is_empty() || asks_for_json.is_some() {
        messages.push(system(&request.system, asks_for_json)?);
    }
    for turn in request.messages.chunk_by(|one, next| one.role == next.role) {
        match turn.first().map(|message| message.role) {
            Some(Role::System) => {
                for message in turn {
                    messages.push(system(&message.parts, None)?);
                }
            }
            Some(Role::User) => user(turn, manner, &mut messages)?,
            Some(Role::Assistant) => {
                for message in turn {
                    messages.push(assistant(&message.parts, manner)?);
                }
            }
            None => {}
        }
    }
    Ok(if manner.model_after_results { answered(messages) } else { messages })
}

/// With a word of the model's after results that somebody else speaks after.
fn answered(messages: Vec<Message<'_>>) -> Vec<Message<'_>> {
    let mut answered: Vec<Message<'_>> = Vec::with_capacity(messages.len());
    for message in messages {
        let is_after_results = answered.last().is_some_and(|last| last.role == "tool");
        if is_after_results && !matches!(message.role, "tool" | "assistant") {
            answered.push(Message { role: "assistant", content: Content::Text(TAKEN.into()), ..Message::default() });
        }
        answered.push(message);
    }
    answered
}

/// One text: few vendors take several in a message of this role.
fn system<'a>(parts: &'a [message::Part<'_>], more: Option<&'static str>) -> Result<Message<'a>, Unsayable> {
    let texts: Option<Vec<&str>> = parts.iter().map(|part| part.as_text().map(|text| &**text)).collect();
    let mut texts = texts.ok_or_else(|| misplaced("anything but text in a system message"))?;
    texts.extend(more);
    Ok(Message { role: "system", content: joined(&texts, "\n\n"), ..Message::default() })
}

fn joined<'a>(texts: &[&'a str], between: &str) -> Content<'a> {
    match texts {
        [] => Content::Nothing,
        [text] => Content::Text((*text).into()),
        _ => Content::Text(texts.join(between).into()),
    }
}

/// A user's turn: its results of tools first, each a message, as the format wants them right behind their calls; then what else there is in
/// them, and in the turn.
fn user<'a>(
    turn: &'a [message::Message<'_>],
    manner: &Manner,
    messages: &mut Vec<Message<'a>>,
) -> Result<(), Unsayable> {
    let mut carried = Vec::new();
    for part in turn.iter().flat_map(|message| &message.parts) {
        if let message::Content::ToolResult(result) = &part.content {
            messages.push(tool(result, manner, &mut carried)?);
        }
    }
    for message in turn {
        let mut written = std::mem::take(&mut carried);
        for part in &message.parts {
            if !matches!(part.content, message::Content::ToolResult(_)) {
                written.extend(parts::write(part)?);
            }
        }
        if !written.is_empty() {
            messages.push(user_message(written));
        }
    }
    Ok(())
}

fn user_message(mut written: Vec<Part<'_>>) -> Message<'_> {
    let content = match written.as_mut_slice() {
        [Part::Text { text }] => Content::Text(std::mem::take(text)),
        _ => Content::Parts(written),
    };
    Message { role: "user", content, ..Message::default() }
}

/// A tool's result: its texts. What else there is in it goes to `carried`.
fn tool<'a>(
    result: &'a ToolResult<'_>,
    manner: &Manner,
    carried: &mut Vec<Part<'a>>,
) -> Result<Message<'a>, Unsayable> {
    let mut texts: Vec<&str> = Vec::new();
    let before = carried.len();
    for part in &result.content {
        match part.as_text() {
            Some(text) => texts.push(text),
            None => carried.extend(parts::write(part)?),
        }
    }
    if texts.is_empty() {
        texts.push(if carried.len() > before { IN_NEXT_MESSAGE } else { "" });
    }
    let tool_call_id = Some(call_id::in_chat(&result.id, manner));
    Ok(Message { role: "tool", tool_call_id, content: joined(&texts, "\n"), ..Message::default() })
}

fn assistant<'a>(given: &'a [message::Part<'_>], manner: &'a Manner) -> Result<Message<'a>, Unsayable> {
    let mut message = Message { role: "assistant", reasoning: reasoning(given, manner), ..Message::default() };
    let mut texts: Vec<&str> = Vec::new();
    for part in given {
        match &part.content {
            message::Content::Text { text, .. } => texts.push(text),
            message::Content::Refusal(refusal) => message.refusal.get_or_insert_default().push_str(refusal),
            message::Content::Image(image) => message.images.extend(parts::image(image)),
            message::Content::ToolCall(call) => message.tool_calls.push(self::call(call, manner)?),
            message::Content::Audio(_) => return Err(misplaced("audio in an assistant's turn")),
            message::Content::Document(_) => return Err(misplaced("a document in an assistant's turn")),
            message::Content::ToolResult(_) => return Err(misplaced("a tool's result in an assistant's turn")),
            message::Content::Reasoning { .. } | message::Content::SealedReasoning(_) => {}
        }
    }
    if texts.is_empty() && message.refusal.is_none() && message.tool_calls.is_empty() {
        texts.push("");
    }
    message.content = joined(&texts, "");
    Ok(message)
}

fn call<'a>(call: &'a ToolCall<'_>, manner: &Manner) -> Result<Call<'a>, Unsayable> {
    checked(&call.name)?;
    let keeps_signatures = manner.reasoning_field.as_deref() == Some(SIGNATURES);
    Ok(Call {
        id: call_id::in_chat(&call.id, manner),
        call,
        signature: call.signature.as_deref().filter(|_| keeps_signatures),
    })
}

/// The reasoning in the field that the vendor has for it. One who has none would refuse the field.
fn reasoning<'a>(given: &'a [message::Part<'_>], manner: &'a Manner) -> Option<Reasoning<'a>> {
    let field = manner.reasoning_field.as_deref().filter(|field| *field != SIGNATURES)?;
    if field != DETAILS {
        return reasoning::plain(given).map(|text| Reasoning::Text { field, text });
    }
    let proven = reasoning::proven(given);
    if proven.is_empty() {
        return reasoning::plain(given).map(|text| Reasoning::Text { field: UNPROVEN, text });
    }
    Some(Reasoning::Details(proven))
}
