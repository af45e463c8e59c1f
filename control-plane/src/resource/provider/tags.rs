//! What logs, traces and usage say of a provider's requests.

use std::collections::BTreeMap;

use crate::error::{FieldReason, FieldViolations};

/// The tag that every provider has.
const FEATURED: &str = "featured";

/// The most tags beside that one.
const MOST_TAGS: usize = 16;

/// The most characters of a key and of a value.
const KEY_CHARACTERS: usize = 63;
const VALUE_CHARACTERS: usize = 200;

/// The tags, with `featured` where it is not given.
pub(super) fn read_telemetry_tags(
    mut given: BTreeMap<String, String>,
    violations: &mut FieldViolations,
) -> BTreeMap<String, String> {
    if given.keys().filter(|key| *key != FEATURED).count() > MOST_TAGS {
        violations.add("telemetry_tags", FieldReason::TooLong, format!("use at most {MOST_TAGS} tags"));
    }
    for (key, value) in &given {
        if !is_key(key) {
            let description = format!("use 1 to {KEY_CHARACTERS} of a-z, 0-9, _, . and -, beginning with a letter");
            violations.add(format!("telemetry_tags[{key:?}]"), FieldReason::Malformed, description);
        } else if value.chars().count() > VALUE_CHARACTERS || value.chars().any(char::is_control) {
            let description = format!("use at most {VALUE_CHARACTERS} characters, without controls");
            violations.add(format!("telemetry_tags[{key:?}]"), FieldReason::Malformed, description);
        }
    }
    given.entry(FEATURED.to_owned()).or_insert_with(|| false.to_string());
    given
}

fn is_key(text: &str) -> bool {
    text.len() <= KEY_CHARACTERS
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte))
}
