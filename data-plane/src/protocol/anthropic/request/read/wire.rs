//! How messages and their pieces are written: read in one pass, whatever their order, with the members that are not known kept.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::place::Place;
use super::{members, wrong};
use crate::exchange::json::Json;
use crate::exchange::message::CacheHint;
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

/// Members that are not known, with their values.
pub(super) type Unknown<'a> = Vec<(Text<'a>, Json<'a>)>;

/// An object whose members are read one by one. Unlike `#[serde(flatten)]`, it copies nothing to keep those that are not known.
pub(super) trait Object<'a>: Default {
    fn member<A: MapAccess<'a>>(&mut self, name: Text<'a>, map: &mut A) -> Result<(), A::Error>;
}

/// Reads an [`Object`].
pub(super) fn object<'a, T: Object<'a>, D: Deserializer<'a>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'a, T: Object<'a>> Visitor<'a> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<T, A::Error> {
        let mut object = T::default();
        while let Some(name) = map.next_key::<Text<'a>>()? {
            object.member(name, &mut map)?;
        }
        Ok(object)
    }
}

/// Keeps a member that is not known, unless it says nothing.
pub(super) fn keep<'a, A: MapAccess<'a>>(
    name: Text<'a>,
    map: &mut A,
    unknown: &mut Unknown<'a>,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value::<Option<Json<'a>>>()? {
        unknown.push((name, value));
    }
    Ok(())
}

/// One of `messages`.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub(super) role: Option<Text<'a>>,
    pub(super) content: Option<Said<'a>>,
    pub(super) unknown: Unknown<'a>,
}

impl<'a> Object<'a> for Message<'a> {
    fn member<A: MapAccess<'a>>(&mut self, name: Text<'a>, map: &mut A) -> Result<(), A::Error> {
        match &*name {
            "role" => self.role = map.next_value()?,
            "content" => self.content = map.next_value()?,
            _ => keep(name, map, &mut self.unknown)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer)
    }
}

/// What is said: a text, or blocks.
pub(super) enum Said<'a> {
    Text(Text<'a>),
    Blocks(Vec<Block<'a>>),
    /// An object, as the results of some server tools have it.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor(PhantomData))
    }
}

struct SaidVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for SaidVisitor<'a> {
    type Value = Said<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of blocks")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Said<'a>, E> {
        Ok(Said::Text(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Said<'a>, E> {
        Ok(Said::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Said<'a>, A::Error> {
        let mut blocks = Vec::new();
        while let Some(block) = list.next_element()? {
            blocks.push(block);
        }
        Ok(Said::Blocks(blocks))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said<'a>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Said::Other)
    }
}

/// A piece of a message, of any kind: the members of all of them.
#[derive(Default)]
pub(super) struct Block<'a> {
    pub(super) kind: Option<Text<'a>>,
    pub(super) text: Option<Text<'a>>,
    /// A list in a text, a setting in a document.
    pub(super) citations: Option<&'a RawValue>,
    pub(super) source: Option<Source<'a>>,
    pub(super) title: Option<Text<'a>>,
    pub(super) context: Option<Text<'a>>,
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) input: Option<Json<'a>>,
    pub(super) tool_use_id: Option<Text<'a>>,
    pub(super) content: Option<Said<'a>>,
    pub(super) is_error: Option<bool>,
    pub(super) thinking: Option<Text<'a>>,
    pub(super) signature: Option<Text<'a>>,
    pub(super) data: Option<Text<'a>>,
    pub(super) cache: Option<CacheControl<'a>>,
    pub(super) unknown: Unknown<'a>,
}

impl<'a> Object<'a> for Block<'a> {
    fn member<A: MapAccess<'a>>(&mut self, name: Text<'a>, map: &mut A) -> Result<(), A::Error> {
        match &*name {
            "type" => self.kind = map.next_value()?,
            "text" => self.text = map.next_value()?,
            "citations" => self.citations = map.next_value()?,
            "source" => self.source = map.next_value()?,
            "title" => self.title = map.next_value()?,
            "context" => self.context = map.next_value()?,
            "id" => self.id = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "input" => self.input = map.next_value()?,
            "tool_use_id" => self.tool_use_id = map.next_value()?,
            "content" => self.content = map.next_value()?,
            "is_error" => self.is_error = map.next_value()?,
            "thinking" => self.thinking = map.next_value()?,
            "signature" => self.signature = map.next_value()?,
            "data" => self.data = map.next_value()?,
            "cache_control" => self.cache = map.next_value()?,
            _ => keep(name, map, &mut self.unknown)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Block<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer)
    }
}

/// Where bytes are. A search result's is a text, which says nothing here.
#[derive(Default)]
pub(super) struct Source<'a>(pub(super) SourceMembers<'a>);

#[derive(Default, Deserialize)]
pub(super) struct SourceMembers<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    pub(super) media_type: Option<Text<'a>>,
    pub(super) data: Option<Text<'a>>,
    pub(super) url: Option<Text<'a>>,
    pub(super) file_id: Option<Text<'a>>,
    pub(super) content: Option<Said<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor(PhantomData))
    }
}

struct SourceVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for SourceVisitor<'a> {
    type Value = Source<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Source<'a>, E> {
        Ok(Source::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source<'a>, A::Error> {
        SourceMembers::deserialize(MapAccessDeserializer::new(map)).map(Source)
    }
}

/// `{"type": "ephemeral", "ttl"}`.
#[derive(Deserialize)]
pub(super) struct CacheControl<'a> {
    #[serde(borrow)]
    ttl: Option<Text<'a>>,
}

impl CacheControl<'_> {
    pub(super) fn hint(&self, place: &Place<'_>) -> Result<CacheHint, Unreadable> {
        match self.ttl.as_deref() {
            None => Ok(CacheHint::Default),
            Some("5m") => Ok(CacheHint::FiveMinutes),
            Some("1h") => Ok(CacheHint::OneHour),
            Some(_) => {
                let cache = Place::Member(place, "cache_control");
                Err(Place::Member(&cache, "ttl").wrong("is not one of \"5m\" and \"1h\""))
            }
        }
    }
}

/// A hint that stands on top of a request.
pub(super) fn cache_hint(field: &str, value: &[u8]) -> Result<CacheHint, Unreadable> {
    let mut hint = CacheHint::Default;
    members(field, value, |field, name, value| {
        if name == "ttl" {
            hint = match &*fields::read::<Text<'_>>(field, value)? {
                "5m" => CacheHint::FiveMinutes,
                "1h" => CacheHint::OneHour,
                _ => return Err(wrong(field, "is not one of \"5m\" and \"1h\"")),
            };
        }
        Ok(())
    })?;
    Ok(hint)
}
