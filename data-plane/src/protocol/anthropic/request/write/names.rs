//! Names of tools and ids of their calls, which may be of letters, digits, `_` and `-` only.

use std::borrow::Cow;

use crate::protocol::Unsayable;

/// The longest name of a tool.
const NAME: usize = 128;

/// A tool's name as it is.
///
/// # Errors
///
/// When it can't be sent: what the model would call it with instead is not what the caller knows.
pub(super) fn tool(name: &str) -> Result<&str, Unsayable> {
    if !name.is_empty() && name.len() <= NAME && name.bytes().all(is_plain) {
        return Ok(name);
    }
    Err(Unsayable {
        what: format!("the tool name {name:?}"),
        why: format!("can't be sent to Anthropic: use letters, digits, _ and - only, at most {NAME}"),
    })
}

/// An id of a call, with whatever it must not have written as `_` and its number: the same id always becomes the same, and others others.
pub(in crate::protocol::anthropic) fn call(id: &str) -> Cow<'_, str> {
    if id.is_empty() {
        return Cow::Borrowed("_");
    }
    if id.bytes().all(is_plain) {
        return Cow::Borrowed(id);
    }
    let mut written = String::with_capacity(id.len() + 8);
    for byte in id.bytes() {
        if is_plain(byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("_{byte:02x}"));
        }
    }
    Cow::Owned(written)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_plain_and_stay_apart() {
        assert_eq!(call("toolu_01-A"), "toolu_01-A");
        assert_eq!(call("functions.f:0"), "functions_2ef_3a0");
        assert_eq!(call("é"), "_c3_a9");
        assert_eq!(call(""), "_");
        assert_ne!(call("a.b"), call("a:b"));
    }

    #[test]
    fn a_name_that_is_not_plain_is_refused() {
        assert_eq!(tool("get_weather-2"), Ok("get_weather-2"));
        let expected =
            "the tool name \"a b\" can't be sent to Anthropic: use letters, digits, _ and - only, at most 128";
        assert_eq!(tool("a b").unwrap_err().to_string(), expected);
        assert!(tool("").is_err() && tool(&"a".repeat(129)).is_err());
    }
}
