//! Finds where in a value of JSON its reader stopped, in the words of whoever wrote it.

use std::fmt::Write as _;

/// A step into a value.
enum Step<'a> {
    /// Into an object, at this key: empty before the first.
    Key(&'a [u8]),
    /// Into an array, at this index.
    Index(usize),
}

/// The place that an error is about, as it follows the value's name: `[2].content`. Empty for the value itself.
pub(super) fn of_error(json: &[u8], error: &serde_json::Error) -> String {
    let lines = json.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    at(json.get(..before + error.column()).unwrap_or(json))
}

/// The place where a value ends of which this much was read.
fn at(read: &[u8]) -> String {
    let mut steps = Vec::new();
    let mut wants_key = false;
    let mut rest = read;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            // What opens last was not entered: its kind is what is wrong.
            b'{' | b'[' if after.is_empty() => {}
            b'{' => {
                steps.push(Step::Key(b""));
                wants_key = true;
            }
            b'[' => steps.push(Step::Index(0)),
            b'}' | b']' => {
                steps.pop();
                wants_key = false;
            }
            b',' => wants_key = next(steps.last_mut()),
            b'"' => {
                let (text, after) = string(after);
                if let (true, Some(Step::Key(key))) = (wants_key, steps.last_mut()) {
                    *key = text;
                    wants_key = false;
                }
                rest = after;
            }
            _ => {}
        }
    }
    written(&steps)
}

/// Past a comma; whether a key follows.
fn next(step: Option<&mut Step<'_>>) -> bool {
    match step {
        Some(Step::Key(_)) => true,
        Some(Step::Index(index)) => {
            *index += 1;
            false
        }
        None => false,
    }
}

/// A string up to its quote, and what follows.
fn string(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    while let Some(byte) = rest.get(end) {
        match byte {
            b'"' => return (&rest[..end], rest.get(end + 1..).unwrap_or_default()),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    (rest, b"")
}

fn written(steps: &[Step<'_>]) -> String {
    let mut place = String::new();
    for step in steps {
        let _ = match step {
            Step::Key(b"") => Ok(()),
            Step::Key(key) => write!(place, ".{}", String::from_utf8_lossy(key)),
            Step::Index(index) => write!(place, "[{index}]"),
        };
    }
    place
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only whether it can be read matters")]
        text: Option<String>,
        #[expect(dead_code, reason = "only whether it can be read matters")]
        list: Option<Vec<u8>>,
    }

    #[derive(Debug, Deserialize)]
    struct Needs {
        #[expect(dead_code, reason = "only whether it can be read matters")]
        name: String,
    }

    #[test]
    fn an_error_is_placed_at_the_member_that_is_wrong() {
        for (json, place) in [
            (r#"[{"text": 5}]"#, "[0].text"),
            (r#"[{}, {"x": {"a]": [1, "}"]}, "text": true}]"#, "[1].text"),
            ("[{},\n{\"text\":\n {}}]", "[1].text"),
            (r#"[{"text": "a"}, {"list": [1, 2, "x"]}]"#, "[1].list[2]"),
            (r#"[{"list": {}}]"#, "[0].list"),
            (r#"[{"text": "a\"b", "list": "x"}]"#, "[0].list"),
            (r#"{}"#, ""),
            ("[{\"text\": \"a\"},\n {\"x\": [], \"list\": [\"]\\\"\", 5]}]", "[1].list[0]"),
            ("[{}, {\"q\\\"\": {\"text\": 2}, \"text\":\n -1}]", "[1].text"),
            ("[7]", "[0]"),
        ] {
            let error = serde_json::from_str::<Vec<Inner>>(json).unwrap_err();
            assert_eq!(of_error(json.as_bytes(), &error), place, "{json}");
        }
        let json = r#"[{"name": "a"}, {"other": 1}]"#;
        assert_eq!(of_error(json.as_bytes(), &serde_json::from_str::<Vec<Needs>>(json).unwrap_err()), "[1]");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(json: Vec<u8>) {
            if let Err(error) = serde_json::from_slice::<Vec<Inner>>(&json) {
                of_error(&json, &error);
            }
        }
    }
}
