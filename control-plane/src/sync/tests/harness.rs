//! A control plane's sync side in this process, and a proxy's client of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use proto::sync::v1::control_frame::Frame as Kind;
use proto::sync::v1::directive::Directive;
use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{self, proxy_frame};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use shared::address::AddressPolicy;
use shared::credential::CredentialType;
use shared::revision::Revision;
use shared::secret::Secret;
use shared::task::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use tower::service_fn;

use crate::resource::{Credential, Destinations, HeldValue, JoinToken, StoredValue, Weight};
use crate::service::{Context, Sealing};
use crate::store::memory::MemoryStore;
use crate::store::seal::{Binding, MasterKeys, Sealer};
use crate::store::{Change, Commit, Store};
use crate::sync::ca::{self, ProxyIdentity, SERVER_NAME};
use crate::sync::fleet::rollout::{self, Rollout, Target};
use crate::sync::join_token::JoinSecret;
use crate::sync::metrics::Metrics;
use crate::sync::position::Position;
use crate::sync::projection::tests::{self as model, Operation};
use crate::sync::report::{EvidenceSink, Reported};
use crate::sync::{Parts, Sync};
use crate::view::Views;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes soon")
}

pub(crate) struct Control {
    store: MemoryStore,
    pub(crate) views: Views,
    sealer: Arc<Sealer>,
    pub(crate) sync: Sync,
    address: SocketAddr,
    tasks: Tasks,
    reported: mpsc::Receiver<Reported>,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) id: &'static str,
    pub(crate) environments: &'static str,
    pub(crate) expire_time: Option<SystemTime>,
    pub(crate) max_uses: u32,
}

pub(crate) fn token(environments: &'static str) -> Token {
    Token { id: "edge", environments, expire_time: None, max_uses: 0 }
}

impl Control {
    /// With three environments, and a provider with a credential that is active in production.
    pub(crate) async fn start() -> Self {
        let control = Self::of(MemoryStore::new()).await;
        for at in 0..3 {
            control.apply(&Operation::PutEnvironment(at)).await;
        }
        let environments = [true, false, false];
        control.apply(&Operation::PutProvider { provider: 0, environments, enabled: true, moved: false }).await;
        let view = control.views.load();
        let provider = view.providers.values().next().unwrap().clone();
        let name = provider.name.credential("c0").unwrap();
        let origin = provider.spec.base_url.origin();
        let secret = Secret::from(control.secret().to_owned());
        let store_id = control.store.identity().store_id;
        let binding = Binding { store_id, uid: "crd_1", field: "value", version: 1, origin: origin.as_str() };
        let spec = Credential {
            display_name: "c0".into(),
            value: StoredValue {
                kind: CredentialType::ApiKey,
                held: HeldValue::Here(control.sealer.seal(&secret, binding)),
                masked: "***".into(),
                version: 1,
                destinations: Destinations::of(CredentialType::ApiKey, origin.clone()),
            },
            additional_key: None,
            quota_group: None,
            weight: Weight::DEFAULT,
            disabled: false,
            owner: String::new(),
            expire_time: None,
        };
        let revision = control.commit(vec![model::put(name, control.head().next(), spec)]).await;
        control.published(revision).await;
        control
    }

    async fn of(store: MemoryStore) -> Self {
        let tasks = Tasks::new();
        let keys = MasterKeys::from_text(&Secret::from(format!("a:{}=", "A".repeat(43)))).unwrap();
        let sealer = Arc::new(Sealer::unlock(&store, &keys).await.unwrap());
        let shared_store: Arc<dyn Store> = Arc::new(store.clone());
        let views = Views::open(Arc::clone(&shared_store), &tasks).await.unwrap();
        let (evidence, reported) = EvidenceSink::channel(16);
        let parts = Parts {
            store: shared_store,
            views: views.clone(),
            sealer: Arc::clone(&sealer),
            evidence,
            tasks: tasks.clone(),
        };
        let sync = Sync::start(parts, SystemTime::now()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = sync.clone();
        tasks.spawn("server", async move { server.serve(listener, SystemTime::now()).await.unwrap() });
        Self { store, views, sealer, sync, address, tasks, reported }
    }

    /// What the admin services work with.
    pub(crate) fn context(&self) -> Context {
        Context {
            store: Arc::new(self.store.clone()),
            views: self.views.clone(),
            sealing: Sealing::Open(Arc::clone(&self.sealer)),
            addresses: AddressPolicy::Public,
        }
    }

    pub(crate) fn sync(&self) -> &Sync {
        &self.sync
    }

    /// A claim with a proof of ours, of a revision that the store does not have: as after an old data directory was copied back.
    pub(crate) fn proven_beyond_the_head(&self, held: &Held) -> v1::Held {
        let mut claim = held.claim();
        claim.position.as_mut().unwrap().revision = self.head().0 + 1000;
        let position = Position::from_message(claim.position.as_ref().unwrap()).unwrap();
        let proof = self.sync.feeds().key().prove(&held.environment.parse().unwrap(), &position);
        v1::Held { proof: proof.to_vec().into(), ..claim }
    }

    /// Another process on the same store.
    pub(crate) async fn restart(self) -> Self {
        soon(self.tasks.stopped()).await;
        Self::of(self.store).await
    }

    pub(crate) fn secret(&self) -> &'static str {
        "sk-canary-of-production"
    }

