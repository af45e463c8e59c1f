//! The sync listener: TLS 1.3, HTTP/2, a client certificate of our CA or none. Which calls need one is the service's matter.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use shared::task::Tasks;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::ca::{self, Ca, CaError, ProxyIdentity, SERVER_LIFETIME};
use super::metrics::Metrics;

/// The most connections at a time.
const MAX_CONNECTIONS: u32 = 16 * 1024;

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How many accepted connections wait for the server.
const ACCEPTED: usize = 64;

/// How long connections may take after a stop to close by themselves.
const DRAIN: Duration = Duration::from_secs(3);

/// How long to wait after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Why the listener can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The CA can't be used to verify clients.
    #[error("the CA can't be used to verify clients")]
    Verifier(#[from] VerifierBuilderError),
    /// TLS can't be set up.
    #[error("TLS can't be set up")]
    Config(#[from] rustls::Error),
    /// The server's certificate can't be made.
    #[error("the server's certificate can't be made")]
    Certificate(#[from] CaError),
}

/// Who is at the other end of a connection: in the extensions of every request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The proxy that its certificate is for; `None` without one.
    pub identity: Option<ProxyIdentity>,
    /// When its certificate expires: a connection is good for as long as what was shown when it was made.
    pub expires: Instant,
    /// Ends the connection, for a peer that does not even read.
    pub hang_up: CancellationToken,
}

/// Accepts connections until the tasks are asked to stop.
///
/// # Errors
///
/// When TLS can't be set up.
pub fn accept(
    listener: TcpListener,
    ca: Arc<Ca>,
    metrics: Arc<Metrics>,
    tasks: &Tasks,
    now: SystemTime,
) -> Result<ReceiverStream<io::Result<Connection>>, TlsError> {
    let certificate = Arc::new(ServerCertificate(ArcSwap::from_pointee(ca.issue_server(now)?)));
    let acceptor = TlsAcceptor::from(Arc::new(config(&ca, Arc::clone(&certificate))?));
    let (accepted, connections) = mpsc::channel(ACCEPTED);
    tasks.spawn("sync_certificate", renew(ca, certificate, tasks.clone()));
    tasks.spawn("sync_accept", accept_all(listener, acceptor, accepted, metrics, tasks.clone()));
    Ok(ReceiverStream::new(connections))
}

fn config(ca: &Ca, certificate: Arc<ServerCertificate>) -> Result<rustls::ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.certificate().clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The server's certificate, which is renewed in memory.
#[derive(Debug)]
struct ServerCertificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One certificate for every name: clients check ours, whatever address they dialed.
        Some(self.0.load_full())
    }
}

async fn renew(ca: Arc<Ca>, certificate: Arc<ServerCertificate>, tasks: Tasks) {
    loop {
        tokio::select! {
            () = tasks.stopping() => return,
            () = tokio::time::sleep(SERVER_LIFETIME / 7) => {}
        }
        match ca.issue_server(SystemTime::now()) {
            Ok(new) => certificate.0.store(Arc::new(new)),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the server's certificate is not renewed")
            }
        }
    }
}

async fn accept_all(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    accepted: mpsc::Sender<io::Result<Connection>>,
    metrics: Arc<Metrics>,
    tasks: Tasks,
) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let hang_up = CancellationToken::new();
    loop {
        let accept = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, connection) = tokio::select! {
            () = tasks.stopping() => break,
            accepted = accept => accepted,
        };
        let Ok(permit) = permit else { return };
        let (stream, address) = match connection {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let handshake = handshake(stream, address, permit, hang_up.child_token(), acceptor.clone());
        let (accepted, metrics, stop) = (accepted.clone(), Arc::clone(&metrics), tasks.clone());
        tasks.spawn("sync_handshake", async move {
            let done = tokio::select! {
                () = stop.stopping() => return,
                done = tokio::time::timeout(HANDSHAKE_TIME, handshake) => done,
            };
            match done {
                // A server that is gone takes no more connections.
                Ok(Ok(connection)) => drop(accepted.send(Ok(connection)).await),
                Ok(Err(error)) => {
                    metrics.handshakes_failed.inc();
                    tracing::info!(%address, %error, "a TLS handshake failed");
                }
                Err(_late) => {
                    metrics.handshakes_failed.inc();
                    tracing::info!(%address, "a TLS handshake took too long");
                }
            }
        });
    }
    drop((listener, accepted));
    // Whoever opened a connection and asks nothing would else hold up the end for ever.
    if tokio::time::timeout(DRAIN, room.acquire_many(MAX_CONNECTIONS)).await.is_err() {
        hang_up.cancel();
    }
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    permit: OwnedSemaphorePermit,
    hang_up: CancellationToken,
    acceptor: TlsAcceptor,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let identity = certificate.and_then(ca::proxy_identity);
    let expires = certificate.and_then(ca::expiry).map_or_else(Instant::now, at);
    let hung_up = Box::pin(hang_up.clone().cancelled_owned());
    Ok(Connection { stream, hung_up, peer: Peer { address, identity, expires, hang_up }, _permit: permit })
}

/// A moment of the wall clock by the monotonic one.
fn at(time: SystemTime) -> Instant {
    Instant::now() + time.duration_since(SystemTime::now()).unwrap_or_default()
}

/// An accepted connection.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    hung_up: Pin<Box<WaitForCancellationFutureOwned>>,
    peer: Peer,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.hung_up.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
