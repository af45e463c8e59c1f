//! JSON schemas, as Anthropic wants them. What is put in changes no byte of the rest: models answer in the order of the members.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/structured-outputs, read in autumn 2026.

use crate::exchange::json::Json;
use crate::json::{self, JsonError, Scanner};
use crate::protocol::Unsayable;

/// What a schema ends with whose objects have no members but those that it names.
const CLOSED: &str = r#","additionalProperties":false"#;

/// A schema whose root says that it is an object, as a tool's has to.
pub(super) fn of_object<'a>(schema: Option<&'a Json<'_>>, what: &str) -> Result<Json<'a>, Unsayable> {
    let Some(schema) = schema else { return Ok(no_arguments()) };
    match json::member(schema.as_str().as_bytes(), b"type") {
        Some(b"\"object\"") => Ok(schema.borrowed()),
        None if schema.is_object() => Ok(typed(schema)),
        _ => Err(Unsayable {
            what: what.to_owned(),
            why: "can't be sent to Anthropic: its root must have the type \"object\"".to_owned(),
        }),
    }
}

fn no_arguments() -> Json<'static> {
    Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(Json::empty_object)
}

/// An object's schema that does not say that it is one.
fn typed<'a>(schema: &'a Json<'_>) -> Json<'a> {
    let members = schema.as_str().get(1..).unwrap_or_default().trim_start();
    if members.starts_with('}') {
        return no_arguments();
    }
    let typed = format!(r#"{{"type":"object",{members}"#);
    owned(&typed).unwrap_or_else(|| schema.borrowed())
}

/// A schema whose objects have no members but those that it names, unless it says otherwise. One that nests deeper than any model follows stays as
/// it is.
pub(super) fn closed<'a>(schema: &'a Json<'_>) -> Json<'a> {
    let text = schema.as_str();
    let mut open = Open { schema: text, ends: Vec::new() };
    if open.schema(&mut Scanner::new(text.as_bytes()), 1).is_err() || open.ends.is_empty() {
        return schema.borrowed();
    }
    let mut closed = String::with_capacity(text.len() + open.ends.len() * CLOSED.len());
    let mut from = 0;
    for end in open.ends {
        closed.push_str(text.get(from..end).unwrap_or_default());
        closed.push_str(CLOSED);
        from = end;
    }
    closed.push_str(text.get(from..).unwrap_or_default());
    owned(&closed).unwrap_or_else(|| schema.borrowed())
}

fn owned<'a>(json: &str) -> Option<Json<'a>> {
    Json::parse(json).map(|json| json.into_owned())
}

/// Finds the schemas of objects that do not say what other members these may have: in one pass, however deep they stand in each other.
struct Open<'a> {
    schema: &'a str,
    /// Where they end, in their order.
    ends: Vec<usize>,
}

impl Open<'_> {
    /// Past the schema that begins here, if it is one.
    fn schema(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<(), JsonError> {
        if scanner.peek() != Some(b'{') {
            return scanner.value(depth);
        }
        let (mut kind, mut has_properties, mut is_told) = (None, false, false);
        scanner.members(depth, |scanner, key, _| {
            let begin = scanner.at();
            match key {
                b"properties" | b"patternProperties" | b"$defs" | b"definitions" | b"dependentSchemas" => {
                    has_properties |= key == b"properties";
                    self.by_name(scanner, depth + 1)
                }
                b"anyOf" | b"allOf" | b"oneOf" | b"prefixItems" => self.listed(scanner, depth + 1),
                b"items" | b"additionalProperties" | b"not" | b"if" | b"then" | b"else" | b"contains" => {
                    is_told |= key == b"additionalProperties";
                    self.schema(scanner, depth + 1)
                }
                b"type" => {
                    scanner.value(depth + 1)?;
                    kind = self.schema.get(begin..scanner.at());
                    Ok(())
                }
                _ => scanner.value(depth + 1),
            }
        })?;
        let is_object = kind.map_or(has_properties, |kind| kind.contains("\"object\""));
        if is_object && !is_told {
            self.ends.push(scanner.at() - 1);
        }
        Ok(())
    }

    fn by_name(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<(), JsonError> {
        if scanner.peek() != Some(b'{') {
            return scanner.value(depth);
        }
        scanner.members(depth, |scanner, _, _| self.schema(scanner, depth + 1))
    }

    fn listed(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<(), JsonError> {
        if scanner.peek() != Some(b'[') {
            return scanner.value(depth);
        }
        scanner.items(depth, |scanner| self.schema(scanner, depth + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_wherever_they_stand_and_keep_their_order() {
        let schema = concat!(
            r#"{"type":"object","properties":{"z" : {"type":"array","items":{"type":["object","null"],"properties":{ } }},"#,
            r#""properties":{"type":"string","default":{"type":"object"}},"#,
            r##""a":{"anyOf":[{"properties":{"x":true}},{"$ref":"#/$defs/d"}, true]}},"##,
            r#""$defs":{"d":{"type":"object","additionalProperties":{"type":"object"}}}}"#,
        );
        let json = Json::parse(schema).unwrap();
        let expected = concat!(
            r#"{"type":"object","properties":{"z" : {"type":"array","items":{"type":["object","null"],"properties":{ } ,"additionalProperties":false}},"#,
            r#""properties":{"type":"string","default":{"type":"object"}},"#,
            r##""a":{"anyOf":[{"properties":{"x":true},"additionalProperties":false},{"$ref":"#/$defs/d"}, true]}},"##,
            r#""$defs":{"d":{"type":"object","additionalProperties":{"type":"object","additionalProperties":false}}},"additionalProperties":false}"#,
        );
        assert_eq!(closed(&json).as_str(), expected);
    }

    #[test]
    fn a_schema_without_bottom_stays_as_it_is() {
        let schema = format!("{}{{}}{}", r#"{"items":"#.repeat(100_000), "}".repeat(100_000));
        let json = Json::parse(&schema).unwrap();
        assert_eq!(closed(&json).as_str(), schema);
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
