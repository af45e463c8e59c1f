//! Binds surfaces to listeners: accept, TLS, HTTP/1.1 and HTTP/2, and the drain at the end.

mod answering;
pub mod tls;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use shared::task::Tasks;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::{Service, service_fn};

use self::answering::Answering;

/// How many connections one listener serves at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 4096;

/// How long a TLS handshake or a request's headers may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long to wait after the kernel refused a connection, for want of descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a quiet HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests in flight may take after a stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long connections may take after a stop to close by themselves once nothing is being answered on any.
const CLOSING: Duration = Duration::from_secs(1);

const HEADER_BYTES: u32 = 64 * 1024;
const STREAMS_PER_CONNECTION: u32 = 100;

/// Serves HTTP on a listener until a stop, then lets requests in flight finish within the drain.
pub async fn serve<S, B>(listener: TcpListener, tls: Option<TlsAcceptor>, service: S, tasks: Tasks)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    let answering = Answering::default();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = tasks.stopping() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let (service, answering) = (service.clone(), answering.clone());
        let service = service_fn(move |request| {
            let (service, answering) = (service.clone(), answering.clone());
            async move { answering.answer(service, request).await }
        });
        let served = handshaken(stream, tls.clone(), service, graceful.watcher());
        let cut = cut.clone();
        tasks.spawn("connection", async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = served => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    // Whoever opened a connection and asks nothing would else hold up the end.
    let idle = async {
        answering.none().await;
        sleep(CLOSING).await;
    };
    let drained = async {
        tokio::select! {
            () = graceful.shutdown() => {}
            () = idle => {}
        }
    };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("requests in flight outlasted the drain");
    }
    cut.cancel();
}

/// One connection, after its TLS handshake if there is to be one.
async fn handshaken<S, B>(stream: TcpStream, tls: Option<TlsAcceptor>, service: S, watcher: Watcher)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(tls) = tls else { return connection(stream, service, watcher).await };
    match timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, service, watcher).await,
        Ok(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "no TLS"),
        Err(_) => tracing::debug!("no TLS in time"),
    }
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Small answers should not wait for more; a socket that refuses serves all the same.
            let _ = stream.set_nodelay(true);
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection<I, S, B>(stream: I, service: S, watcher: Watcher)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE).max_buf_size(HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = &*error, "a connection ended badly");
    }
}
