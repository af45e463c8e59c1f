//! Reads the objects inside a field in one pass over its bytes, knowing where it is: what is wrong is named, and what is unknown is kept.

use std::fmt::{self, Write as _};
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;
use crate::protocol::{Unreadable, fields};

/// Where reading is, and what it found that has no home.
#[derive(Debug, Default)]
pub(super) struct Place<'a> {
    /// `messages[2].content[0].image_url`.
    path: String,
    extras: Vec<Extra<'a>>,
}

/// An object that is filled field by field.
pub(super) trait Object<'a>: Default {
    /// Takes the field's value from `map`.
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A, place: &mut Place<'a>) -> Result<(), A::Error>;

    /// What a text in the place of the object comes to; `None` where there is no such short form.
    fn of_text(_text: Text<'a>) -> Option<Self> {
        None
    }
}

/// Reads the array of objects that a field is. Fields that the objects don't know go to `extras`.
///
/// # Errors
///
/// When it is no such array.
pub(super) fn list<'a, T: Object<'a>>(
    name: &str,
    value: &'a [u8],
    extras: &mut Vec<Extra<'a>>,
) -> Result<Vec<T>, Unreadable> {
    whole(name, value, extras, |place, deserializer| ListSeed(place, PhantomData).deserialize(deserializer))
}

/// Reads the object that a field is, as [`list`] does.
///
/// # Errors
///
/// When it is none.
pub(super) fn one<'a, T: Object<'a>>(
    name: &str,
    value: &'a [u8],
    extras: &mut Vec<Extra<'a>>,
) -> Result<T, Unreadable> {
    whole(name, value, extras, |place, deserializer| ObjectSeed(place, PhantomData).deserialize(deserializer))
        .map(Option::unwrap_or_default)
}

type FieldDeserializer<'a> = serde_json::Deserializer<serde_json::de::SliceRead<'a>>;

fn whole<'a, T>(
    name: &str,
    value: &'a [u8],
    extras: &mut Vec<Extra<'a>>,
    read: impl FnOnce(&mut Place<'a>, &mut FieldDeserializer<'a>) -> serde_json::Result<T>,
) -> Result<T, Unreadable> {
    let mut place = Place { path: name.to_owned(), extras: Vec::new() };
    let found = read(&mut place, &mut serde_json::Deserializer::from_slice(value));
    extras.append(&mut place.extras);
    found.map_err(|error| fields::unreadable(&place.path, &error))
}

impl<'a> Place<'a> {
    /// Takes an object.
    pub(super) fn object<T: Object<'a>, A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<Option<T>, A::Error> {
        map.next_value_seed(ObjectSeed(self, PhantomData))
    }

    /// Takes an array of objects; `null` is an empty one.
    pub(super) fn list<T: Object<'a>, A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<Vec<T>, A::Error> {
        map.next_value_seed(ListSeed(self, PhantomData))
    }

    /// Takes a text, or an array of objects in its place.
    pub(super) fn text_or_list<T: Object<'a>, A: MapAccess<'a>>(
        &mut self,
        map: &mut A,
    ) -> Result<Option<TextOrList<'a, T>>, A::Error> {
        map.next_value_seed(TextOrListSeed(self, PhantomData))
    }

    /// Takes what is not known, and keeps it.
    pub(super) fn extra<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.extra_of(map, Loss::Warned)
    }

    /// Takes what has no home, and keeps it with what its loss comes to.
    pub(super) fn extra_of<A: MapAccess<'a>>(&mut self, map: &mut A, loss: Loss) -> Result<(), A::Error> {
        let json: Json<'a> = map.next_value()?;
        if !matches!(json.as_str(), "null" | "[]" | "{}") {
            self.extras.push(Extra { field: self.path.clone().into(), json, loss });
        }
        Ok(())
    }

    fn read_object<T: Object<'a>, A: MapAccess<'a>>(&mut self, mut map: A) -> Result<T, A::Error> {
        let mut object = T::default();
        let here = self.path.len();
        while let Some(name) = map.next_key::<Text<'a>>()? {
            self.path.push('.');
            self.path.push_str(&name);
            object.field(&name, &mut map, self)?;
            // Not in case of an error, which is to name the place.
            self.path.truncate(here);
        }
        Ok(object)
    }

    fn read_list<T: Object<'a>, A: SeqAccess<'a>>(&mut self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        let here = self.path.len();
        loop {
            // Writing into a string does not fail.
            let _ = write!(self.path, "[{}]", list.len());
            match items.next_element_seed(ObjectSeed(self, PhantomData))? {
                Some(Some(item)) => list.push(item),
                Some(None) => return Err(A::Error::custom("it is null")),
                None => break,
            }
            self.path.truncate(here);
        }
        self.path.truncate(here);
        Ok(list)
    }
}

/// A text, or an array in its place.
#[derive(Debug)]
pub(super) enum TextOrList<'a, T> {
    Text(Text<'a>),
    List(Vec<T>),
}

struct ObjectSeed<'p, 'a, T>(&'p mut Place<'a>, PhantomData<T>);

impl<'a, T: Object<'a>> DeserializeSeed<'a> for ObjectSeed<'_, 'a, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, T: Object<'a>> Visitor<'a> for ObjectSeed<'_, 'a, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'a str) -> Result<Option<T>, E> {
        T::of_text(text.into()).map(Some).ok_or_else(|| E::custom("expected an object, not a string"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<T>, E> {
        T::of_text(text.to_owned().into()).map(Some).ok_or_else(|| E::custom("expected an object, not a string"))
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Option<T>, A::Error> {
        self.0.read_object(map).map(Some)
    }
}

struct ListSeed<'p, 'a, T>(&'p mut Place<'a>, PhantomData<T>);

impl<'a, T: Object<'a>> DeserializeSeed<'a> for ListSeed<'_, 'a, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, T: Object<'a>> Visitor<'a> for ListSeed<'_, 'a, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, items: A) -> Result<Vec<T>, A::Error> {
        self.0.read_list(items)
    }
}

struct TextOrListSeed<'p, 'a, T>(&'p mut Place<'a>, PhantomData<T>);

impl<'a, T: Object<'a>> DeserializeSeed<'a> for TextOrListSeed<'_, 'a, T> {
    type Value = Option<TextOrList<'a, T>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, T: Object<'a>> Visitor<'a> for TextOrListSeed<'_, 'a, T> {
    type Value = Option<TextOrList<'a, T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of parts")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(TextOrList::Text(text.into())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(TextOrList::Text(text.to_owned().into())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, items: A) -> Result<Self::Value, A::Error> {
        self.0.read_list(items).map(|list| Some(TextOrList::List(list)))
    }
}

/// Takes a value that may be `null`, which is as if it were not there.
pub(super) fn value<'a, T: Deserialize<'a>, A: MapAccess<'a>>(map: &mut A) -> Result<Option<T>, A::Error> {
    map.next_value()
}
