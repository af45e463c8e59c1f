//! Names of tools and ids of their calls, which may be of letters, digits, `_` and `-` only.

use std::borrow::Cow;

use crate::protocol::tool_name::is_plain;
use crate::protocol::{Dialect, Unsayable, tool_name};

/// The longest name of a tool.
const NAME: usize = 128;

/// A tool's name, if the format allows it.
///
/// # Errors
///
/// When it doesn't.
pub(super) fn tool(name: &str) -> Result<&str, Unsayable> {
    tool_name::checked(name, Dialect::Anthropic, NAME)
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
}
