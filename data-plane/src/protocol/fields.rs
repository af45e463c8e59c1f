//! Reads the fields of a request, so that what is wrong with one names it.

mod place;

use serde::Deserialize;

use super::Unreadable;
use crate::json::{self, JsonError};

/// Calls `field` for each member on top of a JSON object, with its name and its bytes. A member whose value is `null` is left out: to every
/// format it is as if it were not there.
///
/// # Errors
///
/// When the bytes are no JSON object, and what `field` gives.
pub(crate) fn each<'a>(
    object: &'a [u8],
    mut field: impl FnMut(&str, &'a [u8]) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    enum Stop {
        Json(JsonError),
        Field(Unreadable),
    }
    impl From<JsonError> for Stop {
        fn from(error: JsonError) -> Self {
            Self::Json(error)
        }
    }
    let read = json::members(object, |key, value| {
        let value = &object[value];
        if value == b"null" {
            return Ok(());
        }
        field(&String::from_utf8_lossy(&key), value).map_err(Stop::Field)
    });
    read.map_err(|stop| match stop {
        Stop::Field(unreadable) => unreadable,
        Stop::Json(error) => Unreadable { field: "(body)".to_owned(), wrong: format!("can't be read: {error}") },
    })
}

/// Reads a field's value.
///
/// # Errors
///
/// When it is not what the format has there.
pub(crate) fn read<'a, T: Deserialize<'a>>(field: &str, value: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(value)
        .map_err(|error| unreadable(&format!("{field}{}", place::of_error(value, &error)), &error))
}

/// What is wrong with a field.
pub(super) fn unreadable(field: &str, error: &serde_json::Error) -> Unreadable {
    // Where it stands in the field's own bytes is of no use to people who see the body.
    let text = error.to_string();
    let wrong = text.rsplit_once(" at line ").map_or(text.as_str(), |(wrong, _)| wrong);
    Unreadable { field: field.to_owned(), wrong: format!("can't be read: {wrong}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_wrong_is_named() {
        let fields = |body: &'static str| {
            let mut seen = Vec::new();
            each(body.as_bytes(), |name, value| {
                seen.push((name.to_owned(), read::<u64>(name, value)?));
                Ok(())
            })
            .map(|()| seen)
            .map_err(|error| error.to_string())
        };
        assert_eq!(fields(r#"{"a": 1, "b": null, "\u0063": 2}"#), Ok(vec![("a".into(), 1), ("c".into(), 2)]));
        let wrong = r#"the field a can't be read: invalid type: string "x", expected u64"#;
        assert_eq!(fields(r#"{"a": "x"}"#), Err(wrong.to_owned()));
        assert!(fields("[]").is_err());
    }
}
