//! Which schemas of arguments OpenAI takes as `strict`: those whose objects name all their members, and require each. It refuses others, which
//! Anthropic, Amazon and Cohere take.
//!
//! Source: platform.openai.com/docs/guides/structured-outputs (supported schemas), read in autumn 2026.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::exchange::json::Json;
use crate::exchange::tool::Tool;

/// Of a tool that is held to its schema.
pub(in crate::protocol) const LOOSE: &str = "was left out: OpenAI holds a model to schemas alone whose objects have additionalProperties false and require every property";

/// Whether a tool's schema is to be kept to, and whether OpenAI can be told so.
pub(in crate::protocol) fn said(tool: &Tool<'_>) -> Option<bool> {
    tool.strict.map(|is_strict| is_strict && tool.parameters.as_ref().is_some_and(takes))
}

/// Whether OpenAI can't be told what is asked of one of the tools.
pub(in crate::protocol) fn is_lost(tools: &[Tool<'_>]) -> bool {
    tools.iter().any(|tool| tool.strict == Some(true) && said(tool) == Some(false))
}

fn takes(schema: &Json<'_>) -> bool {
    serde_json::from_str::<Schema>(schema.as_str()).is_ok_and(|schema| schema.is_strict && schema.is_object)
}

/// What matters of a schema. One that is none, or has a member of another kind than schemas have, is an error.
struct Schema {
    is_strict: bool,
    is_object: bool,
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SchemaVisitor)
    }
}

struct SchemaVisitor;

impl<'de> Visitor<'de> for SchemaVisitor {
    type Value = Schema;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Schema, E> {
        Ok(Schema { is_strict: true, is_object: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Schema, A::Error> {
        let (mut is_strict, mut is_object, mut is_closed) = (true, false, false);
        let (mut named, mut required) = (HashSet::new(), HashSet::new());
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "type" => is_object |= map.next_value::<&RawValue>()?.get().contains("\"object\""),
                "additionalProperties" => is_closed = map.next_value::<&RawValue>()?.get() == "false",
                "required" => required.extend(map.next_value::<Vec<Cow<'de, str>>>()?),
                "properties" => {
                    let Properties(schemas) = map.next_value()?;
                    is_object = true;
                    is_strict &= schemas.iter().all(|(_, schema)| schema.is_strict);
                    named.extend(schemas.into_iter().map(|(name, _)| name));
                }
                "$defs" | "definitions" => {
                    is_strict &= map.next_value::<Properties<'de>>()?.0.iter().all(|(_, schema)| schema.is_strict);
                }
                "anyOf" => is_strict &= map.next_value::<Vec<Schema>>()?.iter().all(|schema| schema.is_strict),
                "items" => is_strict &= map.next_value::<Schema>()?.is_strict,
                "allOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentRequired" | "dependentSchemas"
                | "patternProperties" => {
                    is_strict = false;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let is_strict = is_strict && (!is_object || is_closed && named == required);
        Ok(Schema { is_strict, is_object })
    }
}

/// Schemas by their names.
struct Properties<'a>(Vec<(Cow<'a, str>, Schema)>);

impl<'de> Deserialize<'de> for Properties<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PropertiesVisitor)
    }
}

struct PropertiesVisitor;

impl<'de> Visitor<'de> for PropertiesVisitor {
    type Value = Properties<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("schemas by their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties<'de>, A::Error> {
        let mut schemas = Vec::new();
        while let Some(entry) = map.next_entry()? {
            schemas.push(entry);
        }
        Ok(Properties(schemas))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_closed_objects_that_require_all_they_name_are_strict() {
        let closed =
            r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
        let open = r#"{"type":"object","properties":{"a":{}},"required":["a"]}"#;
        for (schema, expected) in [
            (closed.to_owned(), true),
            (r#"{"properties":{},"additionalProperties":false}"#.to_owned(), true),
            (closed.replace(r#"{"type":"string"}"#, r#"{"type":["string","null"]}"#), true),
            (closed.replace(r#"{"type":"string"}"#, r#"{"allOf":[]}"#), false),
            (closed.replace(r#"["a"]"#, r#"["a","b"]"#), false),
            ("{}".to_owned(), false),
            (open.to_owned(), false),
            (r#"{"type":"object"}"#.to_owned(), false),
            (closed.replace(r#""required":["a"]"#, r#""required":[]"#), false),
            (closed.replace(r#"{"type":"string"}"#, open), false),
            (closed.replace(r#"{"type":"string"}"#, &format!(r#"{{"type":"array","items":{open}}}"#)), false),
            (closed.replace(r#"{"type":"string"}"#, &format!(r#"{{"anyOf":[{closed},{open}]}}"#)), false),
            (closed.replace(r#"{"type":"string"}"#, &format!(r#"{{"anyOf":[{closed},{{"type":"null"}}]}}"#)), true),
            (closed.replace(r#""type":"object","#, &format!(r#""type":"object","$defs":{{"d":{open}}},"#)), false),
            (closed.replace("false", "true"), false),
            (r#"{"properties":1}"#.to_owned(), false),
            ("1".to_owned(), false),
        ] {
            assert_eq!(takes(&Json::parse(&schema).unwrap()), expected, "{schema}");
        }
    }
}
