//! Schemas that Claude is held to: objects have no members but those that they name, and bounds of numbers and lengths can only be said in words.
//! What changes leaves the order of the rest: models answer in it.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/structured-outputs, read in autumn 2026.

use std::ops::Range;

use crate::exchange::json::Json;
use crate::json::{JsonError, Scanner};

/// What a schema ends with whose objects have no members but those that it names.
const CLOSED: &str = r#","additionalProperties":false"#;

/// Of a schema.
pub(in crate::protocol) const LOOSENED: &str =
    "was loosened: Claude is held to no bounds of numbers and lengths, and told them in words";

/// A schema as Claude takes it. One that nests deeper than any model follows stays as it is.
pub(in crate::protocol) fn held<'a>(schema: &'a Json<'_>) -> Json<'a> {
    let Some(Changes { mut edits, .. }) = Changes::of(schema).filter(|changes| !changes.edits.is_empty()) else {
        return schema.borrowed();
    };
    edits.sort_by_key(|(range, _)| range.start);
    let text = schema.as_str();
    let (mut held, mut from) = (String::with_capacity(text.len() + edits.len() * CLOSED.len()), 0);
    for (range, with) in edits {
        held.push_str(text.get(from..range.start).unwrap_or_default());
        held.push_str(&with);
        from = range.end;
    }
    held.push_str(text.get(from..).unwrap_or_default());
    match Json::parse(&held) {
        Some(held) => held.into_owned(),
        None => schema.borrowed(),
    }
}

/// Whether it says more than Claude can be held to.
pub(in crate::protocol) fn is_loosened(schema: &Json<'_>) -> bool {
    Changes::of(schema).is_some_and(|changes| changes.is_loosened)
}

/// What changes in a schema: found in one pass, however deep its parts stand in each other.
struct Changes<'a> {
    schema: &'a str,
    /// Which bytes become which others. None overlaps another.
    edits: Vec<(Range<usize>, String)>,
    is_loosened: bool,
}

/// What was seen of one object of a schema.
#[derive(Default)]
struct Seen {
    kind: Option<Range<usize>>,
    description: Option<Range<usize>>,
    has_properties: bool,
    says_others: bool,
    keeps_some: bool,
    /// Where the last member ends.
    end: usize,
    /// Where members begin that go, and after which none stays yet.
    gone_from: Option<usize>,
    /// The bounds that go, in words.
    bounds: Vec<String>,
}

impl<'a> Changes<'a> {
    fn of(schema: &'a Json<'_>) -> Option<Self> {
        let mut changes = Self { schema: schema.as_str(), edits: Vec::new(), is_loosened: false };
        let read = changes.schema(&mut Scanner::new(changes.schema.as_bytes()), 1);
        read.is_ok().then_some(changes)
    }

