//! Takes whatever is shaped like a secret out of an upstream's text, also out of text that stands in JSON as it came.

use std::borrow::Cow;

/// How known keys and tokens begin, and hardly anything else.
const UNMISTAKABLE: [&str; 9] = ["kp_", "kpa_", "kpj_", "gsk_", "AIza", "AKIA", "ASIA", "ghp_", "eyJ"];

/// How keys begin, and names of models, files and fields too.
const OTHERS: [&str; 5] = ["sk-", "sk_", "pk-", "rk-", "xai-"];

/// No key is shorter.
const SHORT: usize = 8;

/// What begins like a name too is a key in a path if it is of this length.
const LONG: usize = 32;

/// Among as many signs a key has a digit. A word may be as long as the text.
const AHEAD: usize = 64;

/// A run of letters and digits of this length, with both in it, is no word and no model's name.
const OPAQUE: usize = 20;

/// The text with `[redacted]` for each word that begins like a known key, or holds a long run of letters and digits; and for the end of a word that
/// does so from a sign on.
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

/// The length of the word that a text begins with. JSON may write a slash within it with a backslash before it.
fn word(text: &str) -> usize {
    let mut length = 0;
    loop {
        let rest = &text[length..];
        length += rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if length == 0 || !text[length..].starts_with("\\/") {
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
    // Some write numbers with all their digits and an exponent.
    if word.len() <= AHEAD && word.parse::<f64>().is_ok() {
        return None;
    }
    let escape = escape(before, word);
    let bare = &word[escape..];
    let has_opaque = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_opaque);
    if [word, bare].into_iter().any(|text| begins_like_a_key(text) || has_opaque(text)) || word.contains("***") {
        return Some(escape);
    }
    let signs = word.match_indices(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
    signs.map(|(at, sign)| (at + 1, sign)).find(|(at, sign)| holds_a_key(sign, &word[*at..])).map(|(at, _)| at)
}

/// Whether a key stands behind a sign within a word. Paths and names of models and fields, which say what went wrong, stay.
fn holds_a_key(sign: &str, behind: &str) -> bool {
    if !begins_like_a_key(behind) {
        return false;
    }
    let behind = behind.get(..AHEAD).unwrap_or(behind);
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    match sign {
        "=" => true,
        "/" => {
            let part = behind.split(['/', '\\']).next().unwrap_or_default();
            let is_known = UNMISTAKABLE.iter().any(|prefix| part.starts_with(prefix));
            has_digit(part) && part.len() >= if is_known { SHORT } else { LONG }
        }
        _ => has_digit(behind),
    }
}

/// How much of a word's start belongs to the sign before it, if that is an escape of JSON's (`\n`, `\u0022`) or of a URL's (`%3D`).
fn escape(before: &str, word: &str) -> usize {
    let has_hex = |text: &str, digits| text.bytes().take_while(u8::is_ascii_hexdigit).count() >= digits;
    match (before.bytes().next_back(), word.as_bytes().first()) {
        (Some(b'\\'), Some(b'b' | b'f' | b'n' | b'r' | b't' | b'/')) => 1,
        (Some(b'\\'), Some(b'u')) if has_hex(&word[1..], 4) => 5,
        (Some(b'%'), _) if has_hex(word, 2) => 2,
        _ => 0,
    }
}

fn begins_like_a_key(text: &str) -> bool {
    text.len() >= SHORT && UNMISTAKABLE.iter().chain(&OTHERS).any(|prefix| text.starts_with(prefix))
}

fn is_opaque(run: &str) -> bool {
    run.len() >= OPAQUE && run.bytes().any(|b| b.is_ascii_digit()) && run.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            (r#"{"m":"\\/0123456789abcdef0123 \/0123456789abcdef0123"}"#, r#"{"m":"\\/[redacted] \/[redacted]"}"#),
            ("Invalid **sk-abcd1234efgh** Bearer+sk-proj-abcd1234", "Invalid **[redacted] Bearer+[redacted]"),
            ("key...sk-abcd1234 /v1/AIzaSyDabc_defghijkl-mnopqrs_tuvwxy12", "key...[redacted] /v1/[redacted]"),
            (
                "/opt/sk-learn-a-very-long-directory-name-here/v1.py",
                "/opt/sk-learn-a-very-long-directory-name-here/v1.py",
            ),
            (r#"{"most":1.7976931348623157E308}"#, r#"{"most":1.7976931348623157E308}"#),
            // A letter behind a backslash that is no escape.
            (r"C:\rk-live12345678", r"C:\r[redacted]"),
            (r"C:\n0123456789abcdefghi", r"C:\n[redacted]"),
        ] {
            assert_eq!(scrub(text), expected);
        }
    }

    #[test]
    fn a_long_word_is_gone_through_once() {
        for part in [".sk-aaaa", "=a", "/AIzaaaaa", r"\/sk-aaaa", "%3D", r"\n", "sk-", "é"] {
            let text = part.repeat(1 << 18);
            assert!(scrub(&text).len() <= text.len() + "[redacted]".len());
        }
    }

    proptest! {
        #[test]
        fn json_stays_json(text in r#"([a-z0-9/\\"=.*%\n-]|sk-abc12345|0123456789abcdef0123|AIza12345678){0,12}"#, escapes_slashes in any::<bool>()) {
            let json = serde_json::to_string(&text).unwrap();
            // Some write slashes as escapes too.
            let json = if escapes_slashes { json.replace('/', r"\/") } else { json };
            let scrubbed = scrub(&json);
            prop_assert!(serde_json::from_str::<String>(&scrubbed).is_ok(), "{} became {}", json, scrubbed);
            prop_assert!(!scrubbed.contains("0123456789abcdef0123"), "{}", scrubbed);
        }
    }
}
