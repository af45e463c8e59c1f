//! An application: chats, plain and streamed, one by one or as a load with counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use shared::task::Tasks;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::http::{HttpClient, client, text};

/// An application with a caller key. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Caller {
    http: HttpClient,
    url: String,
    key: String,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null where it isn't.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// A whole answer whose body may be anything.
#[derive(Debug)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: Bytes,
}

impl RawAnswer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON; null where it isn't.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

/// An answer that comes piece by piece.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
}

impl Stream {
    /// Waits for the first piece.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn first_piece(&mut self) -> anyhow::Result<Bytes> {
        let frame = self.body.frame().await.context("the stream has a piece")??;
        frame.into_data().ok().context("the piece is data")
    }

    /// What is left, as text.
    ///
    /// # Errors
    ///
    /// When the stream is cut.
    pub async fn rest(self) -> anyhow::Result<String> {
        text(self.body).await
    }
}

impl Caller {
    /// An application that sends its requests to a proxy.
    #[must_use]
    pub fn new(url: &str, key: &str) -> Self {
        Self { http: client(), url: url.to_owned(), key: key.to_owned() }
    }

    /// A chat, answered whole.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn chat(&self, model: &str) -> anyhow::Result<Answer> {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
        self.post("/v1/chat/completions", &body.to_string()).await
    }

    /// A chat that comes as events. Answers when the headers are there.
    ///
    /// # Errors
    ///
    /// When there is no answer, or it is a refusal.
    pub async fn stream(&self, model: &str) -> anyhow::Result<Stream> {
        let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "hello"}]});
        let answer = self.send("/v1/chat/completions", &body.to_string()).await?;
        anyhow::ensure!(answer.status() == StatusCode::OK, "the stream is answered {}", answer.status());
        Ok(Stream { body: answer.into_body() })
    }

    /// Any body to any path.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &str) -> anyhow::Result<Answer> {
        let answer = self.send(path, body).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, body: text(answer.into_body()).await? })
    }

    /// Any body to any path with headers of one's own beside the caller key in `x-keyplane-key`; the answer's body may be anything.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn ask(&self, path: &str, headers: &[(&str, &str)], body: &str) -> anyhow::Result<RawAnswer> {
        let mut request = Request::post(format!("{}{path}", self.url))
            .header("x-keyplane-key", &self.key)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.http.request(request.body(Full::new(Bytes::from(body.to_owned())))?).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.into_body().collect().await.context("the body comes whole")?.to_bytes();
        Ok(RawAnswer { status, headers, bytes })
    }

    async fn send(&self, path: &str, body: &str) -> anyhow::Result<http::Response<Incoming>> {
        let request = Request::post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))?;
        Ok(self.http.request(request).await?)
    }
}

/// Callers that go on until they are stopped.
#[derive(Debug)]
pub struct Load {
    tasks: Tasks,
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Load {
    /// Starts some workers, each chatting without a pause.
    #[must_use]
    pub fn start(caller: &Caller, model: &str, workers: usize) -> Self {
        Self::start_paced(caller, model, workers, Duration::ZERO)
    }

    /// Starts some workers, each of which begins a chat every so often, or as soon as the one before is answered.
    #[must_use]
    pub fn start_paced(caller: &Caller, model: &str, workers: usize, every: Duration) -> Self {
        let load = Self { tasks: Tasks::new(), stop: Arc::default(), served: Arc::default(), failures: Arc::default() };
        for _ in 0..workers {
            let (caller, model) = (caller.clone(), model.to_owned());
            let (stop, served, failures) =
                (Arc::clone(&load.stop), Arc::clone(&load.served), Arc::clone(&load.failures));
            load.tasks.spawn("caller", async move {
                while !stop.load(Ordering::Relaxed) {
                    let next = Instant::now() + every;
                    match caller.chat(&model).await {
                        Ok(answer) if answer.status == StatusCode::OK => {
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(answer) => failures.lock().await.push(format!("{}: {}", answer.status, answer.body)),
                        Err(error) => failures.lock().await.push(format!("{error:#}")),
                    }
                    tokio::time::sleep_until(next).await;
                }
            });
        }
        load
    }

    /// How many requests have been served so far.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests have been served.
    ///
    /// # Errors
    ///
    /// When they are not.
    pub async fn serves_more(&self, count: u64) -> anyhow::Result<()> {
        let goal = self.served() + count;
        crate::condition::eventually("the load goes on", async || (self.served() >= goal).then_some(())).await
    }

    /// Stops the workers, and answers how many requests were served, and what every other one was answered.
    pub async fn stop(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.stopped().await;
        let failures = std::mem::take(&mut *self.failures.lock().await);
        (self.served.load(Ordering::Relaxed), failures)
    }
}