    pub(crate) fn head(&self) -> Revision {
        self.store.head()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.sync.shared.metrics
    }

    pub(crate) fn metrics_text(&self) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        self.sync.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    pub(crate) fn stop(&self) {
        self.tasks.stop();
    }

    pub(crate) async fn stopped(&self) {
        soon(self.tasks.stopped()).await;
    }

    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Revision {
        let revision = self.store.commit(Commit { preconditions: vec![], changes }).await.unwrap();
        self.views.wait_for(revision).await.unwrap();
        revision
    }

    pub(crate) async fn apply(&self, operation: &Operation) -> Revision {
        let view = self.views.load();
        self.commit(model::changes(&view, operation, view.revision.next())).await
    }

    pub(crate) async fn delete(&self, key: &str) -> Revision {
        self.commit(vec![Change { key: key.into(), value: None }]).await
    }

    /// Waits until a revision is published.
    pub(crate) async fn published(&self, revision: Revision) {
        let mut moved = self.sync.feeds().moved();
        soon(async {
            while self.sync.feeds().published().view.revision < revision {
                moved.changed().await.unwrap();
            }
        })
        .await;
    }

    /// Waits until a proxy has applied a revision.
    pub(crate) async fn applied_by(&self, proxy: &str, revision: Revision) {
        let mut changes = self.sync.fleet().changes();
        let proxy = proxy.parse().unwrap();
        soon(async {
            while !self.sync.fleet().member(&proxy).applied.values().any(|applied| applied.revision >= revision) {
                changes.changed().await.unwrap();
            }
        })
        .await;
    }

    pub(crate) async fn rollout(&self, target: &Target, patience: Duration) -> Rollout {
        let feeds = self.sync.feeds();
        let until = tokio::time::Instant::now() + patience;
        rollout::wait(self.sync.fleet(), || feeds.published(), feeds.moved(), target, until).await
    }

    pub(crate) async fn join_token(&self, token: Token) -> String {
        let name = format!("joinTokens/{}", token.id).parse().unwrap();
        let secret = JoinSecret::random();
        let (text, sha256) = (secret.plaintext(&name, self.sync.ca().pin()), secret.sha256());
        let spec = JoinToken {
            display_name: token.id.into(),
            environments: vec![token.environments.parse().unwrap()],
            expire_time: token.expire_time,
            max_uses: token.max_uses,
            sha256,
        };
        self.commit(vec![model::put(name, self.head().next(), spec)]).await;
        String::from_utf8(text.expose().to_vec()).unwrap()
    }

    pub(crate) async fn reported(&mut self) -> Reported {
        soon(self.reported.recv()).await.unwrap()
    }

    pub(crate) fn try_reported(&mut self) -> Option<Reported> {
        self.reported.try_recv().ok()
    }

    pub(crate) fn nothing_more_reported(&mut self) -> bool {
        self.try_reported().is_none()
    }

