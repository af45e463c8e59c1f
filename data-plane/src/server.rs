//! The listeners, one thread with a runtime of its own for each core, and the way down.
//!
//! Every worker accepts on a socket of its own (`SO_REUSEPORT`), and has its own upstream connections: a request meets no other thread
//! but at the snapshot and the pools' counters.

mod connection;
mod ops;
mod stall;
mod tls;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use shared::dial::{CONNECT_TIMEOUT, DialError, Dialer};
use shared::oauth::Minter;
use shared::task::Tasks;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;

pub use self::tls::TlsError;
use crate::config::Config;
use crate::evidence::EvidenceHandle;
use crate::http::{RequestIds, Worker};
use crate::observe::Metrics;
use crate::serve::attempt::Caller;
use crate::serve::{Budget, Context};
use crate::snapshot::SnapshotStore;
use crate::upstream::Client;

/// Connections that wait to be accepted, for each worker.
const BACKLOG: i32 = 1024;
/// How long background tasks may take to end after the last request did: they flush their reports.
const FLUSH: Duration = Duration::from_secs(5);

/// Sockets that are bound and listen: a process that has them can tell its addresses before it serves.
#[derive(Debug)]
pub struct Listeners {
    /// One for each worker, all at the same address.
    callers: Vec<TcpListener>,
    callers_addr: SocketAddr,
    metrics: TcpListener,
    metrics_addr: SocketAddr,
}

impl Listeners {
    /// Binds both addresses. Port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When an address can't be bound, also because another proxy has it.
    pub fn bind(config: &Config) -> Result<Self, RunError> {
        let failed = |flag, address| move |source| RunError::Bind { flag, address, source };
        let (callers, callers_addr) = bind_callers(config.listen).map_err(failed("listen", config.listen))?;
        let (metrics, metrics_addr) =
            bind_metrics(config.metrics_listen).map_err(failed("metrics-listen", config.metrics_listen))?;
        Ok(Self { callers, callers_addr, metrics, metrics_addr })
    }

    /// Where applications connect.
    #[must_use]
    pub fn callers_addr(&self) -> SocketAddr {
        self.callers_addr
    }

    /// Where metrics and health are.
    #[must_use]
    pub fn metrics_addr(&self) -> SocketAddr {
        self.metrics_addr
    }
}

fn bind_callers(address: SocketAddr) -> io::Result<(Vec<TcpListener>, SocketAddr)> {
    // Workers share an address, and so could two proxies by mistake, each with a part of the requests: first be alone there.
    drop(bound(address, false)?);
    let listen = |address| {
        let socket = bound(address, true)?;
        socket.listen(BACKLOG)?;
        Ok::<_, io::Error>(TcpListener::from(socket))
    };
    let first = listen(address)?;
    let address = first.local_addr()?;
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let others = (1..workers).map(|_| listen(address));
    Ok((std::iter::once(Ok(first)).chain(others).collect::<io::Result<_>>()?, address))
}

fn bound(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn bind_metrics(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Why the proxy can't run, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address can't be had.
    #[error("--{flag} {address} can't be listened on")]
    Bind {
        /// Which listener's flag.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Upstreams can't be called.
    #[error("upstreams can't be called")]
    Dial(#[from] DialError),
    /// Applications can't be served over TLS.
    #[error("applications can't be served over TLS")]
    Tls(#[from] TlsError),
    /// A thread, a runtime or a socket could not be had.
    #[error("a worker can't be started")]
    Worker(#[source] io::Error),
    /// A worker ended by itself.
    #[error("a worker ended unexpectedly")]
    WorkerEnded,
}

/// What the server works with.
#[derive(Debug)]
pub struct Parts {
    /// What requests read.
    pub snapshots: Arc<SnapshotStore>,
    /// Where they say what they learned.
    pub evidence: EvidenceHandle,
    /// Where everything that is counted is registered.
    pub registry: Registry,
    /// The background tasks, which end after the last request.
    pub tasks: Tasks,
}

/// Serves until `shutdown`, then drains: unready at once, no new connection, requests in flight end within the drain, then background
/// tasks flush.
///
/// # Errors
///
/// When it can't begin, or a worker ended by itself.
pub async fn serve(
    config: &Config,
    listeners: Listeners,
    parts: Parts,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let Parts { snapshots, evidence, mut registry, tasks } = parts;
    let dialer = Dialer::new(config.address_policy(), CONNECT_TIMEOUT)?;
    let minter = Minter::new(&dialer, &tasks);
    let tls = tls::acceptor(config)?;
    let metrics = Arc::new(Metrics::new(&mut registry));
    let ops = ops::Ops::new(Arc::clone(&snapshots), Arc::clone(&metrics), registry);
    let ops_listener = tokio::net::TcpListener::from_std(listeners.metrics).map_err(RunError::Worker)?;
    let ops_tasks = Tasks::new();
    ops_tasks.spawn("ops", Arc::clone(&ops).run(ops_listener, ops_tasks.clone()));

    let mut workers = Vec::with_capacity(listeners.callers.len());
    for listener in listeners.callers {
        let worker = Worker {
            snapshots: Arc::clone(&snapshots),
            context: Context {
                attempts: Caller { client: Client::new(&dialer), minter: minter.clone() },
                evidence: evidence.clone(),
                metrics: Arc::clone(&metrics),
                budget: Budget::default(),
            },
            max_body_bytes: config.max_body_bytes,
            request_ids: RequestIds::new(),
        };
        workers.push(start(worker, listener, tls.clone(), config.drain())?);
    }
    drop(evidence);
    tracing::info!(address = %listeners.callers_addr, workers = workers.len(), "serving");

    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        () = any_ended(&mut workers) => Err(RunError::WorkerEnded),
    };
    tracing::info!("draining");
    ops.stop_being_ready();
    workers.iter().for_each(|worker| worker.stopper.stop());
    for worker in workers {
        // An error is a worker that ended already.
        drop(worker.ended.await);
    }
    tasks.stop();
    if tokio::time::timeout(FLUSH, tasks.stopped()).await.is_err() {
        tracing::warn!("background tasks did not end in time");
    }
    ops_tasks.stop();
    outcome
}

/// A worker's thread, seen from outside.
struct Running {
    stopper: connection::Stopper,
    ended: oneshot::Receiver<()>,
}

fn start(
    worker: Worker,
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    drain: Duration,
) -> Result<Running, RunError> {
    let tasks = Tasks::new();
    let (ended_tx, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Worker)?;
    let listener = {
        let _guard = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(RunError::Worker)?
    };
    let acceptor = connection::Acceptor::new(Arc::new(worker), tls, tasks);
    let stopper = acceptor.stopper();
    let run = move || {
        // Sent by being dropped, so that a panic is noticed too.
        let _ended = ended_tx;
        runtime.block_on(acceptor.run(listener, drain));
        // What the drain did not see the end of ends with the runtime.
        runtime.shutdown_background();
    };
    std::thread::Builder::new().name("worker".into()).spawn(run).map_err(RunError::Worker)?;
    Ok(Running { stopper, ended })
}

async fn any_ended(workers: &mut [Running]) {
    let ended = workers.iter_mut().map(|worker| &mut worker.ended);
    drop(futures_util::future::select_all(ended).await);
}
