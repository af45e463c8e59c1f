//! JSON that is arbitrary by nature (arguments of tools, schemas), and numbers, both as they were written.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value, kept as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Json<'a>(Cow<'a, RawValue>);

impl<'a> Json<'a> {
    /// `{}`.
    pub(crate) fn empty_object() -> Self {
        Self::of(&serde_json::Map::new())
    }

    /// A value of ours. What can't be serialized is `null`.
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self(serde_json::value::to_raw_value(value).map_or(Cow::Borrowed(RawValue::NULL), Cow::Owned))
    }

    /// The JSON that a text is; `None` where it is none.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok().map(|raw| Self(Cow::Borrowed(raw)))
    }

    /// The arguments of a tool's call that came as a text: an object; empty or blank where the model gave none. `None` where it is anything else.
    pub(crate) fn arguments(text: &'a str) -> Option<Self> {
        if text.trim_ascii().is_empty() {
            return Some(Self::empty_object());
        }
        Self::parse(text).filter(Self::is_object)
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        self.0.get()
    }

    pub(crate) fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }

    /// The same, on its own.
    pub(crate) fn into_owned(self) -> Json<'static> {
        Json(Cow::Owned(self.0.into_owned()))
    }

    /// The same for as long as this one lives.
    pub(crate) fn borrowed(&self) -> Json<'_> {
        Json(Cow::Borrowed(&self.0))
    }
}

impl PartialEq for Json<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self(Cow::Borrowed(raw)))
    }
}

/// A JSON number, kept as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number<'a>(Json<'a>);

impl Number<'static> {
    /// A finite number of ours.
    pub(crate) fn of(number: f64) -> Self {
        Self(Json::of(&number))
    }
}

impl Number<'_> {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Its value, rounded to what a double holds.
    pub(crate) fn as_f64(&self) -> f64 {
        // It was a number when it was read.
        self.as_str().parse().unwrap_or_default()
    }

    /// Its value, if it is a whole number from 0 to 2⁶⁴.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        self.as_str().parse().ok()
    }

    /// The same, without a fraction that says nothing.
    pub(crate) fn whole(self) -> Self {
        let value = self.as_f64();
        // Up to there, each whole number has a double of its own.
        let is_whole = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
        if is_whole && self.as_str().contains('.') { (value as u64).into() } else { self }
    }

    /// The same for as long as this one lives.
    pub(crate) fn borrowed(&self) -> Number<'_> {
        Number(self.0.borrowed())
    }
}

impl From<u64> for Number<'static> {
    fn from(number: u64) -> Self {
        Self(Json::of(&number))
    }
}

impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        match json.as_str().as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Ok(Self(json)),
            _ => Err(D::Error::custom("expected a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_json_stay_as_they_were_written() {
        for number in ["0.70", "1e2", "-0", "100000000000000000000001", "0.1000000000000000055511151231257827"] {
            let read: Number<'_> = serde_json::from_str(number).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), number);
        }
        let read: Json<'_> = serde_json::from_str(r#"{"b" : 1.0,"a":[ ]}"#).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"b" : 1.0,"a":[ ]}"#);
        assert!(serde_json::from_str::<Number<'_>>("\"1\"").is_err());
    }

    #[test]
    fn a_fraction_of_nothing_goes_where_a_number_has_to_be_whole() {
        for (written, whole) in [
            ("40.0", "40"),
            ("4.0e1", "40"),
            ("40", "40"),
            ("1e2", "1e2"),
            ("0.5", "0.5"),
            ("-1.0", "-1.0"),
            ("1e300", "1e300"),
        ] {
            let read: Number<'_> = serde_json::from_str(written).unwrap();
            assert_eq!(read.whole().as_str(), whole);
        }
    }

    #[test]
    fn arguments_are_an_object_or_nothing() {
        assert_eq!(Json::arguments("  ").unwrap().as_str(), "{}");
        assert_eq!(Json::arguments("{\"a\": 1}").unwrap().as_str(), "{\"a\": 1}");
        assert!(Json::arguments("[1]").is_none() && Json::arguments("{\"a\"").is_none());
    }
}
