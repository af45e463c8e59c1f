//! The conversation of a request.

mod part;
mod response;

use serde::de::MapAccess;

use self::part::Part;
use super::calls::Calls;
use super::object::{Many, Object, Read};
use crate::exchange::message::{self, Message, Role};
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;
use crate::protocol::Unreadable;

/// A turn of the conversation.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    role: Option<Text<'a>>,
    parts: Option<Many<'a, Part<'a>>>,
}

impl<'de> Object<'de> for Content<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "role" => self.role = map.next_value()?,
            "parts" => self.parts = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Content<'a> {
    fn parts(self) -> Vec<Read<'a, Part<'a>>> {
        self.parts.map(|parts| parts.0).unwrap_or_default()
    }
}

/// Reads the turns in their order.
#[derive(Debug)]
pub(super) struct Contents<'a, 'e> {
    calls: Calls<'a>,
    extras: &'e mut Vec<Extra<'a>>,
}

impl<'a, 'e> Contents<'a, 'e> {
    pub(super) fn new(contents: &Many<'a, Content<'a>>, extras: &'e mut Vec<Extra<'a>>) -> Self {
        let parts = contents.0.iter().filter_map(|content| content.value.parts.as_ref()).flat_map(|parts| &parts.0);
        let given = parts.filter_map(|part| part.value.call_id()).cloned().collect();
        Self { calls: Calls::new(given), extras }
    }

    /// The turns.
    ///
    /// # Errors
    ///
    /// When one holds what the format doesn't allow.
    pub(super) fn messages(mut self, contents: Many<'a, Content<'a>>) -> Result<Vec<Message<'a>>, Unreadable> {
        let mut messages: Vec<Message<'a>> = Vec::with_capacity(contents.0.len());
        for (at, content) in contents.0.into_iter().enumerate() {
            let message = self.message(at, content)?;
            match messages.last_mut() {
                Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                    message.parts.into_iter().for_each(|part| join(&mut last.parts, part));
                }
                _ => messages.push(message),
            }
        }
        Ok(messages)
    }

    fn message(&mut self, at: usize, content: Read<'a, Content<'a>>) -> Result<Message<'a>, Unreadable> {
        let content = content.known(&format_args!("contents[{at}]"), Loss::Warned, self.extras);
        let role = match content.role.as_deref() {
            // "function" is the role that responses of functions once had.
            None | Some("user" | "function" | "") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => return Err(wrong(format!("contents[{at}].role"), "is neither \"user\" nor \"model\"")),
        };
        let mut results = Vec::new();
        let mut others = Vec::new();
        for (nth, part) in content.parts().into_iter().enumerate() {
            match self.part(role, &format_args!("contents[{at}].parts[{nth}]"), part)? {
                Some(result @ message::Content::ToolResult(_)) => results.push(message::Part::of(result)),
                Some(other) => join(&mut others, message::Part::of(other)),
                None => {}
            }
        }
        results.append(&mut others);
        Ok(Message { role, parts: results })
    }
}

/// Adds a part. Clients send the pieces of a stream back as they came, each in a content of its own: thoughts are one up to the signature that
/// proves them, as their provider made them.
fn join<'a>(parts: &mut Vec<message::Part<'a>>, part: message::Part<'a>) {
    if let message::Content::Reasoning { text: more, signature: new } = &part.content
        && let Some(message::Part { content, .. }) = parts.last_mut()
        && let message::Content::Reasoning { text, signature: signature @ None } = content
    {
        text.0.to_mut().push_str(more);
        signature.clone_from(new);
        return;
    }
    parts.push(part);
}

/// What stands before the conversation.
///
/// # Errors
///
/// When it holds anything but texts.
pub(super) fn system<'a>(
    place: &str,
    content: Read<'a, Content<'a>>,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Vec<message::Part<'a>>, Unreadable> {
    let mut texts = Vec::new();
    for (at, part) in content.known(&place, Loss::Warned, extras).parts().into_iter().enumerate() {
        let place = format!("{place}.parts[{at}]");
        match part.known(&place, Loss::Warned, extras).text {
            Some(text) if text.is_empty() => {}
            Some(text) => texts.push(message::Part::text(text)),
            None => return Err(wrong(place, "is no text: an instruction has parts with text only")),
        }
    }
    Ok(texts)
}

fn wrong(field: String, wrong: &str) -> Unreadable {
    Unreadable { field, wrong: wrong.to_owned() }
}
