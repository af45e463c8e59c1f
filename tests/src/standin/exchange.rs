//! What is asked of a stand-in and what it answers, as values.

use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use shared::task::Tasks;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::listen::Body;

/// Every header in which some provider wants its key, and those in which a key must never come.
const KEY_HEADERS: [&str; 6] =
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-keyplane-key", "proxy-authorization"];

/// A request, whole.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path, as it came.
    pub path: String,
    /// Its query, as it came; empty where there is none.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What a request was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The list of models.
    Models,
    /// A chat, answered whole.
    Chat,
    /// A chat, answered as a stream.
    Stream,
    /// A token.
    Token,
    /// Something else.
    Other,
}

/// What came otherwise than the provider wants it.
#[derive(Debug)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// What the request was about.
    pub topic: Topic,
    /// The key that came.
    pub key: String,
    headers: Vec<(&'static str, String)>,
    /// The body, piece by piece.
    pieces: Vec<Bytes>,
    ending: Ending,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// After its last piece.
    Well,
    /// After its last piece, with the connection.
    Cut,
    /// When nobody listens any more: the last piece comes again and again.
    Never,
}

impl Asked {
    pub(super) fn new(parts: Parts, body: Bytes) -> Self {
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        Self { method: parts.method, path, query, headers: parts.headers, body }
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// A header's text; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A parameter of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, text)| text)
    }

    /// The body as JSON; null where it isn't.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// All of it as text, to be searched.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {} {:?} {}", self.method, self.target(), self.headers, String::from_utf8_lossy(&self.body))
    }

    /// The key, which has to come in this header, with what stands before it, and in no other place. `None` where it comes without one.
    ///
    /// # Errors
    ///
    /// When one comes elsewhere, twice, or in another form.
    pub fn sole_key(&self, header: &str, scheme: &str) -> Result<Option<&str>, Fault> {
        for other in KEY_HEADERS.iter().filter(|other| **other != header) {
            require(!self.headers.contains_key(*other), || format!("a key came in {other}, which is not {header}"))?;
        }
        require(self.parameter("key").is_none(), || "a key came in the query".into())?;
        let mut values = self.headers.get_all(header).iter();
        let Some(value) = values.next() else { return Ok(None) };
        require(values.next().is_none(), || format!("{header} came twice"))?;
        let text = value.to_str().map_err(|_| Fault(format!("{header} is not ASCII")))?;
        let key = text.strip_prefix(scheme).ok_or_else(|| Fault(format!("{header} does not begin with {scheme:?}")))?;
        Ok(Some(key))
    }

    /// Nothing of a caller's key may come to an upstream, nor a hop-by-hop header, nor an encoding that nobody could read.
    pub(super) fn has_no_caller_key(&self) -> Result<(), Fault> {
        for (name, value) in &self.headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            require(!text.contains("kp_"), || format!("a caller key came in {name}"))?;
        }
        require(!self.headers.contains_key("x-keyplane-key"), || "x-keyplane-key came".into())
    }

    /// A chat's body is JSON, and says so.
    pub(super) fn is_json(&self) -> Result<Value, Fault> {
        let kind = self.header("content-type");
        require(kind.starts_with("application/json"), || format!("the content-type is {kind:?}"))?;
        serde_json::from_slice(&self.body).map_err(|_| Fault("the body is not JSON".into()))
    }
}

/// A fault, unless a condition holds.
pub(super) fn require(holds: bool, fault: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault(fault())) }
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        let pieces = vec![Bytes::from(body.to_string())];
        Self { status, topic: Topic::Other, key: String::new(), headers, pieces, ending: Ending::Well }
    }

    pub(super) fn stream(content_type: &str, pieces: Vec<Bytes>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status: 200, topic: Topic::Stream, key: String::new(), headers, pieces, ending: Ending::Well }
    }

    pub(super) fn about(mut self, topic: Topic, key: &str) -> Self {
        (self.topic, self.key) = (topic, key.to_owned());
        self
    }

    pub(super) fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    /// With the key that came.
    pub(super) fn keyed(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    pub(super) fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    pub(super) fn is_endless(&self) -> bool {
        self.ending == Ending::Never
    }

    /// The answer. `left` is called when the caller of an endless one went away.
    pub(super) fn into_response(self, tasks: &Tasks, left: impl FnOnce() + Send + 'static) -> Response<Body> {
        let body = match self.ending {
            Ending::Well => {
                let frames = tokio_stream::iter(self.pieces.into_iter().map(|piece| Ok(Frame::data(piece))));
                StreamBody::new(frames).boxed_unsync()
            }
            Ending::Cut => cut(self.pieces, tasks),
            Ending::Never => endless(self.pieces, tasks, left),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// The pieces, each on its way before the connection breaks.
fn cut(pieces: Vec<Bytes>, tasks: &Tasks) -> Body {
    let (tx, rx) = mpsc::channel::<io::Result<Frame<Bytes>>>(1);
    tasks.spawn("cut stream", async move {
        for piece in pieces {
            // Whoever has left misses nothing.
            let _ = tx.send(Ok(Frame::data(piece))).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let _ = tx.send(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the stand-in breaks off"))).await;
    });
    StreamBody::new(ReceiverStream::new(rx)).boxed_unsync()
}

/// The pieces, the last of them again and again until nobody takes it.
fn endless(pieces: Vec<Bytes>, tasks: &Tasks, left: impl FnOnce() + Send + 'static) -> Body {
    let (tx, rx) = mpsc::channel::<io::Result<Frame<Bytes>>>(1);
    tasks.spawn("endless stream", async move {
        let last = pieces.last().cloned().unwrap_or_default();
        for piece in pieces.into_iter().chain(std::iter::repeat(last)) {
            if tx.send(Ok(Frame::data(piece))).await.is_err() {
                return left();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    StreamBody::new(ReceiverStream::new(rx)).boxed_unsync()
}

/// Server-sent events, each with its name and data; without a name where it is empty.
pub(super) fn events<'a>(events: impl IntoIterator<Item = (&'a str, Value)>) -> Vec<Bytes> {
    let write = |(name, data): (&str, Value)| {
        let name = if name.is_empty() { String::new() } else { format!("event: {name}\n") };
        Bytes::from(format!("{name}data: {data}\n\n"))
    };
    events.into_iter().map(write).collect()
}
