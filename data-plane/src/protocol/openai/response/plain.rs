//! Whether a whole answer holds nothing but what its stream would say: an unfinished one, or one with more in it, must not become a stream that
//! ends well.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a stream's `delta` says of a message.
const SAID: [&str; 9] = [
    "role",
    "content",
    "refusal",
    "tool_calls",
    "function_call",
    "annotations",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
];

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    /// What is `null` says nothing.
    #[serde(borrow)]
    message: HashMap<Cow<'a, str>, Option<IgnoredAny>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
    logprobs: Option<IgnoredAny>,
}

/// Whether it does.
pub(in crate::protocol) fn is_plain(body: &[u8]) -> bool {
    let Ok(Answer { choices }) = serde_json::from_slice(body) else { return false };
    choices.iter().all(|Choice { message, finish_reason, logprobs }| {
        let is_said = |(name, value): (&Cow<'_, str>, &Option<IgnoredAny>)| value.is_none() || SAID.contains(&&**name);
        finish_reason.as_ref().is_some_and(|reason| !reason.is_empty())
            && logprobs.is_none()
            && message.iter().all(is_said)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfinished_or_says_more_is_not_plain() {
        let of = |choice: &str| is_plain(format!(r#"{{"choices":[{choice}]}}"#).as_bytes());
        assert!(of(r#"{"message":{"content":"a","audio":null},"finish_reason":"stop","logprobs":null}"#));
        for more in [
            r#"{"message":{"content":"a"},"finish_reason":null}"#,
            r#"{"message":{"content":"a"}}"#,
            r#"{"message":{"content":"a","audio":{}},"finish_reason":"stop"}"#,
            r#"{"message":{"content":"a"},"finish_reason":"stop","logprobs":{}}"#,
            r#"{"finish_reason":"stop"}"#,
        ] {
            assert!(!of(more), "{more}");
        }
    }
}
