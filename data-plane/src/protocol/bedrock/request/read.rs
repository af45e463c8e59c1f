//! Reads a caller's request.

use std::fmt::Arguments;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{additional, blocks, options};
use crate::exchange::json::Json;
use crate::exchange::message::{CacheHint, Content, Message, Part, Role};
use crate::exchange::request::{Extra, Loss, Request};
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

pub(crate) fn read(body: &[u8]) -> Result<Request<'_>, Unreadable> {
    let mut request = Request { wants_usage: true, ..Request::default() };
    let mut has_messages = false;
    fields::each(body, |name, value| match name {
        "messages" => {
            has_messages = true;
            messages(value, &mut request)
        }
        "system" => system(value, &mut request),
        "inferenceConfig" => options::inference(value, &mut request),
        "toolConfig" => options::tools(value, &mut request),
        "outputConfig" => options::output(value, &mut request),
        "additionalModelRequestFields" => additional::read(value, &mut request),
        "guardrailConfig" | "promptVariables" => keep(&mut request, name.to_owned(), value, Loss::Refused),
        _ => keep(&mut request, name.to_owned(), value, Loss::Warned),
    })?;
    if !has_messages {
        return Err(wrong(format_args!("messages"), "is missing: it is the conversation"));
    }
    request.name_results();
    Ok(request)
}

fn system<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let blocks: Vec<&RawValue> = fields::read("system", value)?;
    for (index, block) in blocks.into_iter().enumerate() {
        let at = format_args!("system[{index}]");
        let union = Union::read(at, block)?;
        match &*union.kind {
            "text" => request.system.push(Part::text(union.value::<Text<'_>>(at)?)),
            "cachePoint" => mark(request.system.last_mut(), cache(format_args!("{at}.cachePoint"), union.value)?),
            _ => request.extras.push(union.extra(at)),
        }
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    content: Vec<&'a RawValue>,
}

fn messages<'a>(value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let messages: Vec<&RawValue> = fields::read("messages", value)?;
    request.messages.reserve(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let turn: Turn<'_> = parse(format_args!("messages[{index}]"), message)?;
        let role = match &*turn.role {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return Err(wrong(format_args!("messages[{index}].role"), "is not one of \"user\" and \"assistant\"")),
        };
        let mut parts = Vec::with_capacity(turn.content.len());
        for (at, block) in turn.content.into_iter().enumerate() {
            match blocks::read(format_args!("messages[{index}].content[{at}]"), block, &mut request.extras)? {
                blocks::Read::Part(part) if is_out_of_place(role, &part) => {
                    let at = format_args!("messages[{index}].content[{at}]");
                    return Err(wrong(at, "can't stand in a turn of this role"));
                }
                blocks::Read::Part(part) => parts.push(part),
                // It is for all that stands before it, in an earlier message too.
                blocks::Read::Cache(hint) => {
                    let earlier = request.messages.last_mut().and_then(|message| message.parts.last_mut());
                    mark(parts.last_mut().or(earlier), hint);
                }
                blocks::Read::Nothing => {}
            }
        }
        request.messages.push(Message { role, parts });
    }
    Ok(())
}

/// Models call tools, and users give what came of it.
fn is_out_of_place(role: Role, part: &Part<'_>) -> bool {
    matches!((role, &part.content), (Role::User, Content::ToolCall(_)) | (Role::Assistant, Content::ToolResult(_)))
}

/// Puts a hint on the block before it; where there is none, there is nothing to cache.
pub(super) fn mark(before: Option<&mut Part<'_>>, hint: CacheHint) {
    if let Some(part) = before {
        part.cache = Some(hint);
    }
}

/// A `cachePoint`.
pub(super) fn cache(at: Arguments<'_>, value: &RawValue) -> Result<CacheHint, Unreadable> {
    #[derive(serde::Deserialize)]
    struct Point<'a> {
        #[serde(borrow)]
        ttl: Option<Text<'a>>,
    }
    let point: Point<'_> = parse(at, value)?;
    match point.ttl.as_deref() {
        None => Ok(CacheHint::Default),
        Some("5m") => Ok(CacheHint::FiveMinutes),
        Some("1h") => Ok(CacheHint::OneHour),
        Some(_) => Err(wrong(format_args!("{at}.ttl"), "is not one of \"5m\" and \"1h\"")),
    }
}

/// Keeps a field that has no home.
pub(super) fn keep<'a>(
    request: &mut Request<'a>,
    field: String,
    value: &'a [u8],
    loss: Loss,
) -> Result<(), Unreadable> {
    let json: Json<'_> = fields::read(&field, value)?;
    request.extras.push(Extra { field: field.into(), json, loss });
    Ok(())
}

/// Reads what stands somewhere.
pub(super) fn parse<'a, T: Deserialize<'a>>(at: Arguments<'_>, value: &'a RawValue) -> Result<T, Unreadable> {
    // The place is spelled out only for an error.
    serde_json::from_str(value.get()).or_else(|_| fields::read(&at.to_string(), value.get().as_bytes()))
}

pub(super) fn wrong(at: Arguments<'_>, wrong: &str) -> Unreadable {
    Unreadable { field: at.to_string(), wrong: wrong.to_owned() }
}

/// An object with one member, whose name says what its value is.
pub(super) struct Union<'a> {
    pub(super) kind: Text<'a>,
    pub(super) value: &'a RawValue,
}

impl<'a> Union<'a> {
    pub(super) fn read(at: Arguments<'_>, value: &'a RawValue) -> Result<Self, Unreadable> {
        let found: Option<Self> = parse::<Found<'_>>(at, value)?.0;
        found.ok_or_else(|| wrong(at, "is empty: it has one member that says what it is"))
    }

    /// The value as what its kind has.
    pub(super) fn value<T: Deserialize<'a>>(&self, at: Arguments<'_>) -> Result<T, Unreadable> {
        parse(format_args!("{at}.{}", self.kind.as_str()), self.value)
    }

    /// What can't be left out without a change of what is meant.
    pub(super) fn extra(self, at: Arguments<'_>) -> Extra<'a> {
        refused(format_args!("{at}.{}", self.kind.as_str()), self.value)
    }
}

/// A field that can't be left out.
pub(super) fn refused<'a>(at: Arguments<'_>, value: &'a RawValue) -> Extra<'a> {
    let json = Json::parse(value.get()).unwrap_or_else(Json::empty_object);
    Extra { field: at.to_string().into(), json, loss: Loss::Refused }
}

/// The first member that is not `null`.
struct Found<'a>(Option<Union<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Found<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FoundVisitor)
    }
}

struct FoundVisitor;

impl<'de> Visitor<'de> for FoundVisitor {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with one member")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        while let Some(kind) = map.next_key::<Text<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            if value.get() != "null" {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Found(Some(Union { kind, value })));
            }
        }
        Ok(Found(None))
    }
}
