//! Who this proxy is: a key made at each start, and a certificate for it. Both are kept in memory only.
//!
//! ```text
//! no identity ──join token──► Identity ──renew_after──► Identity ──…
//!      ▲                          │
//!      └──expired, not accepted───┘
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{EnrollRequest, RenewRequest};
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;

use super::connect::{self, ConnectError, ControlUrl};
use super::token::{JoinToken, JoinTokenError, Pin};

/// How long the control plane may take to sign a certificate.
const SIGN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a join token file that is not there is looked for.
const TOKEN_POLL: Duration = Duration::from_millis(250);
/// Soonest renewal, whatever the control plane asks for.
const RENEW_AT_LEAST: Duration = Duration::from_secs(1);
/// How far the clocks of the two sides may be apart.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// A place in the fleet: what connections authenticate with.
#[derive(Debug, Clone)]
pub struct Identity {
    pin: Pin,
    proxy: String,
    tls: Arc<ClientConfig>,
    renew_at: Instant,
    not_after: SystemTime,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// There is no usable join token.
    #[error(transparent)]
    Token(#[from] JoinTokenError),
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The control plane does not take the token.
    #[error(
        "the join token is not accepted: it expired, was revoked or is unknown; create a new one and put it into the join token file"
    )]
    TokenRefused(#[source] Box<tonic::Status>),
    /// The token was used as often as it may be.
    #[error("the join token is spent; create one with more uses and put it into the join token file")]
    TokenSpent(#[source] Box<tonic::Status>),
    /// The control plane refuses what this proxy sent.
    #[error("the control plane refuses the enrolment; check --node-id (1 to 63 characters of [A-Za-z0-9._-])")]
    Invalid(#[source] Box<tonic::Status>),
    /// The certificate that this proxy has is not accepted any more.
    #[error("the certificate is not accepted any more")]
    IdentityRefused(#[source] Box<tonic::Status>),
    /// The control plane can't do it now.
    #[error("the control plane can't sign a certificate now")]
    Unavailable(#[source] Box<tonic::Status>),
    /// No answer in time.
    #[error("the control plane did not sign a certificate within 10 s")]
    TimedOut,
    /// The key or the request could not be made.
    #[error("no key pair can be made")]
    Key(#[from] rcgen::Error),
    /// The answer holds no certificate that can be read.
    #[error("the control plane's answer holds no certificate that can be read")]
    Certificate,
}

impl Identity {
    /// The proxy's name, `proxies/{proxy}`.
    #[must_use]
    pub fn proxy(&self) -> &str {
        &self.proxy
    }

    /// When to ask for a new certificate.
    #[must_use]
    pub fn renew_at(&self) -> Instant {
        self.renew_at
    }

    /// Whether the certificate is of no use any more.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime) -> bool {
        // A clock that is behind the control plane's must not keep a certificate that is refused there.
        now + CLOCK_TOLERANCE >= self.not_after
    }

    /// The TLS that shows the certificate.
    pub(super) fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }
}

/// Waits for the join token file to hold a token.
///
/// # Errors
///
/// [`JoinTokenError`] when the file is there and of no use.
///
/// # Cancel safety
///
/// Nothing is lost.
pub(super) async fn join_token(file: &Path) -> Result<JoinToken, JoinTokenError> {
    let mut told = false;
    loop {
        if let Some(token) = JoinToken::read(file).await? {
            return Ok(token);
        }
        if !told {
            tracing::info!(file = %file.display(), "waiting for the join token file");
            told = true;
        }
        tokio::time::sleep(TOKEN_POLL).await;
    }
}

/// Joins the fleet.
///
/// # Errors
///
/// [`EnrollError`]; each says what to do.
pub(super) async fn enroll(url: &ControlUrl, token: &JoinToken, node_id: &str) -> Result<Identity, EnrollError> {
    let channel = connect::connect(url, connect::anonymous_tls(token.pin())?).await?;
    let request = Request::new()?;
    let join_token = String::from_utf8_lossy(token.text().expose()).into_owned();
    let message = EnrollRequest { join_token, node_id: node_id.to_owned(), csr: request.csr() };
    let mut client = SyncServiceClient::new(channel);
    let answer = tokio::time::timeout(SIGN_TIMEOUT, client.enroll(message)).await.map_err(|_| EnrollError::TimedOut)?;
    let answer = answer.map_err(enroll_refused)?.into_inner();
    request.signed(token.pin(), answer.proxy, answer.certificate_chain, answer.renew_after)
}

/// Gets a new certificate, for a new key, over a connection that shows the old one.
///
/// # Errors
///
/// [`EnrollError`]; the identity at hand stays good until it expires.
pub(super) async fn renew(identity: Identity, channel: Channel) -> Result<Identity, EnrollError> {
    let request = Request::new()?;
    let mut client = SyncServiceClient::new(channel);
    let answer = client.renew(RenewRequest { csr: request.csr() });
    let answer = tokio::time::timeout(SIGN_TIMEOUT, answer).await.map_err(|_| EnrollError::TimedOut)?;
    let answer = answer.map_err(renew_refused)?.into_inner();
    request.signed(identity.pin, identity.proxy, answer.certificate_chain, answer.renew_after)
}

/// A key pair and the request for its certificate.
struct Request {
    key: KeyPair,
    csr: Bytes,
}

impl Request {
    fn new() -> Result<Self, EnrollError> {
        let key = KeyPair::generate()?;
        // Only the public key is taken of it, so that there is nothing to fill in.
        let csr = CertificateParams::default().serialize_request(&key)?;
        Ok(Self { csr: Bytes::copy_from_slice(csr.der()), key })
    }

    fn csr(&self) -> Bytes {
        self.csr.clone()
    }

    fn signed(
        self,
        pin: Pin,
        proxy: String,
        chain: Vec<Bytes>,
        renew_after: Option<prost_types::Duration>,
    ) -> Result<Identity, EnrollError> {
        let chain: Vec<_> = chain.into_iter().map(|der| CertificateDer::from(der.to_vec())).collect();
        let own = chain.first().ok_or(EnrollError::Certificate)?;
        let (_, certificate) = x509_parser::parse_x509_certificate(own).map_err(|_| EnrollError::Certificate)?;
        let not_after =
            u64::try_from(certificate.validity().not_after.timestamp()).map_err(|_| EnrollError::Certificate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let renew_after = renew_after.and_then(|after| Duration::try_from(after).ok()).unwrap_or_default();
        Ok(Identity {
            pin,
            proxy,
            renew_at: Instant::now() + renew_after.max(RENEW_AT_LEAST),
            not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(not_after),
            tls: connect::mutual_tls(pin, chain, key)?,
        })
    }
}

fn enroll_refused(status: tonic::Status) -> EnrollError {
    let code = status.code();
    let status = Box::new(status);
    match code {
        Code::Unauthenticated | Code::PermissionDenied | Code::NotFound => EnrollError::TokenRefused(status),
        Code::FailedPrecondition => EnrollError::TokenSpent(status),
        Code::InvalidArgument => EnrollError::Invalid(status),
        _ => EnrollError::Unavailable(status),
    }
}

fn renew_refused(status: tonic::Status) -> EnrollError {
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => EnrollError::IdentityRefused(Box::new(status)),
        _ => EnrollError::Unavailable(Box::new(status)),
    }
}
