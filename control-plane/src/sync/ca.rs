//! The certificate authority of the fleet: made at the first start, kept sealed in the store, trusted by its pin in every join token.

use std::fmt;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SubjectPublicKeyInfo,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use shared::name::{ProxyName, ResourceName};
use shared::secret::Secret;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::OID_X509_SERIALNUMBER;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::kept::{self, Kept, KeptError};
use crate::store::Store;
use crate::store::seal::Sealer;

/// The name that the server's certificate has, whatever the control plane's address is.
pub const SERVER_NAME: &str = "control.keyplane.internal";

/// How long a proxy's certificate is valid.
pub const PROXY_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long the server's certificate is valid. It is made anew in memory, so nothing is kept of it.
pub const SERVER_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

const CA_LIFETIME: Duration = Duration::from_secs(3650 * 24 * 3600);

/// Certificates are valid from before they are made, for those whose clock is behind.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

/// What a proxy's own URI begins with.
const PROXY_URI: &str = "keyplane://proxy/";

/// The longest signing request that is read.
const MAX_CSR_BYTES: usize = 16 * 1024;

/// Where the CA is kept.
const RECORD: &str = "meta/ca";

/// Why the CA can't do its work.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// Its key can't be had.
    #[error("the CA's key can't be had")]
    Kept(#[from] KeptError),
    /// A certificate can't be made.
    #[error("a certificate can't be made")]
    Certificate(#[from] rcgen::Error),
    /// The server's key can't be used.
    #[error("the server's key can't be used")]
    ServerKey(#[source] rustls::Error),
}

/// Why a signing request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// It is not a PKCS #10 request in DER.
    #[error("the signing request is not a PKCS #10 request in DER of at most {MAX_CSR_BYTES} bytes")]
    Unreadable,
    /// Whoever sent it does not have its key.
    #[error("the signing request is not signed by its own key")]
    NotSigned,
    /// Its key is of a kind that is not taken.
    #[error("the signing request's key is of a kind that is not taken; use ECDSA P-256")]
    Key,
}

/// The CA.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pin: [u8; 32],
}

/// Who a certificate of ours is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyIdentity {
    /// The proxy.
    pub name: ProxyName,
    /// Which of its enrollments: a later one sorts after an earlier one.
    pub enrollment: String,
}

impl Ca {
    /// The store's CA, made at the first start.
    ///
    /// # Errors
    ///
    /// When the store can't be read or written, or the CA in it can't be used.
    pub async fn load_or_make(store: &dyn Store, sealer: &Sealer, now: SystemTime) -> Result<Self, CaError> {
        let kept = kept::load_or_make(store, sealer, RECORD, || make(now)).await?;
        Self::from_kept(&kept)
    }

    fn from_kept(kept: &Kept) -> Result<Self, CaError> {
        let key = KeyPair::try_from(kept.secret.expose())?;
        let pin = Sha256::digest(key.subject_public_key_info()).into();
        let certificate = CertificateDer::from(kept.public.clone());
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { issuer, certificate, pin })
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        pem(&self.certificate)
    }

    /// The SHA-256 of its public key (SPKI, DER).
    #[must_use]
    pub fn pin(&self) -> [u8; 32] {
        self.pin
    }

    /// A new key and certificate for the sync listener.
    ///
    /// # Errors
    ///
    /// When they can't be made.
    pub fn issue_server(&self, now: SystemTime) -> Result<CertifiedKey, CaError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()])?;
        valid(&mut params, now, SERVER_LIFETIME);
        params.distinguished_name = common_name(SERVER_NAME);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(CaError::ServerKey)
    }

    /// A certificate chain for a proxy, from its signing request. Only the request's public key is taken.
    ///
    /// # Errors
    ///
    /// When the certificate can't be made.
    pub fn issue_proxy(
        &self,
        key: &SubjectPublicKeyInfo,
        identity: &ProxyIdentity,
        now: SystemTime,
    ) -> Result<Vec<CertificateDer<'static>>, CaError> {
        let mut params = CertificateParams::default();
        valid(&mut params, now, PROXY_LIFETIME);
        params.distinguished_name = common_name(identity.name.id());
        params.distinguished_name.push(enrollment_attribute(), identity.enrollment.as_str());
        let uri = format!("{PROXY_URI}{}", identity.name.id());
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(vec![certificate.der().clone(), self.certificate.clone()])
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca").finish_non_exhaustive()
    }
}

