//! Reads messages into turns.

use std::collections::{HashMap, VecDeque};

use super::parts::{Place, body, image};
use super::path::Path;
use super::wrong;
use crate::exchange::json::Json;
use crate::exchange::message::{Content, Message, Part, Role};
use crate::exchange::request::{Extra, Loss, Request};
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, ToolResult, split_id};
use crate::protocol::Unreadable;
use crate::protocol::openai::request::wire;
use crate::protocol::openai::{reasoning, said};

/// The calls of each name in the messages that it went through.
#[derive(Default)]
struct Called<'a> {
    ids: HashMap<Text<'a>, Ids<'a>>,
    messages: usize,
    /// How many turns of the assistant's those are.
    turns: usize,
}

#[derive(Default)]
struct Ids<'a> {
    /// Of the calls of a turn that have no result yet, as far as results in the form of before ids go.
    waiting: VecDeque<Text<'a>>,
    turn: usize,
    last: Option<Text<'a>>,
}

/// Puts the messages into the request: those of the application's writer that stand before the conversation, and the conversation.
///
/// # Errors
///
/// When one is not what the format has there.
pub(super) fn read<'a>(messages: Vec<wire::Message<'a>>, request: &mut Request<'a>) -> Result<(), Unreadable> {
    if messages.is_empty() {
        return Err(wrong("messages", "is empty: give at least one message"));
    }
    let mut called = Called::default();
    for (at, message) in messages.into_iter().enumerate() {
        let field = &Path::item_of("messages", at);
        let known = "\"developer\", \"system\", \"user\", \"assistant\" and \"tool\"";
        let role = message
            .role
            .clone()
            .ok_or_else(|| wrong(field.field("role"), format!("is missing: it is one of {known}")))?;
        match &*role {
            "developer" | "system" => system(field, message, request)?,
            "user" => user(field, message, request)?,
            "assistant" => assistant(field, message, request)?,
            "tool" => tool(field, message, request)?,
            "function" => function(field, message, &mut called, request)?,
            _ => return Err(wrong(field.field("role"), format!("is not one of {known}"))),
        }
    }
    Ok(())
}

fn system<'a>(field: &Path<'_>, message: wire::Message<'a>, request: &mut Request<'a>) -> Result<(), Unreadable> {
    let parts = content(field, Place::System, message, request)?;
    if request.messages.is_empty() {
        request.system.extend(parts);
    } else {
        request.messages.push(Message { role: Role::System, parts });
    }
    Ok(())
}

fn user<'a>(field: &Path<'_>, message: wire::Message<'a>, request: &mut Request<'a>) -> Result<(), Unreadable> {
    let parts = content(field, Place::User, message, request)?;
    match request.messages.last_mut() {
        // The results of tools, and what the user says to them, are one turn.
        Some(last) if last.role == Role::User && is_result(last.parts.last()) => last.parts.extend(parts),
        _ => request.messages.push(Message { role: Role::User, parts }),
    }
    Ok(())
}

/// What is said in a message that is nothing but its content.
fn content<'a>(
    field: &Path<'_>,
    place: Place,
    message: wire::Message<'a>,
    request: &mut Request<'a>,
) -> Result<Vec<Part<'a>>, Unreadable> {
    if let Some(name) = message.name {
        let field = field.field("name").to_string().into();
        request.extras.push(Extra { field, json: Json::of(&name), loss: Loss::Warned });
    }
    let given = message.content.ok_or_else(|| wrong(field.field("content"), "is missing"))?;
    let mut parts = body(field, place, given)?;
    if let (Some(cache), Some(last)) = (message.cache, parts.last_mut()) {
        last.cache = last.cache.or(Some(cache.hint()));
    }
    Ok(parts)
}

fn is_result(part: Option<&Part<'_>>) -> bool {
    part.is_some_and(|part| matches!(part.content, Content::ToolResult(_)))
}

fn assistant<'a>(field: &Path<'_>, message: wire::Message<'a>, request: &mut Request<'a>) -> Result<(), Unreadable> {
    let mut parts = reasoning::read(message.reasoning, message.reasoning_details);
    if let Some(given) = message.content {
        parts.extend(body(field, Place::Assistant, given)?);
    }
    let refusal = message.refusal.filter(|refusal| !refusal.is_empty());
    parts.extend(refusal.map(|refusal| Part::of(Content::Refusal(refusal))));
    for (at, given) in message.images.into_iter().enumerate() {
        parts.push(Part::of(image(&field.item("images", at), given.image_url)?));
    }
    for (at, given) in message.tool_calls.into_iter().enumerate() {
        parts.push(Part::of(call(&field.item("tool_calls", at), given)?));
    }
    if let Some(given) = message.function_call {
        let id = format!("call_{}", request.messages.len()).into();
        parts.push(Part::of(function_call(&field.field("function_call"), id, None, given)?));
    }
    if parts.len() > 1 {
        // Beside calls, many clients send an empty text, which other formats refuse.
        parts.retain(|part| part.as_text().is_none_or(|text| !text.is_empty()));
    }
    if let (Some(cache), Some(last)) = (message.cache, parts.last_mut()) {
        last.cache = last.cache.or(Some(cache.hint()));
    }
    request.messages.push(Message { role: Role::Assistant, parts });
    Ok(())
}

