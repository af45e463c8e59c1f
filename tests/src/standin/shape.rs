//! A look at JSON that came, as strict as a provider's own: what is missing, what is of the wrong kind and what is not known is a fault that
//! says where.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value};

use super::Fault;

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> At<'a> {
    pub(super) fn top(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn fault(&self, what: &str) -> Fault {
        let path = if self.path.is_empty() { "(body)" } else { &self.path };
        Fault(format!("{path}: {what}"))
    }

    pub(super) fn require(&self, holds: bool, what: &str) -> Result<(), Fault> {
        if holds { Ok(()) } else { Err(self.fault(what)) }
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, Fault> {
        self.value.as_object().ok_or_else(|| self.fault(&format!("is not an object but {}", self.value)))
    }

    /// An object that has these fields at most.
    pub(super) fn only(&self, fields: &[&str]) -> Result<(), Fault> {
        let mut names = self.object()?.keys();
        names.try_for_each(|name| self.require(fields.contains(&name.as_str()), &format!("unknown field {name:?}")))
    }

    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Some(Self { path, value })
    }

    pub(super) fn need(&self, name: &str) -> Result<Self, Fault> {
        self.get(name).ok_or_else(|| self.fault(&format!("the field {name:?} is required")))
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, Fault> {
        let items = self.value.as_array().ok_or_else(|| self.fault("is not a list"))?;
        let item = |(index, value)| Self { path: format!("{}[{index}]", self.path), value };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// A list with something in it.
    pub(super) fn some_items(&self) -> Result<Vec<Self>, Fault> {
        let items = self.items()?;
        self.require(!items.is_empty(), "is empty")?;
        Ok(items)
    }

    pub(super) fn text(&self) -> Result<&'a str, Fault> {
        self.value.as_str().ok_or_else(|| self.fault(&format!("is not a string but {}", self.value)))
    }

    /// A text with something in it.
    pub(super) fn some_text(&self) -> Result<&'a str, Fault> {
        let text = self.text()?;
        self.require(!text.trim().is_empty(), "is blank")?;
        Ok(text)
    }

    pub(super) fn one_of(&self, words: &[&str]) -> Result<&'a str, Fault> {
        let text = self.text()?;
        self.require(words.contains(&text), &format!("is {text:?}, not one of {words:?}"))?;
        Ok(text)
    }

    pub(super) fn is(&self, word: &str) -> Result<(), Fault> {
        self.one_of(&[word]).map(drop)
    }

    pub(super) fn boolean(&self) -> Result<bool, Fault> {
        self.value.as_bool().ok_or_else(|| self.fault("is not a boolean"))
    }

    pub(super) fn integer(&self, range: RangeInclusive<i64>) -> Result<i64, Fault> {
        let number = self.value.as_i64().filter(|number| range.contains(number));
        number.ok_or_else(|| self.fault(&format!("is {}, not an integer in {range:?}", self.value)))
    }

    /// An integer, which may be written with a fraction of zero, as Google's package does.
    pub(super) fn whole(&self, range: RangeInclusive<i64>) -> Result<(), Fault> {
        let text = self.value.to_string();
        let number = text.strip_suffix(".0").unwrap_or(&text).parse::<i64>();
        let fits = number.is_ok_and(|number| range.contains(&number));
        self.require(fits, &format!("is {text}, not an integer in {range:?}"))
    }

    pub(super) fn number(&self, range: RangeInclusive<f64>) -> Result<f64, Fault> {
        let number = self.value.as_f64().filter(|number| range.contains(number));
        number.ok_or_else(|| self.fault(&format!("is {}, not a number in {range:?}", self.value)))
    }

    /// A name of letters, digits and these.
    pub(super) fn name(&self, longest: usize, others: &str) -> Result<&'a str, Fault> {
        let text = self.text()?;
        let fits = text.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter));
        self.require(fits && (1..=longest).contains(&text.len()), &format!("the name {text:?} is not allowed"))?;
        Ok(text)
    }

    /// Base64 in the standard alphabet, with its padding.
    pub(super) fn base64(&self) -> Result<Vec<u8>, Fault> {
        STANDARD.decode(self.text()?).map_err(|error| self.fault(&format!("is not base64: {error}")))
    }

    /// Base64 in either alphabet, as Google's JSON takes it.
    pub(super) fn either_base64(&self) -> Result<Vec<u8>, Fault> {
        let text = self.text()?;
        let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
        decoded.map_err(|error| self.fault(&format!("is not base64: {error}")))
    }

    /// A schema of JSON whose top is an object, in JSON Schema's own words.
    pub(super) fn object_schema(&self) -> Result<(), Fault> {
        self.need("type")?.is("object")?;
        self.schema()
    }

    fn schema(&self) -> Result<(), Fault> {
        if let Some(kind) = self.get("type")
            && kind.value().is_string()
        {
            kind.one_of(&["object", "array", "string", "number", "integer", "boolean", "null"])?;
        }
        self.subschemas()?.iter().try_for_each(Self::schema)
    }

    /// The schemas right below one.
    pub(super) fn subschemas(&self) -> Result<Vec<Self>, Fault> {
        let mut below = Vec::new();
        if let Some(properties) = self.get("properties") {
            below.extend(properties.object()?.keys().filter_map(|name| properties.get(name)));
        }
        below.extend(self.get("items"));
        if let Some(alternatives) = self.get("anyOf") {
            below.extend(alternatives.some_items()?);
        }
        Ok(below)
    }

    /// No object of a schema takes other properties than its own, which providers want who hold a model to it.
    pub(super) fn closed_schema(&self) -> Result<(), Fault> {
        if self.value["type"] == "object" {
            let closed = self.value["additionalProperties"] == false;
            self.require(closed, "'additionalProperties' is required to be supplied and to be false")?;
        }
        self.subschemas()?.iter().try_for_each(Self::closed_schema)
    }

    /// [`closed_schema`](Self::closed_schema), and every property is required: OpenAI's strict schemas.
    pub(super) fn strict_schema(&self) -> Result<(), Fault> {
        self.closed_schema()?;
        self.all_required()
    }

    fn all_required(&self) -> Result<(), Fault> {
        if let Some(properties) = self.get("properties") {
            let required = self.value["required"].as_array().cloned().unwrap_or_default();
            for name in properties.object()?.keys() {
                let is_there = required.iter().any(|other| other == name);
                self.require(is_there, &format!("'required' has to name every property; {name:?} is missing"))?;
            }
        }
        self.subschemas()?.iter().try_for_each(Self::all_required)
    }
}
