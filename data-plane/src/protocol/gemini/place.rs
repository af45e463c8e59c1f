//! Where something stands in a request that can't be read: `contents[2].parts[0].text`.

use serde::Deserialize;

use crate::protocol::Unreadable;

/// Reads a field's value, however deep. What is wrong with it names the field inside that is wrong.
///
/// # Errors
///
/// When it is not what the format has there.
pub(super) fn read<'a, T: Deserialize<'a>>(field: &str, value: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(value).map_err(|error| {
        let text = error.to_string();
        let wrong = text.rsplit_once(" at line ").map_or(text.as_str(), |(wrong, _)| wrong);
        let field = format!("{field}{}", path(value, offset(value, &error)));
        Unreadable { field, wrong: format!("can't be read: {wrong}") }
    })
}

/// The byte before which an error was found.
fn offset(json: &[u8], error: &serde_json::Error) -> usize {
    let line = match error.line() {
        0 | 1 => 0,
        line => memchr::memchr_iter(b'\n', json).nth(line - 2).map_or(0, |at| at + 1),
    };
    line + error.column()
}

/// One step down.
enum Step<'a> {
    /// Into an object: its member, once its name has come.
    Member(Option<&'a [u8]>),
    /// Into an array.
    Item(usize),
}

/// The way down to the last value that begins before a byte.
fn path(json: &[u8], until: usize) -> String {
    let json = json.get(..until).unwrap_or(json);
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let begin = at;
        at += 1;
        match byte {
            b'{' => steps.push(Step::Member(None)),
            b'[' => steps.push(Step::Item(0)),
            b'}' | b']' => {
                steps.pop();
            }
            b',' => match steps.last_mut() {
                Some(Step::Member(name)) => *name = None,
                Some(Step::Item(item)) => *item += 1,
                None => {}
            },
            b'"' => {
                at = end_of_string(json, at);
                if let Some(Step::Member(name @ None)) = steps.last_mut() {
                    *name = json.get(begin + 1..at.saturating_sub(1));
                }
            }
            _ => {}
        }
    }
    steps.iter().map(Step::written).collect()
}

/// The byte behind the quote that ends a string whose first byte is given.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

impl Step<'_> {
    fn written(&self) -> String {
        match self {
            Self::Member(Some(name)) => format!(".{}", String::from_utf8_lossy(name)),
            Self::Member(None) => String::new(),
            Self::Item(item) => format!("[{item}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_wrong_is_named_however_deep_it_stands() {
        type Deep = Vec<BTreeMap<String, Vec<Option<String>>>>;
        for (json, field) in [
            ("[{\"a\": [\"x\"]},\n {\"b\": [], \"c\": [\"]\\\"\", 5]}]", "f[1].c[1]"),
            ("[{\"a\": {}}]", "f[0].a"),
            ("[{\"a\": [\n{}]}]", "f[0].a[0]"),
            ("[7]", "f[0]"),
            ("{}", "f"),
        ] {
            let wrong = read::<Deep>("f", json.as_bytes()).unwrap_err();
            assert_eq!(wrong.field, field, "{json}");
            assert!(!wrong.wrong.contains(" at line "), "{}", wrong.wrong);
        }
    }
}
