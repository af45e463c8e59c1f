//! Reads a caller's messages.

use std::fmt::Arguments;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::wrong;
use crate::exchange::json::Json;
use crate::exchange::message::{Content, Image, Message, Part, Role, Source};
use crate::exchange::request::Request;
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, ToolResult, split_id};
use crate::protocol::cohere::call::Call;
use crate::protocol::{Unreadable, fields};

/// A message. Citations in one are Cohere's own words on what it said before, which are of use to nobody.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    tool_plan: Option<Text<'a>>,
    tool_calls: Option<Vec<Call<'a>>>,
    tool_call_id: Option<Text<'a>>,
}

/// A piece of a content.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    text: Option<Text<'a>>,
    thinking: Option<Text<'a>>,
    image_url: Option<ImageUrl<'a>>,
    document: Option<Document<'a>>,
}

#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    detail: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    data: Json<'a>,
}

pub(super) fn read<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let messages: Vec<&RawValue> = fields::read("messages", value)?;
    request.messages.reserve(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let mut message = one(format_args!("messages[{index}]"), message)?;
        if message.role == Role::System && request.messages.is_empty() {
            request.system.append(&mut message.parts);
        } else {
            request.messages.push(message);
        }
    }
    Ok(())
}

fn one<'a>(at: Arguments<'_>, message: &'a RawValue) -> Result<Message<'a>, Unreadable> {
    let wire: Wire<'_> = parse(at, message)?;
    let mut parts = content(format_args!("{at}.content"), wire.content)?;
    let role = match &*wire.role {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => {
            parts.extend(wire.tool_plan.map(Part::text));
            calls(at, wire.tool_calls.unwrap_or_default(), &mut parts)?;
            Role::Assistant
        }
        "tool" => {
            let id = wire.tool_call_id.ok_or_else(|| wrong(format!("{at}.tool_call_id"), "is missing"))?;
            let result = ToolResult { id: split_id(&id).0, name: None, content: parts, is_error: false };
            parts = vec![Part::of(Content::ToolResult(result))];
            Role::User
        }
        _ => {
            let expected = "is not one of \"system\", \"user\", \"assistant\" and \"tool\"";
            return Err(wrong(format!("{at}.role"), expected));
        }
    };
    Ok(Message { role, parts })
}

fn calls<'a>(at: Arguments<'_>, calls: Vec<Call<'a>>, parts: &mut Vec<Part<'a>>) -> Result<(), Unreadable> {
    for (index, call) in calls.into_iter().enumerate() {
        let arguments = call.arguments().ok_or_else(|| {
            wrong(format!("{at}.tool_calls[{index}].function.arguments"), "is not the text of a JSON object")
        })?;
        let (id, signature) = split_id(&call.id);
        let call = ToolCall { id, name: call.function.name, arguments, signature };
        parts.push(Part::of(Content::ToolCall(call)));
    }
    Ok(())
}

/// A text, or a list of items.
fn content<'a>(at: Arguments<'_>, value: Option<&'a RawValue>) -> Result<Vec<Part<'a>>, Unreadable> {
    let Some(value) = value else { return Ok(Vec::new()) };
    match value.get().as_bytes().first() {
        Some(b'"') => Ok(vec![Part::text(parse::<Text<'_>>(at, value)?)]),
        Some(b'[') => {
            let items: Vec<&RawValue> = parse(at, value)?;
            items.into_iter().enumerate().map(|(index, it)| item(format_args!("{at}[{index}]"), it)).collect()
        }
        Some(b'n') => Ok(Vec::new()),
        _ => Err(wrong(at.to_string(), "is neither a text nor a list")),
    }
}

fn item<'a>(at: Arguments<'_>, value: &'a RawValue) -> Result<Part<'a>, Unreadable> {
    let item: Item<'_> = parse(at, value)?;
    let missing = |name: &str| wrong(format!("{at}.{name}"), "is missing");
    Ok(Part::of(match &*item.r#type {
        "text" => Content::Text { text: item.text.ok_or_else(|| missing("text"))?, citations: Vec::new() },
        "thinking" => Content::Reasoning { text: item.thinking.ok_or_else(|| missing("thinking"))?, signature: None },
        "image_url" => {
            let ImageUrl { url, detail } = item.image_url.ok_or_else(|| missing("image_url"))?;
            let source = Source::of_url(url).ok_or_else(|| {
                wrong(format!("{at}.image_url.url"), "is neither an http(s) URL nor a data: URL with base64")
            })?;
            Content::Image(Image { source, detail })
        }
        "document" => {
            let Document { data } = item.document.ok_or_else(|| missing("document"))?;
            // Many put a text there, though it is said to be an object.
            let text = serde_json::from_str::<String>(data.as_str()).unwrap_or_else(|_| data.as_str().to_owned());
            Content::Text { text: text.into(), citations: Vec::new() }
        }
        _ => {
            let expected = "is not one of \"text\", \"thinking\", \"image_url\" and \"document\"";
            return Err(wrong(format!("{at}.type"), expected));
        }
    }))
}

/// Reads what stands somewhere. The place is spelled out only for an error.
fn parse<'a, T: Deserialize<'a>>(at: Arguments<'_>, value: &'a RawValue) -> Result<T, Unreadable> {
    serde_json::from_str(value.get()).or_else(|_| fields::read(&at.to_string(), value.get().as_bytes()))
}
