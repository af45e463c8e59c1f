//! The echo provider: a small HTTP server that speaks OpenAI's API and answers with what it was told, so that the first request works
//! without an account anywhere.
//!
//! It is connected like any other provider: by a base URL and a key, which it requires.

mod answer;
mod request;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use shared::id::token_hash;
use shared::secret::Secret;
use shared::task::Tasks;
use tokio::net::TcpListener;

use self::answer::Clock;
use self::request::Refusal;

/// The one model that it has.
pub(crate) const MODEL: &str = "echo";

/// The most bytes that a request's body may have.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// What every answer's body is.
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An echo provider that listens.
#[derive(Debug)]
pub(crate) struct Echo {
    listener: TcpListener,
    key_hash: [u8; 32],
}

impl Echo {
    /// Listens on loopback; on port 0, wherever there is room.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub(crate) async fn bind(port: u16, key: &Secret) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(Self { listener, key_hash: token_hash(key.expose()) })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// When the operating system doesn't say.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until the tasks are asked to stop.
    pub(crate) async fn serve(self, tasks: Tasks) {
        let key_hash = Arc::new(self.key_hash);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = tasks.stopping() => return,
            };
            // A connection that fails before it is one concerns nobody else.
            let Ok((stream, _)) = accepted else { continue };
            let (key_hash, stopping) = (Arc::clone(&key_hash), tasks.clone());
            tasks.spawn("echo connection", async move {
                let service = service_fn(move |request| {
                    let key_hash = Arc::clone(&key_hash);
                    async move { Ok::<_, Infallible>(answer(request, &key_hash).await) }
                });
                let builder = auto::Builder::new(TokioExecutor::new());
                tokio::select! {
                    // A caller that goes away is no error of ours.
                    _ = builder.serve_connection(TokioIo::new(stream), service) => {}
                    () = stopping.stopping() => {}
                }
            });
        }
    }
}

/// Answers one request.
async fn answer(request: Request<Incoming>, key_hash: &[u8; 32]) -> Response<Body> {
    if !is_authorized(request.headers(), key_hash) {
        return refuse(&Refusal::key());
    }
    match respond(request).await {
        Ok(response) => response,
        Err(refusal) => refuse(&refusal),
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let clock = Clock::new(SystemTime::now());
    let (parts, body) = request.into_parts();
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/v1/models") => Ok(json(StatusCode::OK, &answer::models())),
        (&Method::POST, "/v1/chat/completions") => {
            let chat = request::Chat::read(&parse(body).await?)?;
            Ok(if chat.stream {
                events(answer::chat_events(&chat, &clock))
            } else {
                json(StatusCode::OK, &answer::chat(&chat, &clock))
            })
        }
        (&Method::POST, "/v1/completions") => {
            let completion = request::Completion::read(&parse(body).await?)?;
            Ok(if completion.stream {
                events(answer::completion_events(&completion, &clock))
            } else {
                json(StatusCode::OK, &answer::completion(&completion, &clock))
            })
        }
        (&Method::POST, "/v1/embeddings") => {
            let embeddings = request::Embeddings::read(&parse(body).await?)?;
            Ok(json(StatusCode::OK, &answer::embeddings(&embeddings)))
        }
        (method, path) => Err(Refusal::unknown_route(method.as_str(), path)),
    }
}

async fn parse(body: Incoming) -> Result<Value, Refusal> {
    let bytes = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|_| Refusal::body("it can't be read"))?;
    serde_json::from_slice(&bytes.to_bytes()).map_err(|_| Refusal::body("it is not JSON"))
}

fn is_authorized(headers: &HeaderMap, key_hash: &[u8; 32]) -> bool {
    let key = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // Hashes are compared, so how long the comparison takes says nothing of the key.
    key.is_some_and(|key| token_hash(key) == *key_hash)
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    json(refusal.status, &refusal.body_json())
}

fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string())).boxed_unsync();
    respond_with(status, HeaderValue::from_static("application/json"), body)
}

/// Server-sent events, each a frame of its own, ended by OpenAI's `[DONE]`.
fn events(values: Vec<Value>) -> Response<Body> {
    let mut frames: Vec<_> = values.into_iter().map(|value| frame(&value.to_string())).collect();
    frames.push(frame("[DONE]"));
    let body = StreamBody::new(tokio_stream::iter(frames)).boxed_unsync();
    respond_with(StatusCode::OK, HeaderValue::from_static("text/event-stream"), body)
}

fn frame(data: &str) -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(Bytes::from(format!("data: {data}\n\n"))))
}

fn respond_with(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
