//! Schemas in Google's subset of OpenAPI 3.0, as JSON schemas: types in lower case, `nullable` as a type, counts as numbers. The order of
//! properties stays: models answer in it.
//!
//! Source: ai.google.dev/api/caching#Schema, read in autumn 2026. Only callers write such schemas; upstreams get JSON schemas, which Gemini's and
//! Vertex's `parametersJsonSchema` and `responseJsonSchema` take as they are.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use super::request::object::{Many, Object, Read};
use crate::exchange::json::Json;
use crate::exchange::text::Text;

/// A schema.
pub(super) type Schema<'a> = Read<'a, Fields<'a>>;

/// The fields of a schema that JSON schema has otherwise; the others stay as they are.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    r#type: Option<Text<'a>>,
    format: Option<Text<'a>>,
    nullable: Option<bool>,
    values: Option<Vec<Json<'a>>>,
    items: Option<Box<Schema<'a>>>,
    properties: Option<Named<'a>>,
    definitions: Option<Named<'a>>,
    reference: Option<Text<'a>>,
    any_of: Option<Many<'a, Fields<'a>>>,
    /// Whole numbers, which Google writes as texts.
    counts: Vec<(&'static str, Json<'a>)>,
    example: Option<Json<'a>>,
}

/// Schemas by their names, in their order.
#[derive(Debug)]
struct Named<'a>(Vec<(Text<'a>, Schema<'a>)>);

impl<'de> Object<'de> for Fields<'de> {
    fn field<M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "type" => return self.type_field(map),
            "format" => self.format = map.next_value()?,
            "nullable" => self.nullable = map.next_value()?,
            "enum" => self.values = map.next_value()?,
            "items" => self.items = map.next_value()?,
            "properties" => self.properties = map.next_value()?,
            "defs" | "$defs" => self.definitions = map.next_value()?,
            "ref" | "$ref" => self.reference = map.next_value()?,
            "anyOf" | "any_of" => self.any_of = map.next_value()?,
            "example" => self.example = map.next_value()?,
            "propertyOrdering" | "property_ordering" => drop(map.next_value::<Json<'de>>()?),
            _ => match count(name) {
                Some(count) => self.counts.push((count, map.next_value()?)),
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

impl<'de> Fields<'de> {
    fn type_field<M: MapAccess<'de>>(&mut self, map: &mut M) -> Result<bool, M::Error> {
        let word: Option<Text<'de>> = map.next_value()?;
        self.r#type = word.filter(|word| *word != "TYPE_UNSPECIFIED".into()).map(lower);
        Ok(true)
    }
}

/// JSON schema's name of a field that is a count.
fn count(name: &str) -> Option<&'static str> {
    Some(match name {
        "minItems" | "min_items" => "minItems",
        "maxItems" | "max_items" => "maxItems",
        "minLength" | "min_length" => "minLength",
        "maxLength" | "max_length" => "maxLength",
        "minProperties" | "min_properties" => "minProperties",
        "maxProperties" | "max_properties" => "maxProperties",
        _ => return None,
    })
}

fn lower(word: Text<'_>) -> Text<'_> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) { word.to_ascii_lowercase().into() } else { word }
}

impl Serialize for Read<'_, Fields<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = &self.value;
        let mut map = serializer.serialize_map(None)?;
        fields.kind(&mut map)?;
        for (name, json) in &self.unknown {
            map.serialize_entry(name, json)?;
        }
        for (name, json) in &fields.counts {
            map.serialize_entry(name, &number(json))?;
        }
        entry(&mut map, "items", fields.items.as_ref())?;
        entry(&mut map, "properties", fields.properties.as_ref())?;
        entry(&mut map, "anyOf", fields.any_of().as_ref())?;
        entry(&mut map, "$ref", fields.reference.as_ref())?;
        entry(&mut map, "$defs", fields.definitions.as_ref())?;
        entry(&mut map, "examples", fields.example.as_ref().map(|example| [example]).as_ref())?;
        map.end()
    }
}

