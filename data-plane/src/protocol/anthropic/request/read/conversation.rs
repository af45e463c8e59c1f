//! Reads what is said: `system` and `messages`.

use super::block::{self, Speaker};
use super::place::Place;
use super::wire;
use crate::exchange::message::{Content, Message, Part, Role};
use crate::exchange::request::{Extra, Loss, Request};
use crate::protocol::{Unreadable, fields};

/// Reads `system`.
pub(super) fn system<'a>(value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<Vec<Part<'a>>, Unreadable> {
    let said: wire::Said<'a> = fields::read("system", value)?;
    block::parts(said, Speaker::System, &Place::Field("system"), extras)
}

/// Reads `messages`.
pub(super) fn messages<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let messages: Vec<wire::Message<'a>> = fields::read("messages", value)?;
    request.messages.reserve(messages.len());
    let list = Place::Field("messages");
    for (at, message) in messages.into_iter().enumerate() {
        let place = Place::Item(&list, at);
        let message = self::message(message, &place, &mut request.extras)?;
        push(message, &mut request.messages);
    }
    for message in &mut request.messages {
        // Results of tools come first in their turn, in their order.
        message.parts.sort_by_key(|part| !is_result(part));
    }
    Ok(())
}

fn message<'a>(
    message: wire::Message<'a>,
    place: &Place<'_>,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Message<'a>, Unreadable> {
    let speaker = match message.role.as_deref() {
        Some("user") => Speaker::User,
        Some("assistant") => Speaker::Assistant,
        Some("system") => Speaker::System,
        Some(_) => return Err(Place::Member(place, "role").wrong("is not one of \"user\" and \"assistant\"")),
        None => return Err(place.lacks("role")),
    };
    for (name, json) in message.unknown {
        let field = Place::Member(place, &name).to_string().into();
        extras.push(Extra { field, json, loss: Loss::Warned });
    }
    let content = message.content.ok_or_else(|| place.lacks("content"))?;
    let parts = block::parts(content, speaker, &Place::Member(place, "content"), extras)?;
    Ok(Message { role: speaker.role(), parts })
}

/// Adds a message. One with results of tools belongs to a turn that may have begun with the message before.
fn push<'a>(mut message: Message<'a>, messages: &mut Vec<Message<'a>>) {
    match messages.last_mut() {
        Some(last) if last.role == Role::User && message.parts.iter().any(is_result) => {
            last.parts.append(&mut message.parts);
        }
        _ => messages.push(message),
    }
}

fn is_result(part: &Part<'_>) -> bool {
    matches!(part.content, Content::ToolResult(_))
}
