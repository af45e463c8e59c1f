//! A control plane that does what a test says, over the real TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use proto::sync::v1::sync_service_server::{SyncService, SyncServiceServer};
use proto::sync::v1::{
    Applied, Batch, BatchAck, Change, ControlFrame, Delta, Directive, EnrollRequest, EnrollResponse, Heartbeat, Hello,
    Policy, Position, ProxyFrame, Refused, RenewRequest, RenewResponse, SnapshotBegin, SnapshotChunk, SnapshotEnd,
    Welcome, change, control_frame, directive, proxy_frame,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, PublicKeyData,
};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use shared::digest::Digest;
use shared::task::Tasks;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate authority of a test.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Ca {
    pub fn new() -> Arc<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Arc::new(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() })
    }

    pub fn token(&self) -> String {
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
pub struct Control {
    pub address: SocketAddr,
    pub enrollments: mpsc::Receiver<EnrollRequest>,
    pub renewals: mpsc::Receiver<RenewRequest>,
    pub streams: mpsc::Receiver<Stream>,
    pub reports: mpsc::Receiver<Reports>,
    pub connections: Arc<AtomicU32>,
    pub failed_handshakes: Arc<AtomicU32>,
    /// Answers to the next calls of `Sync`, before any is taken.
    pub refusals: Arc<Mutex<Vec<Status>>>,
}

/// One `Sync` call, in the hands of the test.
pub struct Stream {
    frames: Streaming<ProxyFrame>,
    tx: mpsc::Sender<Result<ControlFrame, Status>>,
}

/// One `Report` call.
pub struct Reports {
    batches: Streaming<Batch>,
    tx: mpsc::Sender<Result<BatchAck, Status>>,
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
    pub async fn start(ca: &Arc<Ca>, tasks: &Tasks) -> Self {
        Self::start_renewing(ca, tasks, Duration::from_secs(3600)).await
    }

    pub async fn start_renewing(ca: &Arc<Ca>, tasks: &Tasks, renew_after: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub async fn stream(&mut self) -> Stream {
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

impl Stream {
    pub async fn next(&mut self) -> proxy_frame::Frame {
        within(self.frames.message()).await.unwrap().expect("the proxy ended the stream").frame.unwrap()
    }

    pub async fn hello(&mut self) -> Hello {
        match self.next().await {
            proxy_frame::Frame::Hello(hello) => hello,
            other => panic!("not a hello: {other:?}"),
        }
    }

    pub async fn applied(&mut self) -> Applied {
        match self.next().await {
            proxy_frame::Frame::Applied(applied) => applied,
            other => panic!("not an ack: {other:?}"),
        }
    }

    pub async fn refused(&mut self) -> Refused {
        match self.next().await {
            proxy_frame::Frame::Refused(refused) => refused,
            other => panic!("not a refusal: {other:?}"),
        }
    }

    /// Whether the proxy hung up.
    pub async fn ended(&mut self) -> bool {
        matches!(within(self.frames.message()).await, Ok(None) | Err(_))
    }

    pub async fn send(&self, frame: impl Into<Frame>) {
        self.tx.send(Ok(ControlFrame { frame: Some(frame.into().0) })).await.unwrap();
    }

    pub async fn welcome(&self, environments: &[&str]) {
        self.welcome_beating(environments, Duration::from_secs(10)).await;
    }

    pub async fn welcome_beating(&self, environments: &[&str], heartbeat: Duration) {
        let policy = Policy { heartbeat: prost_types::Duration::try_from(heartbeat).ok(), ..Default::default() };
        self.send(Frame(control_frame::Frame::Welcome(Welcome {
            session_id: "ses_test".into(),
            server_time: None,
            protocol: 1,
            policy: Some(policy),
            environments: environments.iter().map(|&name| name.to_owned()).collect(),
        })))
        .await;
    }

    pub async fn snapshot(&self, environment: &Environment) {
        for frame in environment.snapshot() {
            self.send(Frame(frame)).await;
        }
    }

    pub async fn direct(&self, directive: directive::Directive) {
        self.send(Frame(control_frame::Frame::Directive(Directive { directive: Some(directive) }))).await;
    }

    pub async fn fail(self, status: Status) {
        self.tx.send(Err(status)).await.unwrap();
    }
}

impl Reports {
    pub async fn next(&mut self) -> Batch {
        within(self.batches.message()).await.unwrap().expect("the proxy ended the stream")
    }

    pub async fn acknowledge(&self, sequence: u64) {
        self.tx.send(Ok(BatchAck { sequence })).await.unwrap();
    }
}

/// A frame to send.
pub struct Frame(control_frame::Frame);

impl From<Delta> for Frame {
    fn from(delta: Delta) -> Self {
        Self(control_frame::Frame::Delta(delta))
    }
}

impl From<Heartbeat> for Frame {
    fn from(heartbeat: Heartbeat) -> Self {
        Self(control_frame::Frame::Heartbeat(heartbeat))
    }
}

/// An environment's state at the control plane.
pub struct Environment {
    pub name: String,
    pub revision: u64,
    resources: BTreeMap<(i32, String), (u64, Vec<u8>)>,
}

impl Environment {
    pub fn new(id: &str) -> Self {
        Self { name: format!("projects/p/environments/{id}"), revision: 1, resources: BTreeMap::new() }
    }

    /// Commits one put and gives its delta.
    pub fn put(&mut self, kind: impl Into<i32>, name: &str, message: &impl prost::Message) -> Delta {
        let (previous, key) = (self.revision, (kind.into(), name.to_owned()));
        self.revision += 1;
        self.resources.insert(key.clone(), (self.revision, message.encode_to_vec()));
        let change = self.change(&key);
        self.delta(previous, vec![change])
    }

    fn delta(&self, previous_revision: u64, changes: Vec<Change>) -> Delta {
        Delta {
            environment: self.name.clone(),
            previous_revision,
            position: Some(self.position()),
            proof: self.proof(),
            commit_time: None,
            changes,
            folded: false,
        }
    }

    fn change(&self, key: &(i32, String)) -> Change {
        let (version, put) = &self.resources[key];
        let change = Some(change::Change::Put(put.clone().into()));
        Change { kind: key.0, name: key.1.clone(), version: *version, change }
    }

    pub fn proof(&self) -> bytes::Bytes {
        vec![self.revision as u8; 16].into()
    }

    pub fn position(&self) -> Position {
        let parts = self.resources.iter().map(|((kind, name), (version, put))| Digest::of(*kind, name, *version, put));
        let digest = parts.fold(Digest::default(), Digest::plus);
        Position {
            epoch: vec![7; 16].into(),
            projection: 1,
            revision: self.revision,
            digest: digest.to_bytes().to_vec().into(),
        }
    }

    pub fn heartbeat(&self) -> Heartbeat {
        let Position { digest, revision, .. } = self.position();
        Heartbeat { digest_sum: digest, revision, server_time: None }
    }

    fn snapshot(&self) -> Vec<control_frame::Frame> {
        let environment = || self.name.clone();
        let changes = self.resources.keys().map(|key| self.change(key)).collect();
        vec![
            control_frame::Frame::SnapshotBegin(SnapshotBegin { environment: environment(), revision: self.revision }),
            control_frame::Frame::SnapshotChunk(SnapshotChunk { environment: environment(), changes }),
            control_frame::Frame::SnapshotEnd(SnapshotEnd {
                environment: environment(),
                position: Some(self.position()),
                proof: self.proof(),
            }),
        ]
    }
}

/// Waits, but not for ever.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

/// Waits for a condition.
pub async fn until(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
