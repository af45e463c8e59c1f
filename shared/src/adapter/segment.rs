//! Texts of callers and of upstreams in URLs: escaped, so that they stay what they are.

use std::fmt::Write as _;

use super::NoAddress;

/// No upstream's model name is longer; one that is would only make a URL that nothing takes.
const MOST_BYTES: usize = 2048;

/// How often a text may be escaped.
const MOST_ESCAPES: usize = 4;

/// A model's name as one segment of a path: all but RFC 3986's unreserved characters (section 2.3) are escaped.
///
/// # Errors
///
/// When it is empty, too long, or `.` or `..`, which programs resolve however they are escaped.
pub(super) fn model(name: &str) -> Result<String, NoAddress> {
    if name.is_empty() || name.len() > MOST_BYTES || name == "." || name == ".." {
        return Err(NoAddress::Model);
    }
    Ok(escaped(name))
}

/// A text with all but RFC 3986's unreserved characters escaped, for a value of a query.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// Whether a path, with its query, leads where it says: it begins with one `/`, and no segment is one that programs resolve, however it is
/// written (`..`, `%2e.`, `%252e.`, `..;x`, of which servers drop what stands behind the `;`), or holds what some take for a separator (`\`,
/// `%2f`, `%5c`).
#[must_use]
pub fn is_plain_path(path: &str) -> bool {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let is_plain = |segment: &str| {
        let Some(text) = unescaped(segment) else { return false };
        let name = text.split(';').next().unwrap_or_default().trim();
        !matches!(name, "." | "..") && !text.contains(['/', '\\']) && !text.chars().any(char::is_control)
    };
    path.starts_with('/') && !path.starts_with("//") && path.split('/').all(is_plain)
}

/// A query without its pairs of this name, however that is written.
pub(super) fn query_without<'a>(query: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    query.split('&').filter(move |pair| {
        let given = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && unescaped(given).is_some_and(|given| !given.trim().eq_ignore_ascii_case(name))
    })
}

/// A text with its `%XX` undone, as often as it takes until there is none: a server behind another undoes what is left. `None` where it is no
/// text then, or was escaped more often than anybody means.
fn unescaped(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..MOST_ESCAPES {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((first, more)) = rest.split_first() {
            let digits = more.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
            let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
            bytes.push(byte.unwrap_or(*first));
            rest = if byte.is_some() { &more[2..] } else { more };
        }
        if bytes.len() == text.len() {
            return Some(text);
        }
        text = String::from_utf8(bytes).ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        for (name, expected) in [
            ("gpt-4o_mini.1~x", "gpt-4o_mini.1~x"),
            ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1%3A0"),
            ("accounts/fireworks/models/x", "accounts%2Ffireworks%2Fmodels%2Fx"),
            ("a b?c#d%e\\f", "a%20b%3Fc%23d%25e%5Cf"),
            ("../x", "..%2Fx"),
            ("é\n", "%C3%A9%0A"),
        ] {
            assert_eq!(model(name).as_deref(), Ok(expected));
        }
        for name in ["", ".", "..", &"x".repeat(2049)] {
            assert_eq!(model(name), Err(NoAddress::Model));
        }
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_none() {
        for path in ["/files", "/files/file-1/content?a=../b", "/a.b/..c/...", "/"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in [
            "",
            "files",
            "//host/x",
            "/a/../b",
            "/a/%2E%2e/b",
            "/.",
            "/a/.%2e",
            "/a%2Fb",
            "/a\\b",
            "/a%5cb",
            "/..?x",
            "/a/..;/b",
            "/a/..;x=1/b",
            "/a/%2e%2e%3b/b",
            "/a/.;/b",
            "/a/%252e%252e/b",
            "/a%25252fb",
            "/a/..%09/b",
            "/a%00",
            "/%ff",
        ] {
            assert!(!is_plain_path(path), "{path}");
        }
        for path in ["/files;v=1/a", "/a%20b", "/100%", "/%zz", "/a..b", "/...", "/%C3%A9"] {
            assert!(is_plain_path(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_segment_has_nothing_that_ends_it(name: String) {
            if let Ok(segment) = model(&name) {
                prop_assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
                prop_assert!(!matches!(segment.as_str(), "" | "." | ".."));
            }
        }
    }
}
