//! From a request's head to the operation that is meant, and from its outcome to an answer.

pub(crate) mod caller;
pub(crate) mod header;
pub(crate) mod respond;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Serialize;
use shared::adapter::Operation;
use tokio::time::timeout;

use self::respond::Body;
use crate::error::{Refusal, shown};
use crate::observe::{SERVED, Tally};
use crate::serve::{self, Ask, Trail};
use crate::snapshot::{SnapshotStore, route};

/// The longest path with its query.
const URI_BYTES: usize = 8 * 1024;
/// How long a caller may be silent in the middle of a body.
const BODY_IDLE: Duration = Duration::from_secs(30);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-keyplane-provider");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-keyplane-attempts");

/// What answers the requests of one thread's connections.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) snapshots: Arc<SnapshotStore>,
    pub(crate) context: serve::Context,
    pub(crate) max_body_bytes: u64,
    pub(crate) request_ids: RequestIds,
}

/// Request ids: a random number for the worker and one that counts, so that none costs a system call.
#[derive(Debug)]
pub(crate) struct RequestIds {
    worker: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { worker: u64::from_le_bytes(shared::id::random()), next: AtomicU64::new(1) }
    }

    fn next(&self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Multiplied by an odd number, consecutive ids look nothing like each other, and still none comes twice.
        let count = self.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let number = u128::from(self.worker) << 64 | u128::from(count);
        let text: [u8; 32] = std::array::from_fn(|digit| DIGITS[(number >> (124 - 4 * digit)) as usize & 15]);
        // Hexadecimal digits always make a value.
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl Worker {
    /// Answers a request, whatever happens.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut trail = Trail::default();
        let answered = AssertUnwindSafe(self.outcome(request, &mut trail)).catch_unwind().await;
        let mut response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => respond::refusal(refusal),
            Err(_) => respond::refusal(Refusal::Internal),
        };
        let request_id = self.request_ids.next();
        let (status, attempts) = (response.status().as_u16(), trail.attempts);
        tracing::debug!(?request_id, status, provider = ?trail.provider, attempts, "answering");
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, request_id);
        if let Some(provider) = trail.provider {
            headers.insert(PROVIDER, provider);
            headers.insert(ATTEMPTS, HeaderValue::from(attempts));
        }
        response
    }

    /// Counts a request, however it ends; one that no route takes counts as one for models.
    async fn outcome(&self, request: Request<Incoming>, trail: &mut Trail) -> Result<Response<Body>, Refusal> {
        let endpoint = Endpoint::of(request.method(), request.uri());
        let operation = endpoint.as_ref().map_or(Operation::ListModels, Endpoint::operation);
        let mut tally = Some(Tally::begin(&self.context.metrics, operation));
        let result = match endpoint {
            Ok(endpoint) => self.route(endpoint, request, trail, &mut tally).await,
            Err(refusal) => Err(refusal),
        };
        if let Some(tally) = &mut tally {
            tally.outcome(result.as_ref().map_or_else(Refusal::code, |_| SERVED));
        }
        result
    }

    async fn route(
        &self,
        endpoint: Endpoint,
        request: Request<Incoming>,
        trail: &mut Trail,
        tally: &mut Option<Tally>,
    ) -> Result<Response<Body>, Refusal> {
        // Loaded once: everything that this request does is of one state.
        let snapshot = self.snapshots.load();
        let (head, body) = request.into_parts();
        let (caller, environment) = caller::identify(&head.headers, &snapshot)?;
        match endpoint {
            Endpoint::Serve(operation) => {
                let body = read(&head.headers, body, self.max_body_bytes).await?;
                let ask = Ask { operation, caller, environment, headers: &head.headers, body };
                serve::serve(&self.context, ask, trail, tally).await
            }
            Endpoint::Models => Ok(listed(&ModelList {
                object: "list",
                data: route::listed(environment, &caller.key).into_iter().map(Model::of).collect(),
            })),
            Endpoint::Model(id) if !route::exists(environment, &id) => Err(Refusal::ModelUnknown { model: shown(&id) }),
            Endpoint::Model(id) if !caller.key.allows(&id) => Err(Refusal::ModelNotAllowed { model: shown(&id) }),
            Endpoint::Model(id) => Ok(listed(&Model::of(id))),
        }
    }
}

