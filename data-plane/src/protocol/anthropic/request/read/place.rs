//! Where something stands that is wrong, in the caller's words: `messages[2].content[0].text`.

use std::fmt;

use serde::Deserialize;

use crate::protocol::Unreadable;

/// A place in a request. Costs nothing until it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'p> {
    Field(&'p str),
    Item(&'p Place<'p>, usize),
    Member(&'p Place<'p>, &'p str),
}

impl Place<'_> {
    pub(super) fn wrong(&self, wrong: impl Into<String>) -> Unreadable {
        Unreadable { field: self.to_string(), wrong: wrong.into() }
    }

    /// A member here that has to be there, and isn't.
    pub(super) fn lacks(&self, member: &str) -> Unreadable {
        Place::Member(self, member).wrong("is missing")
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Item(list, at) => write!(f, "{list}[{at}]"),
            Self::Member(object, name) => write!(f, "{object}.{name}"),
        }
    }
}

/// Reads a field's value in one pass. Only where that fails, a second one finds where.
///
/// # Errors
///
/// When it is not what the format has there.
pub(super) fn read<'a, T: Deserialize<'a>>(field: &str, value: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(value).map_err(|error| {
        let line = value.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
        let offset = line.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
        let text = error.to_string();
        let wrong = text.rsplit_once(" at line ").map_or(text.as_str(), |(wrong, _)| wrong);
        Unreadable { field: format!("{field}{}", path(value, offset)), wrong: format!("can't be read: {wrong}") }
    })
}

enum Step {
    Array(usize),
    Object(Option<String>),
}

/// The path of the value that a byte of some JSON belongs to.
fn path(json: &[u8], offset: usize) -> String {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < offset.min(json.len()) {
        match json[at] {
            b'{' => steps.push(Step::Object(None)),
            b'[' => steps.push(Step::Array(0)),
            b'}' | b']' => drop(steps.pop()),
            b',' => match steps.last_mut() {
                Some(Step::Array(item)) => *item += 1,
                Some(Step::Object(key)) => *key = None,
                None => {}
            },
            b'"' => {
                let end = string_end(json, at);
                if let Some(Step::Object(key @ None)) = steps.last_mut() {
                    let literal = json.get(at + 1..end).unwrap_or_default();
                    *key = Some(String::from_utf8_lossy(literal).into_owned());
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    steps.iter().map(Step::to_string).collect()
}

/// Where the quote is that ends the string which begins here.
fn string_end(json: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(item) => write!(f, "[{item}]"),
            Self::Object(Some(key)) => write!(f, ".{key}"),
            Self::Object(None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Thing {
        #[serde(rename = "n")]
        _number: Option<u64>,
        #[serde(rename = "of")]
        _of: Option<Vec<Thing>>,
    }

    #[test]
    fn what_is_wrong_is_found_wherever_it_stands() {
        for (json, field, wrong) in [
            (r#"[{"n": "x"}]"#, "f[0].n", "invalid type: string"),
            (
                "[{}, {\"of\": [{\"n\":\n 1, \"q\\\"\": {\"n\": 2}}, {\"n\": [1]}]}]",
                "f[1].of[1].n",
                "invalid type: sequence",
            ),
            (r#"[{"n": 1, "of": {"n": 1}}]"#, "f[0].of", "invalid type: map"),
            (r#"[{"n": 1}, {"n": -1}]"#, "f[1].n", "invalid value"),
            (r#"[{"n": 1}, {"n": true}]"#, "f[1].n", "invalid type: boolean"),
            (r#"{}"#, "f", "invalid type: map"),
        ] {
            let error = read::<Vec<Thing>>("f", json.as_bytes()).unwrap_err();
            assert_eq!(error.field, field, "{json}");
            assert!(error.wrong.starts_with(&format!("can't be read: {wrong}")), "{json}: {}", error.wrong);
        }
    }
}