fn call<'a>(field: &Path<'_>, call: wire::Call<'a>) -> Result<Content<'a>, Unreadable> {
    let wire::Call { id, kind, function, extra_content } = call;
    if kind.is_some_and(|kind| &*kind != "function") {
        return Err(wrong(field.field("type"), "is not \"function\": other tools can't be said in other formats"));
    }
    let id = id.ok_or_else(|| wrong(field.field("id"), "is missing"))?;
    let (id, carried) = split_id(&id);
    let signature = extra_content.google.thought_signature.or(carried);
    let field = &field.field("function");
    let function = function.ok_or_else(|| wrong(field, "is missing: give its name and arguments"))?;
    function_call(field, id, signature, function)
}

fn function_call<'a>(
    field: &Path<'_>,
    id: Text<'a>,
    signature: Option<Text<'a>>,
    function: wire::Function<'a>,
) -> Result<Content<'a>, Unreadable> {
    let wire::Function { name, arguments } = function;
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| wrong(field.field("name"), "is missing"))?;
    let arguments = match arguments {
        Some(given) => said::arguments_text(given).and_then(said::arguments),
        None => Some(Json::empty_object()),
    };
    let arguments = arguments.ok_or_else(|| wrong(field.field("arguments"), "is not a JSON object as a string"))?;
    Ok(Content::ToolCall(ToolCall { id, name, arguments, signature }))
}

fn tool<'a>(field: &Path<'_>, message: wire::Message<'a>, request: &mut Request<'a>) -> Result<(), Unreadable> {
    let missing = || wrong(field.field("tool_call_id"), "is missing: give the id of the call that it answers");
    let (id, _) = split_id(&message.tool_call_id.clone().ok_or_else(missing)?);
    result(field, id, message, request)
}

/// A result in the form of before ids: it answers the first call of its name in the last turn that waits for one, or else the last again.
fn function<'a>(
    field: &Path<'_>,
    message: wire::Message<'a>,
    called: &mut Called<'a>,
    request: &mut Request<'a>,
) -> Result<(), Unreadable> {
    let missing = || wrong(field.field("name"), "is missing: give the name of the function that it answers");
    let name = message.name.clone().ok_or_else(missing)?;
    let id = called.answered(&name, &request.messages);
    let id = id.ok_or_else(|| wrong(field.field("name"), "names a function that was not called before"))?;
    result(field, id, message, request)
}

impl<'a> Called<'a> {
    /// The id of the call of a name that a result answers. No message that is there already gets another call, so that each is gone through once.
    fn answered(&mut self, name: &Text<'a>, messages: &[Message<'a>]) -> Option<Text<'a>> {
        for (at, message) in messages.iter().enumerate().skip(self.messages) {
            let begins_turn = at == 0 || messages.get(at - 1).is_none_or(|before| before.role != Role::Assistant);
            if begins_turn && message.role == Role::Assistant {
                self.turns += 1;
            }
            for part in &message.parts {
                let Content::ToolCall(call) = &part.content else { continue };
                let ids = self.ids.entry(call.name.clone()).or_default();
                // What waits from a turn before waits in vain.
                if std::mem::replace(&mut ids.turn, self.turns) != self.turns {
                    ids.waiting.clear();
                }
                ids.waiting.push_back(call.id.clone());
                ids.last = Some(call.id.clone());
            }
        }
        self.messages = messages.len();
        let ids = self.ids.get_mut(name)?;
        ids.waiting.pop_front().or_else(|| ids.last.clone())
    }
}

fn result<'a>(
    field: &Path<'_>,
    id: Text<'a>,
    message: wire::Message<'a>,
    request: &mut Request<'a>,
) -> Result<(), Unreadable> {
    let mut content = match message.content {
        Some(given) => body(field, Place::Tool, given)?,
        None => Vec::new(),
    };
    content.retain(|part| part.as_text().is_none_or(|text| !text.is_empty()));
    let result = ToolResult { id, name: message.name, content, is_error: false };
    let part = Part { content: Content::ToolResult(result), cache: message.cache.map(|cache| cache.hint()) };
    match request.messages.last_mut() {
        Some(last) if last.role == Role::User && is_result(last.parts.last()) => last.parts.push(part),
        _ => request.messages.push(Message { role: Role::User, parts: vec![part] }),
    }
    Ok(())
}
