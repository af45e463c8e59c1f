//! From a request's head to the operation that is meant, and from its outcome to an answer.

pub(crate) mod caller;
mod endpoint;
mod models;
mod respond;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::adapter::Operation;
use tokio::time::timeout;

use self::caller::Identified;
use self::endpoint::Endpoint;
use self::respond::Body;
use crate::error::{Refusal, shown};
use crate::observe::{self, SERVED, Tally};
use crate::serve::provider::{AskBelow, call_below};
use crate::serve::relay::Relay;
use crate::serve::{self, Ask, Trail};
use crate::snapshot::{SnapshotStore, route};

/// How long a caller may be silent in the middle of a body.
const BODY_IDLE: Duration = Duration::from_secs(30);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-keyplane-provider");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-keyplane-attempts");
/// What the provider calls the request, which is what its support asks for.
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-keyplane-upstream-request-id");

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
        // Before anything can go wrong: whatever does is told in the caller's words.
        let format = endpoint::format_of(request.uri().path(), request.headers());
        let answered = AssertUnwindSafe(self.outcome(request, &mut trail)).catch_unwind().await;
        let mut response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => respond::refusal(trail.format.unwrap_or(format), refusal),
            Err(_) => respond::refusal(trail.format.unwrap_or(format), Refusal::Internal),
        };
        let request_id = self.request_ids.next();
        let (status, attempts) = (response.status().as_u16(), trail.attempts);
        let provider = trail.upstream.as_ref().map(|upstream| &*upstream.id);
        let tags = trail.upstream.as_ref().map(|upstream| &upstream.provider.telemetry_tags);
        let upstream_request_id = &trail.request_id;
        tracing::debug!(?request_id, status, provider, ?upstream_request_id, attempts, ?tags, "answering");
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, request_id);
        if let Some(upstream) = &trail.upstream {
            headers.insert(PROVIDER, upstream.header.clone());
            headers.insert(ATTEMPTS, HeaderValue::from(attempts));
            headers.extend(trail.request_id.map(|id| (UPSTREAM_REQUEST_ID, id)));
        }
        response
    }

    /// Counts a request, however it ends; one that no route takes counts as one for models.
    async fn outcome(&self, request: Request<Incoming>, trail: &mut Trail) -> Result<Response<Body>, Refusal> {
        let endpoint = Endpoint::of(request.method(), request.uri(), request.headers());
        let label = endpoint.as_ref().map_or(observe::word(Operation::ListModels), Endpoint::label);
        let mut tally = Some(Tally::begin(&self.context.metrics, label));
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
        let (head, body) = request.into_parts();
        let before = self.snapshots.load();
        let mut identified = caller::identify(&head.headers, &before)?;
        let body = match &endpoint {
            Endpoint::Serve { .. } => {
                check_encoding(&head.headers)?;
                read(&head.headers, body, self.max_body_bytes).await?
            }
            Endpoint::Provider(below) => {
                let upstream = below.provider.as_deref().and_then(|id| identified.environment.upstreams.get(id));
                // Whoever calls a provider by its own paths reads its errors.
                trail.format = upstream.map(|upstream| upstream.format);
                read(&head.headers, body, self.max_body_bytes).await?
            }
            Endpoint::Models(_) | Endpoint::Model(..) => Bytes::new(),
        };
        // Everything that a request does is of one state, which is that after its body, since that may take its time: a value that was rotated
        // meanwhile serves nobody.
        let snapshot = self.snapshots.load();
        if !Arc::ptr_eq(&before, &snapshot) {
            identified = caller::identify(&head.headers, &snapshot)?;
        }
        let Identified { caller, environment, given } = identified;
        match endpoint {
            Endpoint::Serve { format, operation, url } => {
                let (headers, url) = (&head.headers, url.as_deref());
                let ask = Ask { format, operation, url, caller, given, environment, headers, body };
                serve::serve(&self.context, ask, trail, tally).await.map(relayed)
            }
            Endpoint::Models(format) => {
                let names = route::listed(environment, &caller.key);
                Ok(listed(models::list(format, names, head.uri.query().unwrap_or_default())))
            }
            Endpoint::Model(_, id) if !route::exists(environment, &id) => {
                Err(Refusal::ModelUnknown { model: shown(&id) })
            }
            Endpoint::Model(_, id) if !caller.key.allows(&id) => Err(Refusal::ModelNotAllowed { model: shown(&id) }),
            Endpoint::Model(format, id) => Ok(listed(models::one(format, &id))),
            Endpoint::Provider(below) => {
                let (provider, path) = (below.provider.as_deref(), below.path.as_str());
                let (method, headers) = (&head.method, &head.headers);
                let ask = AskBelow { method, provider, path, caller, given, environment, headers, body };
                call_below(&self.context, ask, trail, tally).await.map(relayed)
            }
        }
    }
}

/// What an upstream says, as it comes.
fn relayed(answer: Response<Box<Relay>>) -> Response<Body> {
    answer.map(Body::Relay)
}

/// Refuses a body that is encoded, where it is read.
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_encoded = headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    if is_encoded { Err(Refusal::BodyEncoded) } else { Ok(()) }
}

/// Reads a body, up to the limit. One that came in one piece is not copied.
async fn read(headers: &HeaderMap, mut body: Incoming, most: u64) -> Result<Bytes, Refusal> {
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

fn listed(json: Vec<u8>) -> Response<Body> {
    respond::json(StatusCode::OK, json.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_differ() {
        let ids = RequestIds::new();
        let (a, b) = (ids.next(), ids.next());
        assert_ne!(a, b);
        assert_eq!(a.len(), 32);
    }
}