    fn connection(&self, certificate: Option<(Vec<CertificateDer<'static>>, Vec<u8>)>) -> Connection {
        Connection { address: self.address, root: self.sync.ca().certificate().clone(), certificate }
    }

    pub(crate) fn anonymous(&self) -> Proxy {
        Proxy { connection: self.connection(None), name: String::new() }
    }

    /// With a certificate for a proxy's name of a CA that is not this one.
    pub(crate) fn foreign(&self) -> Proxy {
        let ca = ca::tests::ca(SystemTime::now());
        let key = KeyPair::generate().unwrap();
        let identity = ProxyIdentity { name: "proxies/edge-1".parse().unwrap(), enrollment: "enr_9".into() };
        let chain = ca.issue_proxy(&csr_key(&key), &identity, SystemTime::now()).unwrap();
        Proxy { connection: self.connection(Some((chain, key.serialize_der()))), name: String::new() }
    }

    /// The same proxy with a certificate that expires so soon.
    pub(crate) fn expiring(&self, proxy: &Proxy, soon: Duration) -> Proxy {
        let key = KeyPair::generate().unwrap();
        let made = SystemTime::now() + soon - ca::PROXY_LIFETIME;
        let chain = self.sync.ca().issue_proxy(&csr_key(&key), &proxy.identity().unwrap(), made).unwrap();
        Proxy { connection: self.connection(Some((chain, key.serialize_der()))), name: proxy.name.clone() }
    }

    /// A proxy of a control plane that was restarted.
    pub(crate) fn with_identity(&self, proxy: Proxy) -> Proxy {
        Proxy { connection: self.connection(proxy.connection.certificate), ..proxy }
    }

    pub(crate) async fn enroll(&self, token: &str, node_id: &str) -> Result<Proxy, Status> {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
        let request = v1::EnrollRequest { join_token: token.into(), node_id: node_id.into(), csr: csr.into() };
        let answer = self.connection(None).client().await.enroll(request).await?.into_inner();
        let chain = chain(&answer.certificate_chain);
        Ok(Proxy { connection: self.connection(Some((chain, key.serialize_der()))), name: answer.proxy })
    }
}

fn csr_key(key: &KeyPair) -> rcgen::SubjectPublicKeyInfo {
    let csr = CertificateParams::default().serialize_request(key).unwrap();
    ca::csr_public_key(csr.der()).unwrap()
}

fn chain(der: &[Bytes]) -> Vec<CertificateDer<'static>> {
    der.iter().map(|der| CertificateDer::from(der.to_vec())).collect()
}

#[derive(Debug, Clone)]
struct Connection {
    address: SocketAddr,
    root: CertificateDer<'static>,
    certificate: Option<(Vec<CertificateDer<'static>>, Vec<u8>)>,
}

impl Connection {
    async fn client(&self) -> SyncServiceClient<Channel> {
        SyncServiceClient::new(self.channel().await.unwrap())
    }

    async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.certificate {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.clone()));
                config.with_client_auth_cert(chain.clone(), key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let address = self.address;
        let dial = service_fn(move |_uri: http::Uri| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from(SERVER_NAME).unwrap();
                Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, stream).await?))
            }
        });
        Endpoint::from_static("http://control.keyplane.internal").connect_with_connector(dial).await
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    connection: Connection,
    name: String,
}

impl Proxy {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn identity(&self) -> Option<ProxyIdentity> {
        self.connection.certificate.as_ref().and_then(|(chain, _)| ca::proxy_identity(&chain[0]))
    }

    pub(crate) async fn sync(&mut self, held: &[v1::Held]) -> Result<Stream, Status> {
        let channel = self.connection.channel().await.map_err(|error| Status::from_error(Box::new(error)))?;
        let (frames, sent) = mpsc::channel(16);
        let hello = v1::Hello {
            protocol_min: 1,
            protocol_max: 1,
            boot_id: vec![1; 16].into(),
            build: "test".into(),
            held: held.to_vec(),
        };
        frames.send(v1::ProxyFrame { frame: Some(proxy_frame::Frame::Hello(hello)) }).await.unwrap();
        let answer = soon(SyncServiceClient::new(channel).sync(ReceiverStream::new(sent))).await?;
        Ok(Stream { frames, answer: answer.into_inner(), bytes: Vec::new() })
    }

    pub(crate) async fn report(&mut self, batches: Vec<v1::Batch>) -> Vec<u64> {
        let count = batches.len();
        let mut client = self.connection.client().await;
        let mut acks = client.report(tokio_stream::iter(batches)).await.unwrap().into_inner();
        let mut sequences = Vec::new();
        while sequences.len() < count {
            sequences.push(soon(acks.message()).await.unwrap().unwrap().sequence);
        }
        sequences
    }

    /// How a stream of reports ends on which nothing is said.
    pub(crate) async fn quiet_report_ends(&self) -> Status {
        let (_batches, sent) = mpsc::channel(1);
        let mut client = self.connection.client().await;
        let mut acks = client.report(ReceiverStream::new(sent)).await.unwrap().into_inner();
        soon(acks.message()).await.unwrap_err()
    }

