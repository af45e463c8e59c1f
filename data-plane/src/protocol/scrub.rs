//! Takes whatever is shaped like a secret out of an upstream's text, also out of text that stands in JSON as it came.

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
        let length = word(rest);
        if length == 0 {
            at += apart(rest);
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

/// The length of the word that a text begins with. JSON may write a slash with a backslash before it.
fn word(text: &str) -> usize {
    let mut length = 0;
    loop {
        let rest = &text[length..];
        length += rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if !text[length..].starts_with("\\/") {
            return length;
        }
        length += 2;
    }
}

/// The length of what stands between words at the start of a text: a sign, or one that JSON writes as an escape, whose letter begins no word.
fn apart(text: &str) -> usize {
    let escape = match text.as_bytes() {
        [b'\\', b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
        [b'\\', b'u', hex @ ..] if hex.iter().take(4).filter(|byte| byte.is_ascii_hexdigit()).count() == 4 => 6,
        _ => 1,
    };
    text.chars().next().map_or(1, |sign| escape.max(sign.len_utf8()))
}

/// What a key, also a masked one, may be made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '+' | '/' | '=' | '.')
}

fn is_secret(word: &str) -> bool {
    // A key may stand behind its name, or in a path.
    let mut parts = word.split(['=', '/', '+', '.', '*']);
    let begins_like_a_key = parts.any(|part| part.len() >= 8 && PREFIXES.iter().any(|prefix| part.starts_with(prefix)));
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
            ("api_key=sk-abc123 https://x.test/v1/sk-abc123", "[redacted] https:[redacted]"),
            // As it stands in JSON.
            (
                r#"{"message":"no:\nsk-abc123\t\u0022gsk_abcd1\u0022"}"#,
                r#"{"message":"no:\n[redacted]\t\u0022[redacted]\u0022"}"#,
            ),
            (r"sk-abc1\/def\\n \/home\/n\u12", r"[redacted]\\n \/home\/n\u12"),
        ] {
            assert_eq!(scrub(text), expected);
        }
    }
}
