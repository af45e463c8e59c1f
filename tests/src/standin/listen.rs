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
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
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

/// A certificate for `127.0.0.1`, of an authority that nobody else knows; all of it as PEM.
#[derive(Debug)]
pub struct Certificate {
    /// Its chain.
    pub chain: String,
    /// Its key.
    pub key: String,
    /// The authority's own.
    pub authority: String,
}

impl Certificate {
    /// Makes one.
    ///
    /// # Errors
    ///
    /// When it can't be made.
    pub fn of_loopback() -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        // Some clients want an authority to say what its key is for.
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &ca)?;
        Ok(Self { chain: certificate.pem(), key: key.serialize_pem(), authority: ca.pem() })
    }
}

impl Transport {
    /// TLS with a certificate for `127.0.0.1` of an authority that nobody else knows; its certificate as PEM is the second.
    ///
    /// # Errors
    ///
    /// When no certificate can be made.
    pub fn tls() -> anyhow::Result<(Self, String)> {
        let made = Certificate::of_loopback()?;
        let chain = vec![CertificateDer::from_pem_slice(made.chain.as_bytes())?];
        let key = PrivatePkcs8KeyDer::from_pem_slice(made.key.as_bytes())?;
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key.into())?;
        Ok((Self::Tls(Arc::new(config)), made.authority))
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
