//! A proxy made of nothing but the sync protocol: it enrolls, keeps what it receives, and every byte of it for cases that search them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{
    Applied, Batch, BatchAck, Change, ControlFrame, CredentialEvidence, EnrollRequest, Held, Hello, Position,
    ProxyFrame, Use, change, control_frame, proxy_frame,
};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use shared::digest::Digest;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use crate::tap::Tap;

/// The name that every control plane's certificate has.
pub const CONTROL_NAME: &str = "control.keyplane.internal";

/// A place in the fleet.
#[derive(Debug)]
pub struct Identity {
    /// The proxy's name.
    pub proxy: String,
    /// The certificate that was signed.
    pub certificate: CertificateDer<'static>,
    port: u16,
    tls: Arc<ClientConfig>,
}

/// What a CSR asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Nothing.
    None,
    /// The control plane's own name, which must not be given.
    Control,
}

/// A TLS configuration that trusts a CA, and shows a certificate if there is one.
///
/// # Errors
///
/// When the CA or the certificate can't be read.
pub fn tls(
    ca_pem: &str,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).context("the CA is PEM")?)?;
    let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// A connection to a sync listener.
///
/// # Errors
///
/// When there is none.
pub async fn connect(port: u16, tls: Arc<ClientConfig>) -> anyhow::Result<Channel> {
    connect_tapped(port, tls, &Tap::default()).await
}

/// A connection to a sync listener, with a tap on what TLS gives out.
///
/// # Errors
///
/// When there is none.
pub async fn connect_tapped(port: u16, tls: Arc<ClientConfig>, tap: &Tap) -> anyhow::Result<Channel> {
    let tap = tap.clone();
    let connector = tower::service_fn(move |_: http::Uri| {
        let (tls, tap) = (TlsConnector::from(Arc::clone(&tls)), tap.clone());
        async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            let name = ServerName::try_from(CONTROL_NAME).map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(TokioIo::new(tap.on(tls.connect(name, stream).await?)))
        }
    });
    Ok(Endpoint::from_static("http://control.keyplane.internal").connect_with_connector(connector).await?)
}

