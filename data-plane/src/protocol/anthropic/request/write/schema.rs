//! JSON schemas, as Anthropic wants them. What is changed keeps the order of its members: models answer in it.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/structured-outputs, read in autumn 2026.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::exchange::json::Json;
use crate::exchange::text::Text;
use crate::json;
use crate::protocol::Unsayable;

/// A schema whose root says that it is an object, as a tool's has to.
pub(super) fn of_object<'a>(schema: Option<&'a Json<'_>>, what: &str) -> Result<Json<'a>, Unsayable> {
    let Some(schema) = schema else { return Ok(Json::of(&NoArguments::default())) };
    let root = schema.as_str();
    match json::member(root.as_bytes(), b"type") {
        Some(b"\"object\"") => Ok(schema.borrowed()),
        None if schema.is_object() => match members(root) {
            Some(members) if !members.0.is_empty() => Ok(Json::of(&Typed(&members))),
            _ => Ok(Json::of(&NoArguments::default())),
        },
        _ => Err(Unsayable {
            what: what.to_owned(),
            why: "can't be sent to Anthropic: its root must have the type \"object\"".to_owned(),
        }),
    }
}

/// A schema whose objects have no members but those that it names, unless it says otherwise.
pub(super) fn closed<'a>(schema: &'a Json<'_>) -> Json<'a> {
    Json::of(&Closed(schema.as_str()))
}

#[derive(serde::Serialize)]
struct NoArguments {
    r#type: &'static str,
    properties: serde_json::Map<String, serde_json::Value>,
}

impl Default for NoArguments {
    fn default() -> Self {
        Self { r#type: "object", properties: serde_json::Map::new() }
    }
}

/// Members of an object, in their order.
struct Members<'a>(Vec<(Text<'a>, &'a RawValue)>);

fn members(object: &str) -> Option<Members<'_>> {
    serde_json::from_str(object).ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// An object's schema that does not say that it is one.
struct Typed<'m, 'a>(&'m Members<'a>);

impl Serialize for Typed<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "object")?;
        for (name, value) in &self.0.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A schema that is closed as it is written.
struct Closed<'a>(&'a str);

impl Serialize for Closed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(Members(members)) = members(self.0) else { return written(self.0, serializer) };
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &members {
            let value = value.get();
            match &**name {
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                    map.serialize_entry(name, &Named(value))?;
                }
                "anyOf" | "allOf" | "oneOf" | "prefixItems" => map.serialize_entry(name, &Listed(value))?,
                "items" | "additionalProperties" | "not" | "if" | "then" | "else" | "contains" => {
                    map.serialize_entry(name, &Closed(value))?;
                }
                _ => map.serialize_entry(name, &Written(value))?,
            }
        }
        if is_open(&members) {
            map.serialize_entry("additionalProperties", &false)?;
        }
        map.end()
    }
}

/// Whether a schema is of an object, and does not say what other members it may have.
fn is_open(members: &[(Text<'_>, &RawValue)]) -> bool {
    let member = |wanted: &str| members.iter().find(|(name, _)| &**name == wanted).map(|(_, value)| value.get());
    let is_object = match member("type") {
        Some(kind) => kind.contains("\"object\""),
        None => member("properties").is_some(),
    };
    is_object && member("additionalProperties").is_none()
}

/// Schemas by their names.
struct Named<'a>(&'a str);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(Members(members)) = members(self.0) else { return written(self.0, serializer) };
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (name, schema) in &members {
            map.serialize_entry(name, &Closed(schema.get()))?;
        }
        map.end()
    }
}

/// A list of schemas.
struct Listed<'a>(&'a str);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Ok(schemas) = serde_json::from_str::<Vec<&RawValue>>(self.0) else { return written(self.0, serializer) };
        let mut list = serializer.serialize_seq(Some(schemas.len()))?;
        for schema in schemas {
            list.serialize_element(&Closed(schema.get()))?;
        }
        list.end()
    }
}

/// JSON as it is.
struct Written<'a>(&'a str);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        written(self.0, serializer)
    }
}

fn written<S: Serializer>(json: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::from_str::<&RawValue>(json).unwrap_or(RawValue::NULL).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_wherever_they_stand_and_keep_their_order() {
        let schema = r##"{"type":"object","properties":{"z":{"type":"array","items":{"type":["object","null"],"properties":{}}},
            "properties":{"type":"string","default":{"type":"object"}},"a":{"anyOf":[{"properties":{"x":true}},{"$ref":"#/$defs/d"}]}},
            "$defs":{"d":{"type":"object","additionalProperties":{"type":"object"}}}}"##;
        let json = Json::parse(schema).unwrap();
        let expected = concat!(
            r#"{"type":"object","properties":{"z":{"type":"array","items":{"type":["object","null"],"properties":{},"additionalProperties":false}},"#,
            r#""properties":{"type":"string","default":{"type":"object"}},"#,
            r##""a":{"anyOf":[{"properties":{"x":true},"additionalProperties":false},{"$ref":"#/$defs/d"}]}},"##,
            r#""$defs":{"d":{"type":"object","additionalProperties":{"type":"object","additionalProperties":false}}},"additionalProperties":false}"#,
        );
        assert_eq!(closed(&json).as_str(), expected);
    }

    #[test]
    fn a_tools_schema_is_an_objects() {
        let of = |schema: &str| {
            let json = Json::parse(schema).unwrap();
            of_object(Some(&json), "it").map(|json| json.as_str().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(of(r#"{"a": 1, "type":"object"}"#).as_deref(), Ok(r#"{"a": 1, "type":"object"}"#));
        assert_eq!(of(r#"{"required":["x"]}"#).as_deref(), Ok(r#"{"type":"object","required":["x"]}"#));
        let none = r#"{"type":"object","properties":{}}"#;
        assert_eq!(of("{}").as_deref(), Ok(none));
        assert_eq!(of_object(None, "it").unwrap().as_str(), none);
        let expected = "it can't be sent to Anthropic: its root must have the type \"object\"";
        assert_eq!(of(r#"{"type":"array"}"#), Err(expected.to_owned()));
    }
}