/// The public key of a signing request, which has to be signed by it.
///
/// # Errors
///
/// When the request can't be read, is not signed by its key, or the key is of a kind that is not taken.
pub fn csr_public_key(csr: &[u8]) -> Result<SubjectPublicKeyInfo, CsrError> {
    if csr.len() > MAX_CSR_BYTES {
        return Err(CsrError::Unreadable);
    }
    let (rest, csr) = X509CertificationRequest::from_der(csr).map_err(|_parse| CsrError::Unreadable)?;
    if !rest.is_empty() {
        return Err(CsrError::Unreadable);
    }
    csr.verify_signature().map_err(|_signature| CsrError::NotSigned)?;
    let key = csr.certification_request_info.subject_pki.raw;
    SubjectPublicKeyInfo::from_der(key).map_err(|_kind| CsrError::Key)
}

/// Who a certificate is for. The TLS handshake has verified it already; `None` for one that is not a proxy's.
#[must_use]
pub fn proxy_identity(certificate: &CertificateDer<'_>) -> Option<ProxyIdentity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten()?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return None };
    let name = format!("proxies/{}", uri.strip_prefix(PROXY_URI)?).parse().ok()?;
    let enrollment = certificate.subject().iter_by_oid(&OID_X509_SERIALNUMBER).next()?.as_str().ok()?;
    Some(ProxyIdentity { name, enrollment: enrollment.to_owned() })
}

/// When a certificate expires; `None` where that can't be read, or is longer ago than 1970.
#[must_use]
pub fn expiry(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn make(now: SystemTime) -> Result<Kept, CaError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    valid(&mut params, now, CA_LIFETIME);
    params.distinguished_name = common_name("Keyplane fleet CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok(Kept { public: certificate.der().to_vec(), secret: Secret::new(key.serialize_der()) })
}

fn valid(params: &mut CertificateParams, now: SystemTime, lifetime: Duration) {
    params.not_before = (now - CLOCK_TOLERANCE).into();
    params.not_after = (now + lifetime).into();
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// `serialNumber` of X.520: which of the things with this name it is.
fn enrollment_attribute() -> DnType {
    DnType::from_oid(&[2, 5, 4, 5])
}

/// A certificate in PEM (RFC 7468).
fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A CA that no store keeps.
    pub(crate) fn ca(now: SystemTime) -> Ca {
        Ca::from_kept(&make(now).unwrap()).unwrap()
    }

    fn identity() -> ProxyIdentity {
        ProxyIdentity { name: "proxies/edge-1".parse().unwrap(), enrollment: "enr_1".into() }
    }

    #[test]
    fn a_csr_that_asks_for_the_servers_name_gets_only_its_key_into_a_clients_certificate() {
        let ca = ca(SystemTime::now());
        let key = KeyPair::generate().unwrap();
        let mut asked = CertificateParams::new([SERVER_NAME.to_owned()]).unwrap();
        asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        asked.distinguished_name = common_name(SERVER_NAME);
        let csr = asked.serialize_request(&key).unwrap();
        let taken = csr_public_key(csr.der()).unwrap();
        let chain = ca.issue_proxy(&taken, &identity(), SystemTime::now()).unwrap();
        assert_eq!(proxy_identity(&chain[0]), Some(identity()));
        let (_, certificate) = X509Certificate::from_der(&chain[0]).unwrap();
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth && !usage.any);
        assert!(!chain[0].windows(SERVER_NAME.len()).any(|bytes| bytes == SERVER_NAME.as_bytes()));
        assert!(!certificate.is_ca());
    }

    #[test]
    fn a_csr_that_its_key_did_not_sign_is_refused() {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap();
        let mut forged = csr.der().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        assert!(matches!(csr_public_key(&forged), Err(CsrError::NotSigned)));
        assert!(matches!(csr_public_key(b"garbage"), Err(CsrError::Unreadable)));
        assert!(matches!(csr_public_key(&vec![0x30; MAX_CSR_BYTES + 1]), Err(CsrError::Unreadable)));
        assert!(csr_public_key(csr.der()).is_ok());
    }

    #[test]
    fn the_servers_own_certificate_names_no_proxy() {
        let ca = ca(SystemTime::now());
        let server = ca.issue_server(SystemTime::now()).unwrap();
        assert_eq!(proxy_identity(&server.cert[0]), None);
        assert_eq!(&server.cert[1], ca.certificate());
    }
}
