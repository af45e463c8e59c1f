//! Reads the conversation: a text, or items.

mod part;

use serde_json::value::RawValue;

use super::{Item, Kind, extra, unreadable, within};
use crate::exchange::json::Json;
use crate::exchange::message::{Content, Message, Part, Role};
use crate::exchange::request::{Loss, Request};
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, ToolResult, split_id};
use crate::protocol::responses::item;
use crate::protocol::{Unreadable, fields};

pub(super) fn read<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    if value.starts_with(b"\"") {
        let text: Text<'a> = fields::read("input", value)?;
        request.messages.push(Message { role: Role::User, parts: vec![Part::text(text)] });
        return Ok(());
    }
    let items: Vec<Item<'a>> = fields::read("input", value)?;
    for (index, item) in items.into_iter().enumerate() {
        let kind = item.kind();
        let parts = match kind {
            Kind::Message => message(item, request).map(|()| None),
            Kind::FunctionCall => function_call(item).map(|call| Some((Role::Assistant, call))),
            Kind::FunctionCallOutput => function_call_output(item).map(|result| Some((Role::User, result))),
            Kind::Reasoning => Ok(item::reasoning(item).map(|content| (Role::Assistant, content))),
            Kind::Image => match item::image(item) {
                Some(image) => Ok(Some((Role::Assistant, Content::Image(image)))),
                None => foreign(value, index, request).map(|()| None),
            },
            Kind::Other => foreign(value, index, request).map(|()| None),
        };
        if let Some((role, content)) = parts.map_err(within(format_args!("input[{index}]")))? {
            push(request, role, Part::of(content));
        }
    }
    for message in &mut request.messages {
        // Results stand before everything else in their turn, in their order.
        message.parts.sort_by_key(|part| !matches!(part.content, Content::ToolResult(_)));
    }
    Ok(())
}

/// Adds to the turn that is under way, or begins one.
fn push<'a>(request: &mut Request<'a>, role: Role, part: Part<'a>) {
    match request.messages.last_mut() {
        Some(last) if last.role == role => last.parts.push(part),
        _ => request.messages.push(Message { role, parts: vec![part] }),
    }
}

fn message<'a>(item: Item<'a>, request: &mut Request<'a>) -> Result<(), Unreadable> {
    let role = match item.role.as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system" | "developer") => Role::System,
        Some(_) => return Err(unreadable(".role", r#"is not one of "user", "assistant", "system" and "developer""#)),
        None => return Err(unreadable(".role", "is missing")),
    };
    let Some(content) = item.content else { return Err(unreadable(".content", "is missing")) };
    let parts = part::read(content).map_err(within(".content"))?;
    if role == Role::System {
        if let Some(wrong) = parts.iter().position(|part| part.as_text().is_none()) {
            let wrong = format!(".content[{wrong}]");
            return Err(unreadable(wrong, "is no text, and instructions are nothing else"));
        }
        if request.messages.is_empty() {
            request.system.extend(parts);
            return Ok(());
        }
    }
    for part in parts {
        push(request, role, part);
    }
    Ok(())
}

fn function_call<'a>(item: Item<'a>) -> Result<Content<'a>, Unreadable> {
    let Some(id) = item.call_id else { return Err(unreadable(".call_id", "is missing")) };
    let Some(name) = item.name else { return Err(unreadable(".name", "is missing")) };
    let wrong = || unreadable(".arguments", "is not a JSON object in a string");
    let given = item::string(item.arguments).ok_or_else(wrong)?;
    let arguments = Json::arguments(&given).ok_or_else(wrong)?.into_owned();
    let (id, signature) = split_id(&id);
    Ok(Content::ToolCall(ToolCall { id, name, arguments, signature }))
}

fn function_call_output<'a>(item: Item<'a>) -> Result<Content<'a>, Unreadable> {
    let Some(id) = item.call_id else { return Err(unreadable(".call_id", "is missing")) };
    let Some(output) = item.output else { return Err(unreadable(".output", "is missing")) };
    let mut content = part::read(output).map_err(within(".output"))?;
    // A tool that said nothing; some providers refuse an empty text.
    content.retain(|part| part.as_text().is_none_or(|text| !text.is_empty()));
    Ok(Content::ToolResult(ToolResult { id: split_id(&id).0, name: item.name, content, is_error: false }))
}

/// An item that only its provider understands, or that names what it keeps. The first is enough to refuse them all.
fn foreign<'a>(input: &'a [u8], index: usize, request: &mut Request<'a>) -> Result<(), Unreadable> {
    if request.extras.iter().any(|extra| extra.field.starts_with("input[")) {
        return Ok(());
    }
    let items: Vec<&'a RawValue> = fields::read("", input)?;
    if let Some(item) = items.get(index) {
        request.extras.push(extra(&format!("input[{index}]"), item.get().as_bytes(), Loss::Refused)?);
    }
    Ok(())
}