    pub(crate) async fn renew(&self) -> Result<Self, Status> {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
        let answer = self.connection.client().await.renew(v1::RenewRequest { csr: csr.into() }).await?.into_inner();
        let certificate = Some((chain(&answer.certificate_chain), key.serialize_der()));
        Ok(Self { connection: Connection { certificate, ..self.connection.clone() }, name: self.name.clone() })
    }
}

/// What a proxy holds of one environment.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) environment: String,
    pub(crate) position: v1::Position,
    pub(crate) proof: Bytes,
    pub(crate) state: BTreeMap<(i32, String), (u64, Bytes)>,
}

impl Held {
    pub(crate) fn claim(&self) -> v1::Held {
        v1::Held {
            environment: self.environment.clone(),
            position: Some(self.position.clone()),
            proof: self.proof.clone(),
        }
    }

    fn apply(&mut self, changes: Vec<v1::Change>) {
        for change in changes {
            let at = (change.kind, change.name);
            match change.change.unwrap() {
                v1::change::Change::Put(put) => self.state.insert(at, (change.version, put)),
                v1::change::Change::Delete(_) => self.state.remove(&at),
            };
        }
    }

    fn check(&self) {
        assert_eq!(model::digest(&self.state).to_bytes()[..], self.position.digest[..], "the digest agrees");
    }
}

pub(crate) struct Stream {
    frames: mpsc::Sender<v1::ProxyFrame>,
    answer: Streaming<v1::ControlFrame>,
    bytes: Vec<u8>,
}

impl Stream {
    pub(crate) async fn next(&mut self) -> Result<Kind, Status> {
        let frame = soon(self.answer.message()).await?.expect("a stream ends with a status");
        self.bytes.extend(frame.encode_to_vec());
        Ok(frame.frame.unwrap())
    }

    /// The next frame that is no heartbeat.
    async fn news(&mut self) -> Kind {
        loop {
            match self.next().await.unwrap() {
                Kind::Heartbeat(_) => {}
                news => return news,
            }
        }
    }

    pub(crate) async fn welcome(&mut self) -> v1::Welcome {
        match self.news().await {
            Kind::Welcome(welcome) => welcome,
            other => panic!("not a welcome: {other:?}"),
        }
    }

    pub(crate) async fn directive(&mut self) -> Directive {
        match self.news().await {
            Kind::Directive(directive) => directive.directive.unwrap(),
            other => panic!("not a directive: {other:?}"),
        }
    }

    pub(crate) async fn snapshot(&mut self) -> Held {
        let Kind::SnapshotBegin(begin) = self.news().await else { panic!("not a snapshot's begin") };
        let mut held = Held {
            environment: begin.environment,
            position: v1::Position::default(),
            proof: Bytes::new(),
            state: BTreeMap::new(),
        };
        loop {
            match self.news().await {
                Kind::SnapshotChunk(chunk) => held.apply(chunk.changes),
                Kind::SnapshotEnd(end) => {
                    (held.position, held.proof) = (end.position.unwrap(), end.proof);
                    held.check();
                    return held;
                }
                other => panic!("not of a snapshot: {other:?}"),
            }
        }
    }

    pub(crate) async fn delta(&mut self, held: &mut Held) {
        let Kind::Delta(delta) = self.news().await else { panic!("not a delta") };
        assert_eq!(delta.environment, held.environment);
        assert_eq!(delta.previous_revision, held.position.revision);
        held.apply(delta.changes);
        (held.position, held.proof) = (delta.position.unwrap(), delta.proof);
        held.check();
    }

    pub(crate) async fn send(&self, frame: proxy_frame::Frame) {
        self.frames.send(v1::ProxyFrame { frame: Some(frame) }).await.unwrap();
    }

    pub(crate) async fn applied(&self, held: &Held) {
        let applied = v1::Applied {
            environment: held.environment.clone(),
            position: Some(held.position.clone()),
            unusable: vec![],
        };
        self.send(proxy_frame::Frame::Applied(applied)).await;
    }

    /// How the stream ends.
    pub(crate) async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }

    /// How the stream ends, whenever that is.
    pub(crate) async fn end_at_last(&mut self) -> Status {
        loop {
            if let Err(status) = self.answer.message().await {
                return status;
            }
        }
    }

    pub(crate) fn bytes_hold(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }
}
