//! Objects of a request, read in one pass: what they know into their fields, and what they don't know kept.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;

/// Something with fields.
pub(in crate::protocol::gemini) trait Object<'de>: Default {
    /// Reads the value of a field if it knows the name, and says whether it did.
    ///
    /// # Errors
    ///
    /// When the value is none of the field's.
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error>;
}

/// An object that was read.
#[derive(Debug)]
pub(in crate::protocol::gemini) struct Read<'a, T> {
    pub(in crate::protocol::gemini) value: T,
    /// The fields that it doesn't know.
    pub(in crate::protocol::gemini) unknown: Vec<(Text<'a>, Json<'a>)>,
}

/// Several objects. One alone may stand without its array, as Google's own examples have it.
#[derive(Debug)]
pub(in crate::protocol::gemini) struct Many<'a, T>(pub(in crate::protocol::gemini) Vec<Read<'a, T>>);

impl<'a, T> Read<'a, T> {
    /// The value; what it does not know becomes extras below a place.
    pub(super) fn known(self, place: &dyn fmt::Display, loss: Loss, extras: &mut Vec<Extra<'a>>) -> T {
        for (name, json) in self.unknown {
            if json.as_str() != "null" {
                extras.push(Extra { field: format!("{place}.{}", &*name).into(), json, loss });
            }
        }
        self.value
    }
}

impl<'de, T: Object<'de>> Deserialize<'de> for Read<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneVisitor(PhantomData))
    }
}

impl<'de, T: Object<'de>> Deserialize<'de> for Many<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

struct OneVisitor<T>(PhantomData<T>);

impl<'de, T: Object<'de>> Visitor<'de> for OneVisitor<T> {
    type Value = Read<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut read = Read { value: T::default(), unknown: Vec::new() };
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if !read.value.field(&name, &mut map)? {
                read.unknown.push((name, map.next_value()?));
            }
        }
        Ok(read)
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<'de, T: Object<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Self::Value, S::Error> {
        let mut many = Vec::new();
        while let Some(item) = items.next_element()? {
            many.push(item);
        }
        Ok(Many(many))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        Read::deserialize(MapAccessDeserializer::new(map)).map(|one| Many(vec![one]))
    }
}
