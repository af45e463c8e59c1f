//! Schemas of tools' arguments, as Anthropic wants them.
//!
//! Source: docs.anthropic.com/en/docs/agents-and-tools/tool-use, read in autumn 2026.

use crate::exchange::json::Json;
use crate::json;
use crate::protocol::Unsayable;

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

fn owned<'a>(json: &str) -> Option<Json<'a>> {
    Json::parse(json).map(|json| json.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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
