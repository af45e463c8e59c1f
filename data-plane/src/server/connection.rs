//! Accepting callers' connections and speaking HTTP on them, within limits.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use shared::task::Tasks;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::stall::Unstalled;
use crate::http::Worker;

/// Connections of one worker; more are closed at once.
const CONNECTIONS: u64 = 10_000;
/// A request's head. It may have 100 headers, which is hyper's own limit: saying so would cost a longer way through its parser.
const HEAD_BYTES: usize = 64 * 1024;
/// How long a head may take, which for hyper includes the quiet time before it: longer than clients and balancers keep a connection that
/// they do not use (60 s is common), so that they close it and not we, in the moment of the next request.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// HTTP/2: streams of one connection, and resets before it is closed.
const STREAMS: u32 = 100;
const RESETS: usize = 100;
const PING: Duration = Duration::from_secs(20);
/// How long to wait when the system has no descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Accepts for one worker.
pub(super) struct Acceptor {
    worker: Arc<Worker>,
    tls: Option<TlsAcceptor>,
    http: Arc<Builder<TaskExecutor>>,
    tasks: Tasks,
    open: Arc<Open>,
}

/// Stops a worker: it accepts no more, and its connections end with their requests.
pub(super) struct Stopper {
    tasks: Tasks,
    open: Arc<Open>,
}

impl Stopper {
    /// Stops. The flag goes first: a connection that is woken by the stop looks at it, and is not woken again.
    pub(super) fn stop(&self) {
        self.open.draining.store(true, Ordering::Release);
        self.tasks.stop();
    }
}

/// What a worker's connections share.
#[derive(Debug, Default)]
struct Open {
    count: AtomicU64,
    /// Read with each wake-up of a connection, where a cancellation token would take a lock.
    draining: AtomicBool,
}

impl Acceptor {
    pub(super) fn new(worker: Arc<Worker>, tls: Option<TlsAcceptor>, tasks: Tasks) -> Self {
        let mut http = Builder::new(TaskExecutor(tasks.clone()));
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES as u32)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        Self { worker, tls, http: Arc::new(http), tasks, open: Arc::default() }
    }

    /// What stops this worker.
    pub(super) fn stopper(&self) -> Stopper {
        Stopper { tasks: self.tasks.clone(), open: Arc::clone(&self.open) }
    }

    /// Accepts until the worker is stopped, then waits for its connections, up to `drain`.
    pub(super) async fn run(self, listener: TcpListener, drain: Duration) {
        let mut stopping = pin!(self.tasks.stopping());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopping => break,
            };
            match accepted {
                Ok((stream, _)) => self.spawn(stream),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    sleep(EXHAUSTED).await;
                }
            }
        }
        // Those that the system has accepted for us would be reset otherwise.
        while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
            self.spawn(stream);
        }
        drop(listener);
        if timeout(drain, self.tasks.stopped()).await.is_err() {
            tracing::warn!(
                connections = self.open.count.load(Ordering::Relaxed),
                "not all requests ended within the drain"
            );
        }
    }

    fn spawn(&self, stream: TcpStream) {
        let metrics = &self.worker.context.metrics;
        if self.open.count.load(Ordering::Relaxed) >= CONNECTIONS {
            metrics.connections_shed.inc();
            return;
        }
        // Without it small writes wait for the other side's acknowledgement.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let counted = Counted::new(&self.open, &self.worker);
        let (worker, tls, http, tasks) =
            (Arc::clone(&self.worker), self.tls.clone(), Arc::clone(&self.http), self.tasks.clone());
        self.tasks.spawn("connection", async move {
            match tls {
                None => speak(stream, worker, &http, &tasks, &counted).await,
                Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => speak(stream, worker, &http, &tasks, &counted).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
        });
    }
}

/// Serves one connection to its end, or, when the worker drains, to the end of its requests.
async fn speak<S>(stream: S, worker: Arc<Worker>, http: &Builder<TaskExecutor>, tasks: &Tasks, counted: &Counted)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let worker = Arc::clone(&worker);
        // Boxed, it goes with the request: hyper keeps a service's future, 15 KiB of it, for as long as the connection lives.
        let answer = Box::pin(async move { worker.answer(request).await });
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(Unstalled::new(stream)), service));
    let mut stopping = pin!(tasks.stopping());
    let (mut is_waiting, mut is_leaving) = (false, false);
    let ended = poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(ended);
        }
        // The stop is waited for once; after that a wake-up looks at the flag alone.
        let draining = counted.open.draining.load(Ordering::Acquire);
        if is_leaving || (is_waiting && !draining) {
            return Poll::Pending;
        }
        is_waiting = true;
        if stopping.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        is_leaving = true;
        connection.as_mut().graceful_shutdown();
        connection.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        tracing::debug!(error = &*error, "a connection ended badly");
    }
}

/// Whether an error of accept is the end of one connection, not of the listener (accept(2)).
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionRefused
    )
}

/// An open connection, counted for as long as it is there.
#[derive(Debug)]
struct Counted {
    open: Arc<Open>,
    worker: Arc<Worker>,
}

impl Counted {
    fn new(open: &Arc<Open>, worker: &Arc<Worker>) -> Self {
        open.count.fetch_add(1, Ordering::Relaxed);
        worker.context.metrics.connections.inc();
        Self { open: Arc::clone(open), worker: Arc::clone(worker) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.count.fetch_sub(1, Ordering::Relaxed);
        self.worker.context.metrics.connections.dec();
    }
}

/// HTTP/2 serves each stream in a task; these are waited for as the connections are.
#[derive(Debug, Clone)]
struct TaskExecutor(Tasks);

impl<F> hyper::rt::Executor<F> for TaskExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.0.spawn("http2 stream", future));
    }
}