fn entry<M: SerializeMap>(map: &mut M, name: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

impl<'a> Fields<'a> {
    /// Writes which values it is of.
    fn kind<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.r#type {
            Some(word) if self.is_nullable() => map.serialize_entry("type", &[&**word, "null"])?,
            word => entry(map, "type", word.as_ref())?,
        }
        entry(map, "format", self.format.as_ref().filter(|format| format.as_str() != "enum"))?;
        let values = self.values.as_deref().map(|values| Values { values, is_nullable: self.is_nullable() });
        entry(map, "enum", values.as_ref())
    }

    fn is_nullable(&self) -> bool {
        self.nullable == Some(true)
    }

    /// The schemas of which one holds: that of `null` is among them where nothing else says that it may be.
    fn any_of(&self) -> Option<Vec<Either<'_, 'a>>> {
        let schemas = self.any_of.as_ref()?.0.iter().map(Either::Schema);
        let null = (self.is_nullable() && self.r#type.is_none()).then_some(Either::Null { r#type: "null" });
        Some(schemas.chain(null).collect())
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Either<'s, 'a> {
    Schema(&'s Schema<'a>),
    Null { r#type: &'static str },
}

/// A count that may be written as a text.
fn number<'a>(json: &'a Json<'_>) -> Json<'a> {
    let digits = json.as_str().trim_matches('"');
    Json::parse(digits).unwrap_or_else(|| json.borrowed())
}

/// The values of an `enum`; a schema that takes `null` has it among them.
struct Values<'a> {
    values: &'a [Json<'a>],
    is_nullable: bool,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has_null = self.values.iter().any(|value| value.as_str() == "null");
        let null = Json::of(&());
        let added = (self.is_nullable && !has_null).then_some(&null);
        serializer.collect_seq(self.values.iter().map(Json::borrowed).chain(added.map(Json::borrowed)))
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, schema)| (name, schema)))
    }
}

impl<'de> Deserialize<'de> for Named<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor)
    }
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = Named<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of schemas")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Named<'de>, M::Error> {
        let mut named = Vec::new();
        while let Some(entry) = map.next_entry()? {
            named.push(entry);
        }
        Ok(Named(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_schema(openapi: &str) -> String {
        serde_json::to_string(&serde_json::from_str::<Schema<'_>>(openapi).unwrap()).unwrap()
    }

    #[test]
    fn a_schema_of_googles_becomes_a_json_schema_whose_properties_keep_their_order() {
        let openapi = r#"{"type":"OBJECT","properties":{
            "z":{"type":"STRING","format":"enum","enum":["a","b"],"nullable":true},
            "a":{"type":"ARRAY","minItems":"1","max_items":2,"items":{"type":"INTEGER","format":"int32","minimum":0}},
            "n":{"anyOf":[{"type":"NUMBER"},{"type":"NULL"}],"description":"d"},
            "u":{"type":"TYPE_UNSPECIFIED","example":3}
        },"required":["z"],"propertyOrdering":["z","a"]}"#;
        let written = json_schema(openapi);
        let value: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(value["properties"]["z"], serde_json::json!({"type": ["string", "null"], "enum": ["a", "b", null]}));
        let array = serde_json::json!({"type": "array", "minItems": 1, "maxItems": 2,
            "items": {"type": "integer", "format": "int32", "minimum": 0}});
        assert_eq!(value["properties"]["a"], array);
        let either = serde_json::json!({"anyOf": [{"type": "number"}, {"type": "null"}], "description": "d"});
        assert_eq!(value["properties"]["n"], either);
        assert_eq!(value["properties"]["u"], serde_json::json!({"examples": [3]}));
        assert_eq!(value["required"], serde_json::json!(["z"]));
        assert!(value.get("propertyOrdering").is_none());
        let at = |name: &str| written.find(&format!("\"{name}\":{{")).unwrap();
        assert!(at("z") < at("a") && at("a") < at("n") && at("n") < at("u"), "{written}");
    }

    #[test]
    fn what_may_be_null_says_so_where_json_schema_does() {
        for (openapi, expected) in [
            (r#"{"type":"STRING","nullable":true}"#, r#"{"type":["string","null"]}"#),
            (r#"{"type":"STRING","nullable":false}"#, r#"{"type":"string"}"#),
            (
                r#"{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}],"nullable":true}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}"#,
            ),
        ] {
            assert_eq!(json_schema(openapi), expected);
        }
    }

    #[test]
    fn references_get_the_names_that_json_schema_has_for_them() {
        let openapi = r##"{"ref":"#/$defs/t","defs":{"t":{"type":"STRING"}},"additionalProperties":false}"##;
        let expected = r##"{"additionalProperties":false,"$ref":"#/$defs/t","$defs":{"t":{"type":"string"}}}"##;
        assert_eq!(json_schema(openapi), expected);
    }
}
