//! Names of tools as most formats allow them: letters, digits, `_` and `-`.
//!
//! Sources: the pages of each format on functions and tools, read in autumn 2026. Gemini's rule is another.

use super::{Dialect, Unsayable};

/// The most characters at OpenAI and Amazon.
pub(super) const MOST: usize = 64;

/// Whether it is of 1 to `most` of those characters.
pub(super) fn is_allowed(name: &str, most: usize) -> bool {
    !name.is_empty() && name.len() <= most && name.bytes().all(is_plain)
}

/// Whether such a character.
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// A tool's name, if the format allows it.
///
/// # Errors
///
/// When it doesn't: the caller would not know another that was made of it.
pub(super) fn checked(name: &str, to: Dialect, most: usize) -> Result<&str, Unsayable> {
    if is_allowed(name, most) {
        return Ok(name);
    }
    Err(Unsayable {
        what: format!("the tool name {name:?}"),
        why: format!("can't be sent to {}: use 1 to {most} letters, digits, _ and -", to.display_name()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_allowed_are_sent() {
        for name in ["a", "get_weather-2", &"x".repeat(64)] {
            assert_eq!(checked(name, Dialect::Chat, 64), Ok(name));
        }
        for name in ["", "a b", "a.b", "é", &"x".repeat(65)] {
            let error = checked(name, Dialect::Bedrock, 64).unwrap_err().to_string();
            let expected = format!(
                "the tool name {name:?} can't be sent to {}: use 1 to 64 letters, digits, _ and -",
                Dialect::Bedrock.display_name()
            );
            assert_eq!(error, expected);
        }
        assert!(checked(&"x".repeat(128), Dialect::Anthropic, 128).is_ok());
    }
}
