//! Takes whatever is shaped like a secret out of an upstream's text, also out of text that stands in JSON as it came.

use std::borrow::Cow;

/// How known keys and tokens begin.
const PREFIXES: [&str; 14] =
    ["sk-", "sk_", "pk-", "rk-", "kp_", "kpa_", "kpj_", "xai-", "gsk_", "AIza", "AKIA", "ASIA", "ghp_", "eyJ"];

/// A run of letters and digits of this length, with both in it, is no word and no model's name.
const OPAQUE: usize = 20;

/// The text with `[redacted]` for each word, or value behind a `=`, that begins like a known key, and for each word that holds a long run of letters
/// and digits.
///
/// JSON as it came may be given, too, and stays JSON: `\n` before a key is no part of it. In text that is none, it might be; then as little as one
/// letter of what is redacted stays.
pub(crate) fn scrub(text: &str) -> Cow<'_, str> {
    let mut scrubbed = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        let length = word(&text[at..]);
        if length == 0 {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        if let Some(from) = secret(&text[..at], &text[at..at + length]) {
            scrubbed.push_str(&text[copied..at + from]);
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

/// What a key, also a masked one, may be made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '+' | '/' | '=' | '.')
}

/// Where the secret begins that a word is or ends with.
fn secret(before: &str, word: &str) -> Option<usize> {
    let escape = escape(before, word);
    let bare = &word[escape..];
    let has_opaque = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_opaque);
    if [word, bare].into_iter().any(|text| begins_like_a_key(text) || has_opaque(text)) || word.contains("***") {
        return Some(escape);
    }
    word.match_indices('=').map(|(at, _)| at + 1).find(|at| begins_like_a_key(&word[*at..]))
}

/// How much of a word's start belongs to the sign before it, if that is an escape of JSON's (`\n`, `\u0022`) or of a URL's (`%3D`).
fn escape(before: &str, word: &str) -> usize {
    let has_hex = |text: &str, digits| text.bytes().take_while(u8::is_ascii_hexdigit).count() >= digits;
    match (before.bytes().next_back(), word.as_bytes().first()) {
        (Some(b'\\'), Some(b'b' | b'f' | b'n' | b'r' | b't')) => 1,
        (Some(b'\\'), Some(b'u')) if has_hex(&word[1..], 4) => 5,
        (Some(b'%'), _) if has_hex(word, 2) => 2,
        _ => 0,
    }
}

fn begins_like_a_key(text: &str) -> bool {
    text.len() >= 8 && PREFIXES.iter().any(|prefix| text.starts_with(prefix))
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
            ("Received API Key = sk-...1234", "Received API Key = [redacted]"),
            ("AIza...wxyz sk-ab**wxyz sk-ab/cdefghijklm", "[redacted] [redacted] [redacted]"),
            ("https://h.test/v1?a=b&key=sk-abc123&c", "https://h.test/v1?a=b&key=[redacted]&c"),
            ("key%3Dsk-abc123", "key%3D[redacted]"),
            (
                "https://h.test/deployments/sk-prod-gpt4o/chat not found",
                "https://h.test/deployments/sk-prod-gpt4o/chat not found",
            ),
            (
                "models/xai-grok-4 is not $.sk_customer_id in /opt/sk-learn/x.py",
                "models/xai-grok-4 is not $.sk_customer_id in /opt/sk-learn/x.py",
            ),
            // As it stands in JSON.
            (r#"{"m":"no:\nsk-abc123\t\u0022gsk_abcd1\u0022"}"#, r#"{"m":"no:\n[redacted]\t\u0022[redacted]\u0022"}"#),
            (r#"{"m":"\n0123456789abcdef0123 \nnew\u12"}"#, r#"{"m":"\n[redacted] \nnew\u12"}"#),
            (r"sk-a\/cdefgh \/home\/n", r"[redacted] \/home\/n"),
            // A letter behind a backslash that is no escape.
            (r"C:\rk-live12345678", r"C:\r[redacted]"),
            (r"C:\n0123456789abcdefghi", r"C:\n[redacted]"),
        ] {
            assert_eq!(scrub(text), expected);
        }
    }
}
