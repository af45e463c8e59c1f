//! gRPC: the gate before every rpc, and the routes behind it.
//!
//! The gate finds the rpc's permission in the descriptors, the principal by its token, and hands both on; what has no permission is not
//! served. Health and reflection need no token.

mod metrics;

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Instant, SystemTime};

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use prometheus_client::registry::Registry;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use self::metrics::Metrics;
use super::{Rpcs, services};
use crate::access::{Call, authenticate};
use crate::error::Error;
use crate::view::Views;

/// Services that need no token: they say nothing of any resource.
const OPEN: [&str; 3] = ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", REFLECTION_ALPHA];

/// The older form of reflection, which many tools still ask for.
const REFLECTION_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/";

/// The request id's header, taken from the caller or made, and answered.
const REQUEST_ID: &str = "x-request-id";

/// The admin API over gRPC. Clones share it.
#[derive(Debug, Clone)]
pub struct Grpc {
    rpcs: Rpcs,
    views: Views,
    routes: Routes,
    metrics: Metrics,
}

impl Grpc {
    /// The gate before some services. Its metrics are registered.
    #[must_use]
    pub fn new(views: Views, routes: Routes, registry: &mut Registry) -> Self {
        Self { rpcs: Rpcs::read(), views, routes: routes.prepare(), metrics: Metrics::new(registry) }
    }

    /// Lets a request in, with its call in its extensions, or says why not.
    fn admit<B>(&self, request: &mut Request<B>) -> Result<(), Error> {
        let path = request.uri().path();
        if OPEN.iter().any(|open| path.starts_with(open)) {
            return Ok(());
        }
        let Some(permission) = self.rpcs.permission(path).cloned() else {
            return Err(Error::RpcUnknown { path: path.chars().take(200).collect() });
        };
        let principal = authenticate(&self.views.load(), request.headers())?;
        let span = tracing::Span::current();
        span.record("principal", &*principal.name);
        request.extensions_mut().insert(Call { principal, permission, now: SystemTime::now() });
        Ok(())
    }

    fn count(&self, response: &Response<Body>, start: Instant) {
        // A status in the headers is that of an answer without a body: an error. Later ones are in the trailers.
        let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
        tracing::debug!(code = ?code, elapsed_ms = start.elapsed().as_millis(), "answered");
        self.metrics.answered(code, start.elapsed());
    }

    async fn answer(self, mut request: Request<Incoming>) -> Response<Body> {
        if let Err(error) = self.admit(&mut request) {
            // Refused before the body is read.
            return Status::from(error).into_http();
        }
        match self.routes.oneshot(request).await {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        }
    }
}

impl Service<Request<Incoming>> for Grpc {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let grpc = self.clone();
        let id = request_id(request.headers());
        let path = request.uri().path();
        let known = grpc.rpcs.permission(path).is_some();
        let span = tracing::info_span!(
            "admin",
            rpc = if known { path } else { "other" },
            request_id = id.to_str().unwrap_or_default(),
            principal = tracing::field::Empty
        );
        let logged = async move {
            let start = Instant::now();
            // A panic costs its own request only, not the others of the connection.
            let answered = AssertUnwindSafe(grpc.clone().answer(request)).catch_unwind().await;
            let mut response = answered.unwrap_or_else(|_| Status::from(Error::Panicked).into_http());
            grpc.count(&response, start);
            response.headers_mut().insert(REQUEST_ID, id);
            Ok(response)
        };
        Box::pin(logged.instrument(span))
    }
}

/// The caller's own request id, if it is one that a log can hold, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers
        .get(REQUEST_ID)
        .filter(|id| (1..=64).contains(&id.len()) && id.as_bytes().iter().all(|byte| byte.is_ascii_graphic()));
    given.cloned().unwrap_or_else(|| {
        // Random hexadecimal digits are always a header's value.
        HeaderValue::from_str(&format!("{:032x}", u128::from_le_bytes(shared::id::random())))
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    })
}

/// Health and reflection, which every server has.
///
/// # Errors
///
/// When the descriptors can't be read.
pub fn common_routes() -> Result<Routes, tonic_reflection::server::Error> {
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        // Only what is served here is listed: the sync protocol's services have a listener of their own.
        services().fold(builder, |builder, service| builder.with_service_name(service.full_name()))
    };
    Ok(Routes::new(health).add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?))
}