/// What a method and a path mean.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    Serve(Operation),
    Models,
    Model(String),
}

impl Endpoint {
    fn of(method: &Method, uri: &http::Uri) -> Result<Self, Refusal> {
        if uri.path_and_query().is_some_and(|path| path.as_str().len() > URI_BYTES) {
            return Err(Refusal::UriTooLong);
        }
        let (endpoint, allowed) = match uri.path() {
            "/v1/chat/completions" => (Self::Serve(Operation::Chat), Method::POST),
            "/v1/completions" => (Self::Serve(Operation::Completion), Method::POST),
            "/v1/embeddings" => (Self::Serve(Operation::Embeddings), Method::POST),
            "/v1/models" => (Self::Models, Method::GET),
            path => match path.strip_prefix("/v1/models/").and_then(decoded).filter(|id| !id.is_empty()) {
                Some(id) => (Self::Model(id), Method::GET),
                None => return Err(Refusal::NoRoute),
            },
        };
        match (method == allowed, allowed == Method::POST) {
            (true, _) => Ok(endpoint),
            (false, true) => Err(Refusal::Method { allow: "POST" }),
            (false, false) => Err(Refusal::Method { allow: "GET" }),
        }
    }

    fn operation(&self) -> Operation {
        match self {
            Self::Serve(operation) => *operation,
            Self::Models | Self::Model(_) => Operation::ListModels,
        }
    }
}

/// A path's `%XX` undone, once. `None` where it is broken, or no text.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

/// Reads a body, up to the limit. One that came in one piece is not copied.
async fn read(headers: &HeaderMap, mut body: Incoming, most: u64) -> Result<Bytes, Refusal> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Refusal::BodyEncoded);
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(Refusal::BodyTooLarge { most });
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        // What is there already, mostly all of it, costs no timer.
        let frame = match body.frame().now_or_never() {
            Some(frame) => Ok(frame),
            None => timeout(BODY_IDLE, body.frame()).await,
        };
        let frame = match frame {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) | Err(_) => return Err(Refusal::BodyCut),
            Ok(None) => break,
        };
        let Ok(data) = frame.into_data() else { continue };
        if (first.len() + rest.len() + data.len()) as u64 > most {
            return Err(Refusal::BodyTooLarge { most });
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// OpenAI's list of models.
#[derive(Serialize)]
struct ModelList {
    object: &'static str,
    data: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl Model {
    fn of(id: String) -> Self {
        // OpenAI's clients require a number; when an alias was made is nobody's business here.
        Self { id, object: "model", created: 0, owned_by: "keyplane" }
    }
}

fn listed(form: &impl Serialize) -> Response<Body> {
    // Strings and numbers always serialize.
    respond::json(StatusCode::OK, serde_json::to_vec(form).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(method: Method, uri: &str) -> Result<Endpoint, u16> {
        Endpoint::of(&method, &uri.parse().unwrap()).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn routes_are_found_and_others_are_refused() {
        assert_eq!(endpoint(Method::POST, "/v1/chat/completions?x=1"), Ok(Endpoint::Serve(Operation::Chat)));
        assert_eq!(endpoint(Method::GET, "/v1/models/a%2Fb/c"), Ok(Endpoint::Model("a/b/c".into())));
        assert_eq!(endpoint(Method::GET, "/v1/models/%zz"), Err(404));
        assert_eq!(endpoint(Method::GET, "/v1/models/"), Err(404));
        assert_eq!(endpoint(Method::GET, "/v1/chat/completions"), Err(405));
        assert_eq!(endpoint(Method::POST, "/v1/models"), Err(405));
        assert_eq!(endpoint(Method::POST, "/v1/other"), Err(404));
        assert_eq!(endpoint(Method::GET, &format!("/v1/models/{}", "x".repeat(9000))), Err(414));
    }

    #[test]
    fn request_ids_differ() {
        let ids = RequestIds::new();
        let (a, b) = (ids.next(), ids.next());
        assert_ne!(a, b);
        assert_eq!(a.len(), 32);
    }
}
