//! An application that asks for a stream in some dialect, and judges what came: a good end, or a failure that it can see.

use anyhow::ensure;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use crate::http::HttpClient;
use crate::standin::{Dialect, read_frames};

/// What came.
#[derive(Debug)]
pub(super) struct Came {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
    /// The body ended before HTTP's end.
    is_broken: bool,
}

/// What an application makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The answer is whole.
    Whole,
    /// It was refused, with a status.
    Refused,
    /// The stream says that it failed.
    Failed,
    /// The answer is whole, but for what the format says behind it.
    Finished,
    /// The answer is whole, and the stream says that it failed behind it.
    FailedLate,
    /// The connection broke, and nobody said so.
    Broken,
}

/// Asks for a stream of a model with a prompt.
pub(super) async fn ask(
    http: &HttpClient,
    proxy: &str,
    key: &str,
    as_: Dialect,
    model: &str,
    prompt: &str,
) -> anyhow::Result<Came> {
    let (path, body) = request(as_, model, prompt);
    let request = Request::post(format!("{proxy}{path}"))
        .header("x-keyplane-key", key)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let answer = http.request(request).await?;
    let (parts, mut body) = answer.into_parts();
    let mut came = Came { status: parts.status, headers: parts.headers, bytes: Vec::new(), is_broken: false };
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => came.bytes.extend_from_slice(&data),
            Ok(Err(_)) => {}
            Err(_) => came.is_broken = true,
        }
    }
    Ok(came)
}

fn request(as_: Dialect, model: &str, prompt: &str) -> (String, Value) {
    let messages = json!([{"role": "user", "content": prompt}]);
    let parts = json!([{"text": prompt}]);
    let (path, body) = match as_ {
        Dialect::Chat => {
            let options = json!({"include_usage": true});
            let body = json!({"model": model, "stream": true, "stream_options": options, "messages": messages});
            ("/v1/chat/completions", body)
        }
        Dialect::Responses => ("/v1/responses", json!({"model": model, "stream": true, "input": prompt})),
        Dialect::Anthropic => {
            ("/v1/messages", json!({"model": model, "stream": true, "max_tokens": 100, "messages": messages}))
        }
        Dialect::Cohere => ("/v2/chat", json!({"model": model, "stream": true, "messages": messages})),
        Dialect::Gemini => {
            let path = format!("/v1beta/models/{model}:streamGenerateContent?alt=sse");
            return (path, json!({"contents": [{"role": "user", "parts": parts}]}));
        }
        Dialect::Bedrock => {
            let path = format!("/model/{model}/converse-stream");
            return (path, json!({"messages": [{"role": "user", "content": parts}]}));
        }
    };
    (path.to_owned(), body)
}

impl Came {
    /// What an application of a dialect makes of it.
    ///
    /// # Errors
    ///
    /// When it can't make anything of it: an answer that neither ends well nor fails, or does both.
    pub(super) fn verdict(&self, as_: Dialect) -> anyhow::Result<Verdict> {
        if !self.status.is_success() {
            ensure!(self.is_error_answer(as_), "{} is no error of the format: {}", self.status, self.text());
            return Ok(Verdict::Refused);
        }
        let events = self.events(as_)?;
        let ends = events.iter().filter(|event| event.is_end(as_)).count();
        let finishes = events.iter().filter(|event| event.is_finish(as_)).count();
        let errors = events.iter().filter(|event| event.is_error(as_)).count();
        let is_error_last = events.last().is_some_and(|event| event.is_error(as_));
        match (ends, finishes, errors) {
            (0, 0, 0) if self.is_broken => Ok(Verdict::Broken),
            (0, 0, 1) if is_error_last => Ok(Verdict::Failed),
            (0, _, 1) if is_error_last => Ok(Verdict::FailedLate),
            // Something follows their end, and may fail in its turn: Gemini's usage, Bedrock's metadata, Cohere's `[DONE]`.
            (1, _, 1) if is_error_last && matches!(as_, Dialect::Gemini | Dialect::Bedrock | Dialect::Cohere) => {
                Ok(Verdict::FailedLate)
            }
            (1, _, 0) if !self.is_broken => Ok(Verdict::Whole),
            (0, 1, 0) if !self.is_broken => Ok(Verdict::Finished),
            _ => anyhow::bail!(
                "{ends} ends, {finishes} finishes and {errors} errors (broken: {}, error last: {is_error_last}): {}",
                self.is_broken,
                self.text()
            ),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn is_error_answer(&self, as_: Dialect) -> bool {
        let body: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        match as_ {
            Dialect::Chat | Dialect::Responses => body["error"]["message"].is_string(),
            Dialect::Anthropic => body["type"] == "error" && body["error"]["type"].is_string(),
            Dialect::Gemini => body["error"]["code"] == self.status.as_u16() && body["error"]["status"].is_string(),
            Dialect::Bedrock => body["message"].is_string() && self.headers.contains_key("x-amzn-errortype"),
            Dialect::Cohere => body["message"].is_string(),
        }
    }

    fn events(&self, as_: Dialect) -> anyhow::Result<Vec<Event>> {
        if as_ == Dialect::Bedrock {
            let frames = read_frames(&self.bytes)?;
            return frames
                .iter()
                .map(|frame| {
                    let kind = frame.header(":message-type").to_owned();
                    let name = format!("{}{}", frame.header(":event-type"), frame.header(":exception-type"));
                    Ok(Event { kind, name, data: serde_json::from_slice(&frame.payload)? })
                })
                .collect();
        }
        let text = String::from_utf8(self.bytes.clone())?;
        let mut events = Vec::new();
        // What has no empty line behind it is no event.
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        for event in whole.split("\n\n").filter(|event| !event.trim().is_empty()) {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let Some(data) = field("data:") else { continue };
            let data = if data == "[DONE]" { json!("[DONE]") } else { serde_json::from_str(data)? };
            let name = field("event:").unwrap_or_default().to_owned();
            events.push(Event { kind: String::new(), name, data });
        }
        Ok(events)
    }
}

/// An event of a stream.
#[derive(Debug)]
struct Event {
    kind: String,
    name: String,
    data: Value,
}

impl Event {
    /// It says that the answer is whole.
    fn is_end(&self, as_: Dialect) -> bool {
        let data = &self.data;
        match as_ {
            Dialect::Chat => data == "[DONE]",
            Dialect::Responses => data["type"] == "response.completed" || data["type"] == "response.incomplete",
            Dialect::Anthropic => data["type"] == "message_stop",
            Dialect::Gemini => data["candidates"][0]["finishReason"].is_string(),
            Dialect::Bedrock => self.kind == "event" && self.name == "messageStop",
            Dialect::Cohere => data["type"] == "message-end" && !self.is_error(as_),
        }
    }

    /// It says that the answer is whole, and more is due.
    fn is_finish(&self, as_: Dialect) -> bool {
        as_ == Dialect::Chat && self.data["choices"][0]["finish_reason"].is_string()
    }

    /// It says that the stream failed.
    fn is_error(&self, as_: Dialect) -> bool {
        let data = &self.data;
        match as_ {
            Dialect::Chat | Dialect::Gemini => data["error"]["message"].is_string(),
            Dialect::Responses => data["type"] == "error" || data["type"] == "response.failed",
            Dialect::Anthropic => data["type"] == "error",
            Dialect::Bedrock => self.kind == "exception",
            Dialect::Cohere => data["delta"]["finish_reason"] == "ERROR" && data["delta"]["error"].is_string(),
        }
    }
}
