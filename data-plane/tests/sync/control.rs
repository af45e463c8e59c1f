//! A control plane that does what a test says, over the real TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use proto::sync::v1::sync_service_server::{SyncService, SyncServiceServer};
use proto::sync::v1::{
    Batch, BatchAck, ControlFrame, EnrollRequest, EnrollResponse, ProxyFrame, RenewRequest, RenewResponse,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, PublicKeyData,
};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use shared::task::Tasks;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::stream::{Reports, Stream, within};

/// A certificate authority of a test.
pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn new() -> Arc<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Arc::new(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() })
    }

    pub(crate) fn token(&self) -> String {
        let spki = self.issuer.key().subject_public_key_info();
        format!("kpj_test.{}.{}", "ab".repeat(32), data_plane::sync::token::Pin::of_spki(&spki))
    }

    fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    fn server(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["control.keyplane.internal".to_owned()]).unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap();
        (vec![own.der().clone(), self.der()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn sign(&self, csr: &[u8]) -> Vec<bytes::Bytes> {
        let mut csr = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr)).unwrap();
        csr.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let own = csr.signed_by(&self.issuer).unwrap();
        vec![own.der().to_vec().into(), self.der().to_vec().into()]
    }
}

/// The listening control plane.
pub(crate) struct Control {
    pub(crate) address: SocketAddr,
    pub(crate) enrollments: mpsc::Receiver<EnrollRequest>,
    pub(crate) renewals: mpsc::Receiver<RenewRequest>,
    pub(crate) streams: mpsc::Receiver<Stream>,
    pub(crate) reports: mpsc::Receiver<Reports>,
    pub(crate) connections: Arc<AtomicU32>,
    pub(crate) failed_handshakes: Arc<AtomicU32>,
    /// Answers to the next calls of `Sync`, before any is taken.
    pub(crate) refusals: Arc<Mutex<Vec<Status>>>,
}

#[derive(Clone)]
struct Service {
    ca: Arc<Ca>,
    renew_after: Duration,
    identified: bool,
    enrollments: mpsc::Sender<EnrollRequest>,
    renewals: mpsc::Sender<RenewRequest>,
    streams: mpsc::Sender<Stream>,
    reports: mpsc::Sender<Reports>,
    refusals: Arc<Mutex<Vec<Status>>>,
}

impl Control {
    pub(crate) async fn start(ca: &Arc<Ca>, tasks: &Tasks) -> Self {
        Self::start_renewing(ca, tasks, Duration::from_secs(3600)).await
    }

    pub(crate) async fn start_renewing(ca: &Arc<Ca>, tasks: &Tasks, renew_after: Duration) -> Self {
        Self::serve(ca, tasks, renew_after, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) async fn start_at(ca: &Arc<Ca>, tasks: &Tasks, address: SocketAddr) -> Self {
        Self::serve(ca, tasks, Duration::from_secs(3600), TcpListener::bind(address).await.unwrap())
    }

    fn serve(ca: &Arc<Ca>, tasks: &Tasks, renew_after: Duration, listener: TcpListener) -> Self {
        let (enroll_tx, enrollments) = mpsc::channel(16);
        let (renew_tx, renewals) = mpsc::channel(16);
        let (stream_tx, streams) = mpsc::channel(16);
        let (report_tx, reports) = mpsc::channel(16);
        let refusals = Arc::default();
        let control = Self {
            address: listener.local_addr().unwrap(),
            enrollments,
            renewals,
            streams,
            reports,
            connections: Arc::default(),
            failed_handshakes: Arc::default(),
            refusals: Arc::clone(&refusals),
        };
        let service = Service {
            ca: Arc::clone(ca),
            renew_after,
            identified: false,
            enrollments: enroll_tx,
            renewals: renew_tx,
            streams: stream_tx,
            reports: report_tx,
            refusals,
        };
        let (connections, failed) = (Arc::clone(&control.connections), Arc::clone(&control.failed_handshakes));
        let acceptor = acceptor(ca);
        let inner = tasks.clone();
        tasks.spawn("control", async move {
            loop {
                let Ok((tcp, _)) = listener.accept().await else { return };
                let Ok(tls) = acceptor.accept(tcp).await else {
                    failed.fetch_add(1, Ordering::SeqCst);
                    continue;
                };
                connections.fetch_add(1, Ordering::SeqCst);
                let service = Service { identified: tls.get_ref().1.peer_certificates().is_some(), ..service.clone() };
                let service = TowerToHyperService::new(SyncServiceServer::new(service));
                inner.spawn("connection", async move {
                    let connection = http2::Builder::new(TokioExecutor::new());
                    let _ended = connection.serve_connection(TokioIo::new(tls), service).await;
                });
            }
        });
        control
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) async fn stream(&mut self) -> Stream {
        within(self.streams.recv()).await.unwrap()
    }
}

fn acceptor(ca: &Ca) -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let (chain, key) = ca.server();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

impl Service {
    fn identified(&self) -> Result<(), Status> {
        if self.identified { Ok(()) } else { Err(Status::unauthenticated("no certificate")) }
    }
}

#[tonic::async_trait]
impl SyncService for Service {
    type SyncStream = ReceiverStream<Result<ControlFrame, Status>>;
    type ReportStream = ReceiverStream<Result<BatchAck, Status>>;

    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollResponse>, Status> {
        let request = request.into_inner();
        let certificate_chain = self.ca.sign(&request.csr);
        let proxy = format!("proxies/{}", request.node_id);
        self.enrollments.send(request).await.unwrap();
        let renew_after = prost_types::Duration::try_from(self.renew_after).ok();
        Ok(Response::new(EnrollResponse { certificate_chain, proxy, renew_after }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        self.identified()?;
        let request = request.into_inner();
        let certificate_chain = self.ca.sign(&request.csr);
        self.renewals.send(request).await.unwrap();
        let renew_after = prost_types::Duration::try_from(self.renew_after).ok();
        Ok(Response::new(RenewResponse { certificate_chain, renew_after }))
    }

    async fn sync(&self, request: Request<Streaming<ProxyFrame>>) -> Result<Response<Self::SyncStream>, Status> {
        self.identified()?;
        if let Some(refusal) = self.refusals.lock().await.pop() {
            return Err(refusal);
        }
        let (tx, rx) = mpsc::channel(64);
        let _unwatched = self.streams.send(Stream { frames: request.into_inner(), tx }).await;
        Ok(Response::new(ReceiverStream::new(rx)))
    }

    async fn report(&self, request: Request<Streaming<Batch>>) -> Result<Response<Self::ReportStream>, Status> {
        self.identified()?;
        let (tx, rx) = mpsc::channel(64);
        let _unwatched = self.reports.send(Reports { batches: request.into_inner(), tx }).await;
        Ok(Response::new(ReceiverStream::new(rx)))
    }
}
