//! Takes whatever is shaped like a secret out of an upstream's text.

use std::borrow::Cow;

/// How known keys and tokens begin.
const PREFIXES: [&str; 14] =
    ["sk-", "sk_", "pk-", "rk-", "kp_", "kpa_", "kpj_", "xai-", "gsk_", "AIza", "AKIA", "ASIA", "ghp_", "eyJ"];

/// A run of letters and digits of this length, with both in it, is no word and no model's name.
const OPAQUE: usize = 20;

/// The text with `[redacted]` for each word that begins like a known key, or holds a long run of letters and digits.
pub(crate) fn scrub(text: &str) -> Cow<'_, str> {
    let mut scrubbed = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if length == 0 {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        if is_secret(&rest[..length]) {
            scrubbed.push_str(&text[copied..at]);
            scrubbed.push_str("[redacted]");
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    scrubbed.push_str(&text[copied..]);
    Cow::Owned(scrubbed)
}

/// What a key, also a masked one, may be made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '+' | '/' | '=' | '.')
}

fn is_secret(word: &str) -> bool {
    let begins_like_a_key = word.len() >= 8 && PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    begins_like_a_key || word.split(|c: char| !c.is_ascii_alphanumeric()).any(is_opaque) || word.contains("***")
}

fn is_opaque(run: &str) -> bool {
    run.len() >= OPAQUE && run.bytes().any(|b| b.is_ascii_digit()) && run.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_and_words_stay() {
        for (text, expected) in [
            ("Incorrect API key provided: sk-proj-abc123.", "Incorrect API key provided: [redacted]"),
            ("key kp_0123456789 and AIzaSyD-1", "key [redacted] and [redacted]"),
            ("masked abcd****wxyz here", "masked [redacted] here"),
            ("token = 0123456789abcdef0123", "token = [redacted]"),
            ("The model `gpt-4o-mini-2024-07-18` does not exist", "The model `gpt-4o-mini-2024-07-18` does not exist"),
            ("é", "é"),
        ] {
            assert_eq!(scrub(text), expected);
        }
    }
}
