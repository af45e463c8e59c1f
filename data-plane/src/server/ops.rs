//! `/metrics`, `/healthz` and `/readyz`, on a listener of their own.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use shared::task::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::observe::{Metrics, rendered};
use crate::snapshot::SnapshotStore;

const HEAD_TIME: Duration = Duration::from_secs(10);
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Answers operators and their tools.
pub(super) struct Ops {
    snapshots: Arc<SnapshotStore>,
    metrics: Arc<Metrics>,
    registry: Registry,
    leaving: AtomicBool,
}

impl Ops {
    pub(super) fn new(snapshots: Arc<SnapshotStore>, metrics: Arc<Metrics>, registry: Registry) -> Arc<Self> {
        Arc::new(Self { snapshots, metrics, registry, leaving: AtomicBool::new(false) })
    }

    /// From now on `/readyz` says no.
    pub(super) fn stop_being_ready(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Serves until the tasks are stopped.
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener, tasks: Tasks) {
        let mut stopping = pin!(tasks.stopping());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopping => return,
            };
            match accepted {
                Ok((stream, _)) => drop(tasks.spawn("ops connection", Arc::clone(&self).connection(stream))),
                Err(_) => sleep(EXHAUSTED).await,
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let answer = self.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = served.await {
            tracing::debug!(%error, "a connection for metrics ended badly");
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" if self.is_ready() => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/metrics" => self.metrics(),
            _ => text(StatusCode::NOT_FOUND, "/metrics, /healthz and /readyz are here\n"),
        }
    }

    fn is_ready(&self) -> bool {
        self.snapshots.is_ready() && !self.leaving.load(Ordering::Relaxed)
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        self.metrics.refresh(self.is_ready());
        let Ok(text) = rendered(&self.registry) else {
            return self::text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written\n");
        };
        let mut response = Response::new(Full::from(text));
        let form = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, form);
        response
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