    /// Past the schema that begins here, if it is one.
    fn schema(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<(), JsonError> {
        if scanner.peek() != Some(b'{') {
            return scanner.value(depth);
        }
        let mut seen = Seen::default();
        scanner.members(depth, |scanner, key, key_at| {
            let begin = scanner.at();
            match key {
                b"properties" | b"patternProperties" | b"$defs" | b"definitions" | b"dependentSchemas" => {
                    seen.has_properties |= key == b"properties";
                    self.by_name(scanner, depth + 1)?;
                }
                b"anyOf" | b"allOf" | b"oneOf" | b"prefixItems" => self.listed(scanner, depth + 1)?,
                b"items" | b"additionalProperties" | b"not" | b"if" | b"then" | b"else" | b"contains" => {
                    seen.says_others |= key == b"additionalProperties";
                    self.schema(scanner, depth + 1)?;
                }
                _ => scanner.value(depth + 1)?,
            }
            let value = begin..scanner.at();
            match key {
                b"type" => seen.kind = Some(value.clone()),
                b"description" => seen.description = Some(value.clone()),
                _ => {}
            }
            self.member(&mut seen, key, key_at.start, value);
            Ok(())
        })?;
        self.end(seen, scanner.at() - 1);
        Ok(())
    }

    /// Leaves a member out, if it is a bound.
    fn member(&mut self, seen: &mut Seen, key: &[u8], begin: usize, value: Range<usize>) {
        let end = value.end;
        match bound(key, self.schema.get(value).unwrap_or_default()) {
            None => {
                if let Some(from) = seen.gone_from.take() {
                    self.edits.push((from..begin, String::new()));
                }
                seen.keeps_some = true;
            }
            Some(words) => {
                seen.bounds.push(words);
                match seen.keeps_some {
                    true => self.edits.push((seen.end..end, String::new())),
                    false => seen.gone_from = seen.gone_from.or(Some(begin)),
                }
            }
        }
        seen.end = end;
    }

    /// At an object's closing brace.
    fn end(&mut self, seen: Seen, at: usize) {
        if let Some(from) = seen.gone_from {
            self.edits.push((from..at, String::new()));
        }
        let kind = seen.kind.and_then(|kind| self.schema.get(kind));
        let is_object = kind.map_or(seen.has_properties, |kind| kind.contains("\"object\""));
        if is_object && !seen.says_others {
            self.edits.push((at..at, CLOSED.to_owned()));
        }
        if seen.bounds.is_empty() {
            return;
        }
        self.is_loosened = true;
        let words = seen.bounds.join(", ");
        let is_text = |range: &Range<usize>| self.schema.as_bytes().get(range.start) == Some(&b'"');
        match seen.description.filter(is_text) {
            Some(text) => self.edits.push((text.end - 1..text.end - 1, format!(" ({words})"))),
            None => {
                let comma = if seen.keeps_some { "," } else { "" };
                self.edits.push((at..at, format!(r#"{comma}"description":"{words}""#)));
            }
        }
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

/// A bound that Claude can't be held to, in words.
fn bound(key: &[u8], value: &str) -> Option<String> {
    let is_bound = match key {
        b"minimum" | b"maximum" | b"exclusiveMinimum" | b"exclusiveMaximum" | b"multipleOf" | b"minLength"
        | b"maxLength" | b"maxItems" | b"minProperties" | b"maxProperties" | b"minContains" | b"maxContains"
        | b"uniqueItems" => true,
        b"minItems" => !matches!(value, "0" | "1"),
        _ => false,
    };
    // Whatever else stands there is no schema, and for its provider to refuse.
    let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (is_bound && is_plain).then(|| format!("{}: {value}", String::from_utf8_lossy(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_to(schema: &str) -> String {
        held(&Json::parse(schema).unwrap()).as_str().to_owned()
    }

    #[test]
    fn objects_are_closed_wherever_they_stand_and_keep_their_order() {
        let schema = concat!(
            r#"{"type":"object","properties":{"z" : {"type":"array","items":{"type":["object","null"],"properties":{ } }},"#,
            r#""properties":{"type":"string","default":{"type":"object"}},"#,
            r##""a":{"anyOf":[{"properties":{"x":true}},{"$ref":"#/$defs/d"}, true]}},"##,
            r#""$defs":{"d":{"type":"object","additionalProperties":{"type":"object"}}}}"#,
        );
        let expected = concat!(
            r#"{"type":"object","properties":{"z" : {"type":"array","items":{"type":["object","null"],"properties":{ } ,"additionalProperties":false}},"#,
            r#""properties":{"type":"string","default":{"type":"object"}},"#,
            r##""a":{"anyOf":[{"properties":{"x":true},"additionalProperties":false},{"$ref":"#/$defs/d"}, true]}},"##,
            r#""$defs":{"d":{"type":"object","additionalProperties":{"type":"object","additionalProperties":false}}},"additionalProperties":false}"#,
        );
        assert_eq!(held_to(schema), expected);
        assert!(!is_loosened(&Json::parse(schema).unwrap()));
    }

    #[test]
    fn bounds_are_said_in_words() {
        for (schema, expected) in [
            (
                r#"{"type":"integer","minimum":1,"maximum":1e2}"#,
                r#"{"type":"integer","description":"minimum: 1, maximum: 1e2"}"#,
            ),
            (
                r#"{"minimum" : 1 , "type":"integer", "description":"A \"b\""}"#,
                r#"{"type":"integer", "description":"A \"b\" (minimum: 1)"}"#,
            ),
            (
                r#"{"description":"A","maxLength":3,"minLength":1,"type":"string"}"#,
                r#"{"description":"A (maxLength: 3, minLength: 1)","type":"string"}"#,
            ),
            (r#"{ "maximum":1 }"#, r#"{ "description":"maximum: 1"}"#),
            (
                r#"{"items":{"minimum":1},"minItems":2,"uniqueItems":true}"#,
                r#"{"items":{"description":"minimum: 1"},"description":"minItems: 2, uniqueItems: true"}"#,
            ),
            (
                r#"{"maxProperties":1,"properties":{"minimum":{"type":"string"}}}"#,
                r#"{"properties":{"minimum":{"type":"string"}},"additionalProperties":false,"description":"maxProperties: 1"}"#,
            ),
        ] {
            assert_eq!(held_to(schema), expected);
            assert!(is_loosened(&Json::parse(schema).unwrap()));
        }
        for kept in [r#"{"minItems":1}"#, r#"{"minimum":{"a":1}}"#, r#"{"enum":[{"minimum":1}]}"#, "true"] {
            assert_eq!(held_to(kept), kept);
        }
    }

    #[test]
    fn a_schema_without_bottom_stays_as_it_is() {
        let schema = format!("{}{{}}{}", r#"{"items":"#.repeat(100_000), "}".repeat(100_000));
        assert_eq!(held_to(&schema), schema);
    }
}
