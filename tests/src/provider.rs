//! An OpenAI stand-in, in the tests' own process: scripted and counted per key, its model list counted apart from what is served.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};
use shared::task::Tasks;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::standin::listen::{Body, Transport, listen};

/// How requests with one key are answered.
#[derive(Debug, Clone)]
pub struct Script {
    /// The HTTP status of everything, the model list included.
    pub status: u16,
    /// OpenAI's error code, where the status is an error.
    pub code: &'static str,
    /// A `retry-after` header.
    pub retry_after: Option<String>,
    /// A `location` header.
    pub location: Option<String>,
    /// How long an answer waits before its head.
    pub head_delay: Duration,
    /// How many pieces a stream has, after the role and before its end.
    pub pieces: u32,
    /// How long a stream waits before each piece.
    pub piece_delay: Duration,
    /// Cuts a stream after so many pieces.
    pub cut_after: Option<u32>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            status: 200,
            code: "",
            retry_after: None,
            location: None,
            head_delay: Duration::ZERO,
            pieces: 3,
            piece_delay: Duration::ZERO,
            cut_after: None,
        }
    }
}

impl Script {
    /// The key is refused.
    #[must_use]
    pub fn rejected() -> Self {
        Self { status: 401, code: "invalid_api_key", ..Self::default() }
    }

    /// The key is asked too often.
    #[must_use]
    pub fn rate_limited(retry_after: &str) -> Self {
        Self { status: 429, code: "rate_limit_exceeded", retry_after: Some(retry_after.to_owned()), ..Self::default() }
    }
}

/// What one key was used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests for a completion or an embedding.
    pub requests: u64,
    /// Those of them that the script refused.
    pub refused: u64,
    /// Requests for the model list, which is how a control plane probes.
    pub probes: u64,
}

#[derive(Debug, Default)]
struct State {
    scripts: HashMap<String, Script>,
    counts: HashMap<String, Counts>,
    /// The headers and bodies of the last requests, for cases that look at what an upstream sees.
    seen: Vec<String>,
}

/// The stand-in. It listens until it is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    tasks: Tasks,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl Provider {
    /// Starts one that knows no key.
    ///
    /// # Errors
    ///
    /// When it can't listen.
    pub async fn start() -> anyhow::Result<Self> {
        let (state, tasks) = (Arc::<Mutex<State>>::default(), Tasks::new());
        let (shared, streaming) = (Arc::clone(&state), tasks.clone());
        let answer = move |request| answer(request, Arc::clone(&shared), streaming.clone());
        let address = listen(&Transport::Plain, &tasks, answer).await?;
        Ok(Self { address, state, tasks })
    }

    /// What a provider resource has as its base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Answers requests with this key by the script from now on.
    pub fn script(&self, key: &str, script: Script) {
        self.lock().scripts.insert(key.to_owned(), script);
    }

    /// Knows this key.
    pub fn accept(&self, key: &str) {
        self.script(key, Script::default());
    }

    /// What a key was used for.
    #[must_use]
    pub fn counts(&self, key: &str) -> Counts {
        self.lock().counts.get(key).copied().unwrap_or_default()
    }

    /// Begins to count anew.
    pub fn reset_counts(&self) {
        self.lock().counts.clear();
    }

    /// The heads and bodies of the requests so far, as text, up to 1,000.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.lock().seen.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>, tasks: Tasks) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let key = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = key.strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let is_probe = parts.method == Method::GET;
    let script = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.seen.len() < 1000 {
            let text = format!("{:?} {}", parts, String::from_utf8_lossy(&bytes));
            state.seen.push(text);
        }
        let script = state.scripts.get(&key).cloned().unwrap_or_else(Script::rejected);
        let counts = state.counts.entry(key.clone()).or_default();
        if is_probe {
            counts.probes += 1;
        } else {
            counts.requests += 1;
            counts.refused += u64::from(script.status != 200);
        }
        script
    };
    tokio::time::sleep(script.head_delay).await;
    if script.status != 200 {
        return refusal(&script, &key);
    }
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match (is_probe, body["stream"] == true) {
        (true, _) => json_answer(&models()),
        (false, true) => stream(&script, &body, &tasks),
        (false, false) if parts.uri.path().ends_with("/embeddings") => json_answer(&embeddings(&body)),
        (false, false) => json_answer(&completion(&body)),
    }
}

fn models() -> Value {
    let ids = ["gpt-4o", "gpt-4o-mini"];
    json!({"object": "list", "data": ids.map(|id| json!({"id": id, "object": "model", "created": 0, "owned_by": "tests"}))})
}

fn completion(body: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    })
}

/// The same vector, 1 and 0, for every input, in the encoding asked for.
fn embeddings(body: &Value) -> Value {
    let vector = if body["encoding_format"] == "base64" { json!("AACAPwAAAAA=") } else { json!([1.0, 0.0]) };
    let count = body["input"].as_array().map_or(1, Vec::len);
    let data: Vec<_> =
        (0..count).map(|index| json!({"object": "embedding", "index": index, "embedding": vector})).collect();
    json!({"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 1, "total_tokens": 1}})
}

/// A refusal in OpenAI's words, which for a wrong key show most of it.
fn refusal(script: &Script, key: &str) -> Response<Body> {
    let message = format!("Incorrect API key provided: {key}.");
    let body =
        json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": script.code}});
    let mut response = json_answer(&body);
    *response.status_mut() = StatusCode::from_u16(script.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, text) in [("retry-after", &script.retry_after), ("location", &script.location)] {
        if let Some(value) = text.as_deref().and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn json_answer(value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string())).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

fn stream(script: &Script, body: &Value, tasks: &Tasks) -> Response<Body> {
    let (tx, rx) = mpsc::channel(1);
    let (script, model) = (script.clone(), body["model"].clone());
    tasks.spawn("provider stream", async move {
        let event = |delta: Value, finish_reason: Value| {
            let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]);
            let event = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices});
            Ok(Frame::data(Bytes::from(format!("data: {event}\n\n"))))
        };
        // A send fails when the caller went away: nothing is left to do then.
        if tx.send(event(json!({"role": "assistant", "content": ""}), Value::Null)).await.is_err() {
            return;
        }
        for piece in 0..script.pieces {
            if script.cut_after == Some(piece) {
                let _ = tx.send(Err(io::Error::other("cut by the script"))).await;
                return;
            }
            tokio::time::sleep(script.piece_delay).await;
            if tx.send(event(json!({"content": format!("{piece} ")}), Value::Null)).await.is_err() {
                return;
            }
        }
        let _ = tx.send(event(json!({}), json!("stop"))).await;
        let _ = tx.send(Ok(Frame::data(Bytes::from_static(b"data: [DONE]\n\n")))).await;
    });
    let mut response = Response::new(StreamBody::new(ReceiverStream::new(rx)).boxed_unsync());
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
    response
}
