//! JSON objects that an admin gives: what the adapter is told, and what a request's body gets where the caller leaves it out.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Map, Number, Value};
use shared::adapter::{AdapterKind, Settings};

use crate::error::{FieldReason, FieldViolations};

/// The most bytes that one may have as JSON.
const MOST_BYTES: usize = 16 * 1024;

/// The fields of a body that routing decides on.
const ROUTED: [&str; 2] = ["model", "stream"];

/// A JSON object, its keys in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object(Map<String, Value>);

impl Object {
    /// Its one form as JSON: the keys sorted, whole numbers without a point; empty where it has no key.
    #[must_use]
    pub fn to_json(&self) -> String {
        if self.0.is_empty() { String::new() } else { Value::Object(self.0.clone()).to_string() }
    }

    /// As the API has it; `None` where it has no key.
    pub(super) fn write(&self) -> Option<Struct> {
        (!self.0.is_empty()).then(|| write_object(&self.0))
    }

    fn read(given: Option<Struct>, field: &'static str, violations: &mut FieldViolations) -> Self {
        let Some(object) = read_object(given.unwrap_or_default()) else {
            violations.add(field, FieldReason::Malformed, "use numbers that JSON can hold, and a value for every key");
            return Self::default();
        };
        let object = Self(object);
        if object.to_json().len() > MOST_BYTES {
            violations.add(field, FieldReason::TooLong, format!("use at most {MOST_BYTES} bytes of JSON"));
        }
        object
    }
}

/// What the adapter is told, and what it knows of that.
pub(super) fn read_config(
    given: Option<Struct>,
    adapter: Option<AdapterKind>,
    violations: &mut FieldViolations,
) -> (Object, Settings) {
    let config = Object::read(given, "config", violations);
    let settings = match adapter.map(|adapter| Settings::parse(adapter, &config.0)) {
        Some(Ok(settings)) => settings,
        Some(Err(errors)) => {
            for error in errors {
                violations.add(format!("config.{}", error.key), FieldReason::Malformed, error.problem);
            }
            Settings::default()
        }
        None => Settings::default(),
    };
    (config, settings)
}

/// What a request's body gets where the caller leaves it out.
pub(super) fn read_request_defaults(given: Option<Struct>, violations: &mut FieldViolations) -> Object {
    let defaults = Object::read(given, "request_defaults", violations);
    for key in ROUTED.into_iter().filter(|key| defaults.0.contains_key(*key)) {
        let description = "leave it out: the caller's request alone says it";
        violations.add(format!("request_defaults.{key}"), FieldReason::Unsupported, description);
    }
    defaults
}

fn read_object(given: Struct) -> Option<Map<String, Value>> {
    given.fields.into_iter().map(|(key, value)| Some((key, read_value(value)?))).collect()
}

/// `None` for what JSON has no form for.
fn read_value(given: prost_types::Value) -> Option<Value> {
    Some(match given.kind? {
        Kind::NullValue(_) => Value::Null,
        Kind::BoolValue(value) => Value::Bool(value),
        Kind::NumberValue(value) => Value::Number(read_number(value)?),
        Kind::StringValue(value) => Value::String(value),
        Kind::StructValue(value) => Value::Object(read_object(value)?),
        Kind::ListValue(ListValue { values }) => {
            Value::Array(values.into_iter().map(read_value).collect::<Option<_>>()?)
        }
    })
}

/// A whole number is written without a point: upstreams refuse `100.0` tokens.
fn read_number(given: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if given.fract() == 0.0 && given.abs() <= EXACT {
        let digits = format!("{given:.0}");
        return digits.parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(given)
}

fn write_object(object: &Map<String, Value>) -> Struct {
    Struct { fields: object.iter().map(|(key, value)| (key.clone(), write_value(value))).collect() }
}

fn write_value(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        // Each was made of such a number.
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Object(value) => Kind::StructValue(write_object(value)),
        Value::Array(values) => Kind::ListValue(ListValue { values: values.iter().map(write_value).collect() }),
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = prost_types::Value> {
        let of = |kind| prost_types::Value { kind: Some(kind) };
        let leaf = prop_oneof![
            Just(of(Kind::NullValue(0))),
            any::<bool>().prop_map(move |value| of(Kind::BoolValue(value))),
            (-1e300..1e300).prop_map(move |value| of(Kind::NumberValue(value))),
            any::<i32>().prop_map(move |value| of(Kind::NumberValue(value.into()))),
            ".{0,8}".prop_map(move |value| of(Kind::StringValue(value))),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(move |values| of(Kind::ListValue(ListValue { values }))),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(move |fields| of(Kind::StructValue(Struct { fields }))),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_object_is_the_same_after_its_record(fields in prop::collection::btree_map(".{0,4}", value(), 1..5)) {
            let given = Struct { fields };
            let mut violations = FieldViolations::new();
            let object = Object::read(Some(given.clone()), "config", &mut violations);
            prop_assert!(violations.is_empty());
            prop_assert_eq!(object.write(), Some(given));
            // Fractions may be read a little off.
            let parsed: Map<String, Value> = serde_json::from_str(&object.to_json()).unwrap();
            prop_assert!(parsed.keys().eq(object.0.keys()));
        }
    }
}
