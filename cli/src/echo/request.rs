//! Requests to the echo provider, read from OpenAI's JSON, and why they are refused, in OpenAI's shape.
//!
//! Source: <https://platform.openai.com/docs/api-reference>, read 2026-11-20.

use http::StatusCode;
use serde_json::{Value, json};

use super::MODEL;

/// A chat, as much of it as an echo needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chat {
    /// The last user message's text.
    pub(super) text: String,
    /// Whether the answer comes as events.
    pub(super) stream: bool,
    /// Whether the events end with the usage.
    pub(super) include_usage: bool,
    /// How many words the messages have.
    pub(super) prompt_tokens: usize,
}

/// A completion, as much of it as an echo needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    /// The prompts, each answered by itself.
    pub(super) prompts: Vec<String>,
    /// Whether the answer comes as events.
    pub(super) stream: bool,
    /// Whether the events end with the usage.
    pub(super) include_usage: bool,
}

/// Texts to embed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Embeddings {
    /// Each text, or the list of tokens as text.
    pub(super) inputs: Vec<String>,
    /// Whether vectors are base64 of little-endian floats, as SDKs ask for.
    pub(super) base64: bool,
}

impl Chat {
    /// Reads the body of `POST /v1/chat/completions`.
    pub(super) fn read(body: &Value) -> Result<Self, Refusal> {
        known_model(body)?;
        let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
        let messages =
            messages.ok_or_else(|| Refusal::field("messages", "has to be a list of at least one message"))?;
        let last = messages.iter().rev().find(|message| message["role"] == "user");
        let text = text_of(&last.ok_or_else(|| Refusal::field("messages", "has no message of the user"))?["content"]);
        let prompt_tokens = messages.iter().map(|message| words(&text_of(&message["content"]))).sum();
        let (stream, include_usage) = streamed(body)?;
        Ok(Self { text, stream, include_usage, prompt_tokens })
    }
}

impl Completion {
    /// Reads the body of `POST /v1/completions`.
    pub(super) fn read(body: &Value) -> Result<Self, Refusal> {
        known_model(body)?;
        let prompts = match &body["prompt"] {
            Value::String(prompt) => vec![prompt.clone()],
            Value::Array(prompts) if prompts.iter().all(Value::is_string) && !prompts.is_empty() => {
                prompts.iter().map(text_of).collect()
            }
            _ => return Err(Refusal::field("prompt", "has to be a text or a list of texts")),
        };
        let (stream, include_usage) = streamed(body)?;
        Ok(Self { prompts, stream, include_usage })
    }
}

impl Embeddings {
    /// Reads the body of `POST /v1/embeddings`.
    pub(super) fn read(body: &Value) -> Result<Self, Refusal> {
        known_model(body)?;
        let inputs = match &body["input"] {
            Value::String(text) => vec![text.clone()],
            // A list of numbers is one input that is tokens already.
            Value::Array(items) if items.first().is_some_and(Value::is_number) => vec![body["input"].to_string()],
            Value::Array(items) if !items.is_empty() => items.iter().map(text_of).collect(),
            _ => return Err(Refusal::field("input", "has to be a text or a list")),
        };
        let base64 = match body["encoding_format"].as_str() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => return Err(Refusal::field("encoding_format", "has to be float or base64")),
        };
        Ok(Self { inputs, base64 })
    }
}

/// How many tokens a text counts for here.
pub(super) fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn known_model(body: &Value) -> Result<(), Refusal> {
    match body["model"].as_str() {
        Some(MODEL) => Ok(()),
        Some(other) => Err(Refusal::unknown_model(other)),
        None => Err(Refusal::field("model", "has to be given")),
    }
}

fn streamed(body: &Value) -> Result<(bool, bool), Refusal> {
    let stream = match &body["stream"] {
        Value::Null => false,
        Value::Bool(stream) => *stream,
        _ => return Err(Refusal::field("stream", "has to be true or false")),
    };
    Ok((stream, body["stream_options"]["include_usage"] == true))
}

/// A message's text: its content, or that of its text parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) if parts.iter().all(Value::is_object) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
    message: String,
}

impl Refusal {
    /// The key is missing or another one.
    pub(super) fn key() -> Self {
        let message = "Incorrect API key provided. The echo provider's key is in the data directory of keyplane dev.";
        Self {
            status: StatusCode::UNAUTHORIZED,
            kind: "invalid_request_error",
            code: Some("invalid_api_key"),
            param: None,
            message: message.to_owned(),
        }
    }

    /// The body is no request at all.
    pub(super) fn body(why: &str) -> Self {
        Self::invalid(None, format!("The body is not usable: {why}."))
    }

    /// The echo provider has no such route.
    pub(super) fn unknown_route(method: &str, path: &str) -> Self {
        let message = format!("Unknown request URL: {method} {path}.");
        Self { status: StatusCode::NOT_FOUND, code: Some("unknown_url"), ..Self::invalid(None, message) }
    }

    fn field(param: &'static str, why: &str) -> Self {
        Self::invalid(Some(param), format!("'{param}' {why}."))
    }

    fn unknown_model(model: &str) -> Self {
        let message = format!("The model '{model}' does not exist; the echo provider has only '{MODEL}'.");
        Self { status: StatusCode::NOT_FOUND, code: Some("model_not_found"), ..Self::invalid(Some("model"), message) }
    }

    fn invalid(param: Option<&'static str>, message: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "invalid_request_error", code: None, param, message }
    }

    /// The body that says so.
    pub(super) fn body_json(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_message_is_the_text() {
        let body = json!({"model": "echo", "messages": [
            {"role": "user", "content": "one"},
            {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "image_url"}, {"type": "text", "text": "three"}]},
            {"role": "assistant", "content": "four"},
        ]});
        let chat = Chat::read(&body).unwrap();
        assert_eq!(chat, Chat { text: "two three".into(), stream: false, include_usage: false, prompt_tokens: 4 });
    }

    #[test]
    fn what_openai_refuses_is_refused_in_its_shape() {
        for (body, status, param, code) in [
            (json!({}), 400, json!("model"), json!(null)),
            (json!({"model": "gpt-4o"}), 404, json!("model"), json!("model_not_found")),
            (json!({"model": "echo"}), 400, json!("messages"), json!(null)),
            (json!({"model": "echo", "messages": []}), 400, json!("messages"), json!(null)),
            (
                json!({"model": "echo", "messages": [{"role": "system", "content": "x"}]}),
                400,
                json!("messages"),
                json!(null),
            ),
            (
                json!({"model": "echo", "stream": 1, "messages": [{"role": "user", "content": "x"}]}),
                400,
                json!("stream"),
                json!(null),
            ),
        ] {
            let refusal = Chat::read(&body).unwrap_err();
            let error = &refusal.body_json()["error"];
            assert_eq!((refusal.status.as_u16(), &error["param"], &error["code"]), (status, &param, &code), "{body}");
        }
    }

    #[test]
    fn embeddings_take_texts_and_tokens() {
        let read =
            |input: Value| Embeddings::read(&json!({"model": "echo", "input": input})).map(|read| read.inputs.len());
        assert_eq!(read(json!("one")), Ok(1));
        assert_eq!(read(json!(["one", "two"])), Ok(2));
        assert_eq!(read(json!([1, 2, 3])), Ok(1));
        assert_eq!(read(json!([[1, 2], [3]])), Ok(2));
        assert!(read(json!([])).is_err());
    }
}
