//! The fields that are set in a request's body where its caller leaves them out.

use std::ops::Range;

use super::Unusable;
use super::fields::Fields;
use crate::json::{self, JsonError};

/// Fields for the top of a JSON body, each as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults(Box<[Field]>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    /// The key without its escapes.
    key: Box<[u8]>,
    /// `"key":value`, with the value's bytes as they were given.
    written: Box<[u8]>,
}

/// Which key makes them unusable, if one does.
enum Refused {
    Json,
    Key(String),
}

impl From<JsonError> for Refused {
    fn from(_: JsonError) -> Self {
        Self::Json
    }
}

impl Defaults {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members of a JSON object; none where `json` is empty.
    ///
    /// # Errors
    ///
    /// When it is no object, a key is there twice, or one decides where a request goes and how it is answered.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Unusable> {
        let mut fields = Vec::<Field>::new();
        if json.is_empty() {
            return Ok(Self::default());
        }
        let read = json::members(json, |key, value| {
            let is_known = fields.iter().any(|field| *field.key == *key);
            if is_known || matches!(&*key, b"model" | b"stream") {
                return Err(Refused::Key(String::from_utf8_lossy(&key).chars().take(100).collect()));
            }
            let name = std::str::from_utf8(&key).map_err(|_| Refused::Json)?;
            // A string always serializes.
            let quoted = serde_json::to_vec(name).unwrap_or_default();
            fields.push(Field { written: [&quoted, b":".as_slice(), &json[value]].concat().into(), key: key.into() });
            Ok(())
        });
        match read {
            Ok(()) => Ok(Self(fields.into())),
            Err(Refused::Json) => Err(Unusable::BadDefaults("it is not a JSON object".to_owned())),
            Err(Refused::Key(key)) => Err(Unusable::BadDefaults(format!("{key:?} can't be one, or is one twice"))),
        }
    }

    /// The fields as a model takes them.
    pub(crate) fn for_model(&self, fields: &Fields) -> Self {
        if self.0.is_empty() || fields.is_empty() {
            return self.clone();
        }
        let members = self.0.iter().map(|field| &*field.written).collect::<Vec<_>>().join(b",".as_slice());
        let written = [b"{".as_slice(), &members, b"}"].concat();
        // They were parsed once, and stay an object.
        Self::parse(&fields.edits(&written).of(&written)).unwrap_or_default()
    }

    /// What a body lacks of them, as bytes to stand at a place in it, when what a model knows otherwise was changed in it. `None` where it
    /// lacks nothing, or is no JSON object.
    pub(crate) fn lacking(&self, body: &[u8], fields: &Fields) -> Option<(Range<usize>, Vec<u8>)> {
        if self.0.is_empty() {
            return None;
        }
        let mut lacking: Vec<&Field> = self.0.iter().collect();
        let mut end = None;
        let mut is_followed = false;
        json::members(body, |key, value| {
            let name = fields.renamed(&key).unwrap_or(&key);
            lacking.retain(|field| *field.key != *name);
            is_followed |= !fields.drops(&key);
            end = Some(value.end);
            Ok::<_, JsonError>(())
        })
        .ok()?;
        if lacking.is_empty() {
            return None;
        }
        let written = lacking.into_iter().map(|field| &*field.written).collect::<Vec<_>>().join(b",".as_slice());
        match end {
            Some(end) if is_followed => Some((end..end, [b",".as_slice(), &written].concat())),
            // Nothing is left before them.
            Some(end) => Some((end..end, written)),
            // Nothing stands between the braces.
            None => memchr::memchr(b'{', body).map(|brace| (brace + 1..brace + 1, written)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn applied(defaults: &str, body: &str) -> String {
        match Defaults::parse(defaults.as_bytes()).unwrap().lacking(body.as_bytes(), &Fields::default()) {
            None => body.to_owned(),
            Some((at, fields)) => {
                format!("{}{}{}", &body[..at.start], String::from_utf8(fields).unwrap(), &body[at.end..])
            }
        }
    }

    #[test]
    fn fields_are_set_where_they_are_absent_and_the_rest_stays() {
        for (defaults, body, expected) in [
            (r#"{"a":1e3,"b":{"c":[]}}"#, r#"{"model" : "m" } "#, r#"{"model" : "m","a":1e3,"b":{"c":[]} } "#),
            (r#"{"a":1,"b":2}"#, r#"{"\u0061":null,"x":{"b":1}}"#, r#"{"\u0061":null,"x":{"b":1},"b":2}"#),
            (r#"{"a":1}"#, "{ }", r#"{"a":1 }"#),
            (r#"{"a":1}"#, r#"{"a":0}"#, r#"{"a":0}"#),
            ("", r#"{"x":1}"#, r#"{"x":1}"#),
            (r#"{"a":1}"#, "[]", "[]"),
        ] {
            assert_eq!(applied(defaults, body), expected);
        }
    }

    #[test]
    fn what_decides_about_the_request_is_no_default() {
        for json in [r#"{"model":"x"}"#, r#"{"str\u0065am":true}"#, r#"{"a":1,"a":2}"#, "[]", "x"] {
            assert!(Defaults::parse(json.as_bytes()).is_err(), "{json}");
        }
    }

    fn any_object() -> impl Strategy<Value = serde_json::Map<String, Value>> {
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Into::into), ".{0,8}".prop_map(Into::into)];
        let value = leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-c\"é]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::hash_map("[a-d\"é]{0,2}", value, 0..6).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_result_is_the_same_json_and_the_defaults(defaults in any_object(), body in any_object(), pretty: bool) {
            let written = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
            let result: Value = serde_json::from_str(&applied(&serde_json::to_string(&defaults).unwrap(), &written)).unwrap();
            let mut expected = defaults;
            expected.extend(body);
            prop_assert_eq!(result, Value::Object(expected));
        }
    }
}
