//! What an error's body says, in any of the shapes that the providers give it.
//!
//! | shape | whose |
//! | --- | --- |
//! | `{"error": {"message", "type", "code"}}` | OpenAI and its kin; Azure, which adds `innererror.code`; OpenRouter, `metadata` |
//! | `{"type": "error", "error": {"type", "message"}}` | Anthropic |
//! | `{"error": {"code": 400, "message", "status", "details": [{"reason"}, {"retryDelay"}, {"violations"}]}}` | Google, at times the only element of an array |
//! | `{"error": "message", "code"}` | xAI |
//! | `{"message"}`, `{"statusCode", "message"}`, `{"code", "message", "type"}`, `{"detail"}` | Cohere, Azure's gateway, vLLM, NVIDIA |
//!
//! Edge proxies answer with pages, and bodies may be cut: what can't be read says nothing, and the status decides.

use std::time::Duration;

use serde_json::Value;

use super::hint;

/// An error's body, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    /// The words that a program can go by, the most telling first. Numbers are left out: they repeat the status.
    codes: Vec<String>,
    /// In lower case.
    message: String,
    /// Whether a limit that was met is one of a day.
    has_daily_quota: bool,
    retry_delay: Option<Duration>,
}

impl ErrorBody {
    /// Reads a body; one that is none gives an empty one.
    pub(super) fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let outer = body.get(0).unwrap_or(&body);
        match &outer["error"] {
            error @ Value::Object(_) => Self::of_fields(error),
            Value::String(message) => {
                Self { message: message.to_lowercase(), codes: texts([&outer["code"]]), ..Self::default() }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Self::of_fields(outer),
        }
    }

    /// What an API's own shape says: a word for programs, empty where it has none, and a message.
    pub(super) fn of(code: &str, message: &str) -> Self {
        Self { codes: vec![code.to_owned()], message: message.to_lowercase(), ..Self::default() }
    }

    fn of_fields(error: &Value) -> Self {
        let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let reasons = details.iter().map(|detail| &detail["reason"]);
        let inner = ["innererror", "inner_error"].map(|name| &error[name]["code"]);
        let metadata = &error["metadata"];
        let own = ["code", "type", "status"].map(|name| &error[name]);
        let message = error["message"].as_str().or_else(|| error["detail"].as_str()).unwrap_or_default();
        let mut quotas = details.iter().filter_map(|detail| detail["violations"].as_array()).flatten();
        let mut codes = texts(reasons.chain(inner).chain([&metadata["error_type"]]).chain(own));
        // OpenRouter names what was flagged instead of giving a code.
        if !metadata["flagged_input"].is_null() {
            codes.push("flagged_input".to_owned());
        }
        Self {
            codes,
            message: message.to_lowercase(),
            has_daily_quota: quotas
                .any(|quota| quota["quotaId"].as_str().is_some_and(|quota| quota.contains("PerDay"))),
            retry_delay: details.iter().find_map(|detail| detail["retryDelay"].as_str()).and_then(hint::duration),
        }
    }

    /// Whether one of its words is this one.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own == code)
    }

    /// Whether its message has these words, which are in lower case.
    pub(super) fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    /// Whether its message begins with these words, which are in lower case.
    pub(super) fn opens_with(&self, words: &str) -> bool {
        self.message.starts_with(words)
    }

    /// How long it asks to wait (`google.rpc.RetryInfo`); the longest wait for a limit of a day, whatever it asks for.
    pub(super) fn retry_delay(&self) -> Option<Duration> {
        if self.has_daily_quota { Some(hint::MOST) } else { self.retry_delay }
    }

    /// Whether it has a message at all, as an API's own errors do and pages of edge proxies don't.
    pub(super) fn has_message(&self) -> bool {
        !self.message.is_empty()
    }

    /// The first of its words that is among the known ones.
    pub(super) fn first_known(&self, known: impl Iterator<Item = &'static str> + Clone) -> Option<&'static str> {
        self.codes.iter().find_map(|code| known.clone().find(|known| known == code))
    }
}

fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    values.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shape_is_read() {
        for (body, code, says) in [
            (r#"{"error":{"message":"No","type":"t","code":"c"}}"#, "c", "no"),
            (r#"[{"error":{"message":"No","type":"t","code":"c"}}]"#, "t", "no"),
            (r#"{"type":"error","error":{"type":"t","message":"No"}}"#, "t", "no"),
            (r#"{"error":{"code":400,"message":"No","status":"S","details":[{"reason":"R"}]}}"#, "R", "no"),
            (r#"{"error":{"code":"x","innererror":{"code":"I"},"message":"No"}}"#, "I", "no"),
            (r#"{"code":"c","error":"No"}"#, "c", "no"),
            (r#"{"statusCode":401,"code":"c","message":"No"}"#, "c", "no"),
            (r#"{"status":404,"code":"c","detail":"No"}"#, "c", "no"),
        ] {
            let error = ErrorBody::read(body.as_bytes());
            assert!(error.has_code(code) && error.says(says) && error.has_message(), "{body}: {error:?}");
        }
    }

    #[test]
    fn what_is_no_error_says_nothing() {
        let deep = "[".repeat(10_000);
        for body in
            ["", "<html>", "{", "[]", "null", "1", r#"{"error":null}"#, r#"{"error":{"code":1}}"#, "[[[]]]", &deep]
        {
            let error = ErrorBody::read(body.as_bytes());
            assert!(error.codes.is_empty() && !error.has_message() && error.retry_delay().is_none(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_reading(body: Vec<u8>, text in "[\\[\\]{}\",:a-z0-9]{0,60}") {
            let _ = ErrorBody::read(&body);
            let _ = ErrorBody::read(text.as_bytes());
        }
    }
}
