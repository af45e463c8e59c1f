//! Filters: `field = value`, `field != value` and `AND` between them (a part of AIP-160).

use std::borrow::Cow;

use crate::error::{Error, FieldReason};

/// A filter that was read: every comparison has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(Vec<Comparison>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    field: &'static str,
    equal: bool,
    value: String,
}

/// A field to filter by.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    name: &'static str,
    values: Values,
}

/// What a field's value can be. A filter for anything else would match nothing, and hide a typo.
#[derive(Debug, Clone, Copy)]
enum Values {
    Text,
    Bool,
    Enum { prefix: &'static str, knows: fn(&str) -> bool },
}

impl Field {
    /// A field of text, compared whole.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self { name, values: Values::Text }
    }

    /// A field that is `true` or `false`.
    #[must_use]
    pub const fn bool(name: &'static str) -> Self {
        Self { name, values: Values::Bool }
    }

    /// An enum's field. `prefix` may be left out in a filter, `knows` says whether a full name is one of the enum's.
    #[must_use]
    pub const fn of_enum(name: &'static str, prefix: &'static str, knows: fn(&str) -> bool) -> Self {
        Self { name, values: Values::Enum { prefix, knows } }
    }

    /// The value in the form in which values are compared.
    fn read(&self, value: String) -> Result<String, Error> {
        match self.values {
            Values::Text => Ok(value),
            Values::Bool if value == "true" || value == "false" => Ok(value),
            Values::Bool => Err(malformed(&format!("{} is true or false", self.name))),
            Values::Enum { prefix, knows } => {
                let full = if value.starts_with(prefix) { value } else { format!("{prefix}{value}") };
                if knows(&full) { Ok(full) } else { Err(malformed(&format!("{full} is no value of {}", self.name))) }
            }
        }
    }
}

/// A field's value, as a filter compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// Text, compared whole.
    Text(Cow<'a, str>),
    /// `true` or `false`.
    Bool(bool),
    /// An enum's value by its full name, `CREDENTIAL_STATE_ACTIVE`.
    Enum(&'static str),
}

impl FieldValue<'_> {
    fn is(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => text == value,
            Self::Bool(flag) => value == if *flag { "true" } else { "false" },
            Self::Enum(name) => *name == value,
        }
    }
}

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for FieldValue<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl Filter {
    /// Reads a filter on some fields. An empty text is no filter.
    ///
    /// # Errors
    ///
    /// When the text is no filter, names another field, or a value that the field can't have.
    pub fn parse(text: &str, fields: &[Field]) -> Result<Self, Error> {
        let mut rest = text.trim();
        let mut comparisons = Vec::new();
        while !rest.is_empty() {
            let (comparison, after) = comparison(rest, fields)?;
            comparisons.push(comparison);
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            rest = rest
                .strip_prefix("AND")
                .filter(|after| after.starts_with(char::is_whitespace))
                .ok_or_else(|| malformed("put AND between comparisons; other operators are not supported"))?;
            rest = rest.trim_start();
            if rest.is_empty() {
                return Err(malformed("put a comparison after AND"));
            }
        }
        Ok(Self(comparisons))
    }

    /// Whether a resource matches. `value` gives the value of a field that [`parse`](Self::parse) was told of.
    pub fn matches<'a>(&self, value: impl Fn(&str) -> FieldValue<'a>) -> bool {
        self.0.iter().all(|comparison| value(comparison.field).is(&comparison.value) == comparison.equal)
    }
}

fn malformed(description: &str) -> Error {
    Error::field("filter", FieldReason::Malformed, description)
}

fn comparison<'t>(text: &'t str, fields: &[Field]) -> Result<(Comparison, &'t str), Error> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let names: Vec<_> = fields.iter().map(|field| field.name).collect();
        let description = format!("{name:?} is not a field to filter by; these are: {}", names.join(", "));
        Error::field("filter", FieldReason::UnknownPath, description)
    })?;
    let rest = rest.trim_start();
    let (equal, rest) = match (rest.strip_prefix("!="), rest.strip_prefix('=')) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(malformed("compare with = or !=")),
    };
    let (value, rest) = value(rest.trim_start())?;
    Ok((Comparison { field: field.name, equal, value: field.read(value)? }, rest))
}

/// A value: in double quotes with `\"` and `\\`, or anything up to the next space.
fn value(text: &str) -> Result<(String, &str), Error> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return if value.is_empty() {
            Err(malformed("put a value after the operator"))
        } else {
            Ok((value.to_owned(), rest))
        };
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    Err(malformed("close the quotes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS: [Field; 3] = [
        Field::text("vendor"),
        Field::bool("enabled"),
        Field::of_enum("state", "CREDENTIAL_STATE_", |name| name.ends_with("_ACTIVE") || name.ends_with("_INACTIVE")),
    ];

    fn matches(text: &str) -> bool {
        Filter::parse(text, &FIELDS).unwrap().matches(|field| match field {
            "vendor" => "open ai".into(),
            "enabled" => true.into(),
            _ => FieldValue::Enum("CREDENTIAL_STATE_ACTIVE"),
        })
    }

    #[test]
    fn comparisons_hold_as_they_say() {
        for (text, holds) in [
            ("", true),
            ("vendor = \"open ai\"", true),
            ("vendor=\"open ai\" AND enabled=true", true),
            ("vendor = \"open ai\" AND enabled != true", false),
            ("state = ACTIVE", true),
            ("state = CREDENTIAL_STATE_ACTIVE", true),
            ("state != INACTIVE", true),
            ("enabled = false", false),
        ] {
            assert_eq!(matches(text), holds, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in [
            "vendor",
            "vendor =",
            "name = x",
            "vendor = a OR vendor = b",
            "vendor = \"a",
            "vendor = a AND",
            "= a",
            "vendor > a",
            "enabled = yes",
            "state = NOPE",
        ] {
            assert!(Filter::parse(bad, &FIELDS).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = Filter::parse(&text, &FIELDS);
        }
    }
}