/// Enrolls with a join token.
///
/// # Errors
///
/// The connection's, or the control plane's refusal as a [`Status`].
pub async fn enroll(
    port: u16,
    ca_pem: &str,
    join_token: &str,
    node_id: &str,
    subject: Subject,
) -> anyhow::Result<Identity> {
    let channel = connect(port, Arc::new(tls(ca_pem, None)?)).await?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    if subject == Subject::Control {
        params = CertificateParams::new([CONTROL_NAME.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, CONTROL_NAME);
    }
    let csr = Bytes::copy_from_slice(params.serialize_request(&key)?.der());
    let request = EnrollRequest { join_token: join_token.to_owned(), node_id: node_id.to_owned(), csr };
    let answer = SyncServiceClient::new(channel).enroll(request).await?.into_inner();
    let chain: Vec<_> = answer.certificate_chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    let certificate = chain.first().context("the answer has a certificate")?.clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(Identity { proxy: answer.proxy, certificate, port, tls: Arc::new(tls(ca_pem, Some((chain, key)))?) })
}

/// One environment's resources: kind and name, to version and bytes.
pub type State = BTreeMap<(i32, String), (u64, Bytes)>;

/// An open stream.
#[derive(Debug)]
pub struct Session {
    frames: Streaming<ControlFrame>,
    send: mpsc::Sender<ProxyFrame>,
    /// What each environment holds.
    pub environments: BTreeMap<String, State>,
    /// Each environment's position.
    pub positions: BTreeMap<String, Position>,
    /// Each position's proof.
    pub proofs: BTreeMap<String, Bytes>,
    /// Every byte received, as TLS gave it out.
    pub tap: Tap,
    /// Every frame received, encoded.
    pub received: Vec<Vec<u8>>,
    building: BTreeMap<String, State>,
}

impl Identity {
    /// Opens a stream with what is held.
    ///
    /// # Errors
    ///
    /// The connection's, or the control plane's refusal as a [`Status`].
    pub async fn open(&self, held: Vec<Held>) -> anyhow::Result<Session> {
        let tap = Tap::default();
        let channel = connect_tapped(self.port, Arc::clone(&self.tls), &tap).await?;
        let (send, rx) = mpsc::channel(64);
        let hello = Hello {
            protocol_min: 1,
            protocol_max: 1,
            boot_id: Bytes::copy_from_slice(&shared::id::random::<16>()),
            build: "tests".into(),
            held,
        };
        send.send(ProxyFrame { frame: Some(proxy_frame::Frame::Hello(hello)) }).await?;
        let frames = SyncServiceClient::new(channel).sync(ReceiverStream::new(rx)).await?.into_inner();
        Ok(Session {
            frames,
            send,
            environments: BTreeMap::new(),
            positions: BTreeMap::new(),
            proofs: BTreeMap::new(),
            tap,
            received: Vec::new(),
            building: BTreeMap::new(),
        })
    }
}

/// An open stream of reports.
#[derive(Debug)]
pub struct Reports {
    acks: Streaming<BatchAck>,
    send: mpsc::Sender<Batch>,
    boot_id: Bytes,
    sequence: u64,
}

impl Identity {
    /// Opens a stream of reports.
    ///
    /// # Errors
    ///
    /// The connection's, or the control plane's refusal as a [`Status`].
    pub async fn reports(&self) -> anyhow::Result<Reports> {
        let channel = connect(self.port, Arc::clone(&self.tls)).await?;
        let (send, rx) = mpsc::channel(64);
        let acks = SyncServiceClient::new(channel).report(ReceiverStream::new(rx)).await?.into_inner();
        Ok(Reports { acks, send, boot_id: Bytes::copy_from_slice(&shared::id::random::<16>()), sequence: 0 })
    }
}

impl Reports {
    /// Sends a batch, and waits until it is taken.
    ///
    /// # Errors
    ///
    /// When the stream ends.
    pub async fn tell(&mut self, evidence: Vec<CredentialEvidence>, uses: Vec<Use>) -> anyhow::Result<()> {
        self.sequence += 1;
        let (boot_id, sequence) = (self.boot_id.clone(), self.sequence);
        self.send.send(Batch { boot_id, sequence, credential_evidence: evidence, dropped: 0, uses }).await?;
        let ack = self.acks.message().await?.ok_or_else(|| Status::cancelled("the stream ended"))?;
        ensure!(ack.sequence == sequence, "batch {} is acknowledged, not {sequence}", ack.sequence);
        Ok(())
    }
}

impl Session {
    /// Takes one frame, applies it, acknowledges what it completes, and gives it back.
    ///
    /// # Errors
    ///
    /// When the stream ends, or a digest is wrong.
    pub async fn next(&mut self) -> anyhow::Result<ControlFrame> {
        let frame = self.frames.message().await?.ok_or_else(|| Status::cancelled("the stream ended"))?;
        self.received.push(frame.encode_to_vec());
        match frame.frame.clone() {
            Some(control_frame::Frame::SnapshotBegin(begin)) => {
                self.building.insert(begin.environment, State::new());
            }
            Some(control_frame::Frame::SnapshotChunk(chunk)) => {
                apply(self.building.entry(chunk.environment).or_default(), chunk.changes);
            }
            Some(control_frame::Frame::SnapshotEnd(end)) => {
                let state = self.building.remove(&end.environment).unwrap_or_default();
                self.environments.insert(end.environment.clone(), state);
                self.reached(end.environment, end.position, end.proof).await?;
            }
            Some(control_frame::Frame::Delta(delta)) => {
                apply(self.environments.entry(delta.environment.clone()).or_default(), delta.changes);
                self.reached(delta.environment, delta.position, delta.proof).await?;
            }
            _ => {}
        }
        Ok(frame)
    }

    /// Takes frames until an environment is at a revision or beyond.
    ///
    /// # Errors
    ///
    /// When it doesn't get there in time.
    pub async fn reaches(&mut self, environment: &str, revision: u64) -> anyhow::Result<()> {
        let all = async {
            while self.positions.get(environment).is_none_or(|position| position.revision < revision) {
                self.next().await?;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(crate::condition::PATIENCE, all).await.context("the environment gets there")?
    }

    /// What a hello says of everything held here.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let held = self.positions.iter().map(|(environment, position)| Held {
            environment: environment.clone(),
            position: Some(position.clone()),
            proof: self.proofs.get(environment).cloned().unwrap_or_default(),
        });
        held.collect()
    }

    async fn reached(&mut self, environment: String, position: Option<Position>, proof: Bytes) -> anyhow::Result<()> {
        let position = position.context("the frame has a position")?;
        let own = digest(&self.environments[&environment]).to_bytes();
        ensure!(own == *position.digest, "the digest of {environment} agrees at revision {}", position.revision);
        self.positions.insert(environment.clone(), position.clone());
        self.proofs.insert(environment.clone(), proof);
        let applied = Applied { environment, position: Some(position), unusable: vec![] };
        self.send.send(ProxyFrame { frame: Some(proxy_frame::Frame::Applied(applied)) }).await?;
        Ok(())
    }
}

fn apply(state: &mut State, changes: Vec<Change>) {
    for change in changes {
        let key = (change.kind, change.name);
        match change.change {
            Some(change::Change::Put(put)) => drop(state.insert(key, (change.version, put))),
            Some(change::Change::Delete(_)) | None => drop(state.remove(&key)),
        }
    }
}

/// The digest of a state.
#[must_use]
pub fn digest(state: &State) -> Digest {
    state
        .iter()
        .fold(Digest::default(), |sum, ((kind, name), (version, put))| sum.plus(Digest::of(*kind, name, *version, put)))
}
