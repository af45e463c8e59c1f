//! Listening on loopback, plain or with TLS of an authority of its own, until the tasks are stopped.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use shared::task::Tasks;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An answer's body.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What requests come over.
#[derive(Debug, Clone)]
pub enum Transport {
    /// TCP.
    Plain,
    /// TLS.
    Tls(Arc<ServerConfig>),
}

impl Transport {
    /// TLS with a certificate for `127.0.0.1` of an authority that nobody else knows; its certificate as PEM is the second.
    ///
    /// # Errors
    ///
    /// When no certificate can be made.
    pub fn tls() -> anyhow::Result<(Self, String)> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?.signed_by(&key, &ca)?;
        let chain = vec![certificate.der().clone()];
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        Ok((Self::Tls(Arc::new(config)), ca.pem()))
    }

    /// Its scheme.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls(_) => "https",
        }
    }
}

/// Listens, and answers requests; the address is where.
///
/// # Errors
///
/// When it can't listen.
pub async fn listen<F, A>(transport: &Transport, tasks: &Tasks, answer: F) -> anyhow::Result<SocketAddr>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, accepting, transport) = (listener.local_addr()?, tasks.clone(), transport.clone());
    tasks.spawn("stand-in", async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = accepting.stopping() => return,
            };
            let Ok((stream, _)) = accepted else { continue };
            let _ = stream.set_nodelay(true);
            let (answer, transport) = (answer.clone(), transport.clone());
            accepting.spawn("stand-in connection", async move {
                match transport {
                    Transport::Plain => serve(stream, answer).await,
                    Transport::Tls(config) => {
                        // Whoever doesn't trust the authority hangs up here.
                        if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                            serve(stream, answer).await;
                        }
                    }
                }
            });
        }
    });
    Ok(address)
}

async fn serve<S, F, A>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    // A connection that breaks is its peer's affair.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
