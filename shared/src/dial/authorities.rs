//! Certificate authorities that a provider adds to the system's, as PEM.

use rustls::RootCertStore;
use rustls::pki_types::pem::{PemObject as _, SectionKind};

/// The most certificates that a provider may add; each is one more to try where a chain does not name its issuer well.
const MOST: usize = 100;

/// Why a text can't be used as certificate authorities. Each says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthorities {
    /// It is no PEM, or damaged.
    #[error("give certificates as PEM, each whole from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----")]
    NotPem,
    /// It holds no certificate.
    #[error("give at least one certificate as PEM, beginning with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// It holds a private key, a request, or something else that has no place there.
    #[error("leave out everything but certificates; private keys above all have no place here")]
    NotOnlyCertificates,
    /// A certificate in it can't be read.
    #[error("give X.509 certificates of version 3: certificate {position} can't be read")]
    Unreadable {
        /// Which one, from 1.
        position: usize,
    },
    /// It holds too many.
    #[error("give at most {MOST} certificates")]
    TooMany,
}

/// Whether a text can be used as certificate authorities, so that it is refused where an admin gives it.
///
/// # Errors
///
/// When it can't.
pub fn check_authorities(pem: &str) -> Result<(), BadAuthorities> {
    beside(&RootCertStore::empty(), pem).map(drop)
}

/// The given authorities, and those of the text.
pub(super) fn beside(roots: &RootCertStore, pem: &str) -> Result<RootCertStore, BadAuthorities> {
    let mut roots = roots.clone();
    let mut position = 0;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
        let (kind, der) = section.map_err(|_| BadAuthorities::NotPem)?;
        if kind != SectionKind::Certificate {
            return Err(BadAuthorities::NotOnlyCertificates);
        }
        position += 1;
        if position > MOST {
            return Err(BadAuthorities::TooMany);
        }
        roots.add(der.into()).map_err(|_| BadAuthorities::Unreadable { position })?;
    }
    if position == 0 { Err(BadAuthorities::NoCertificate) } else { Ok(roots) }
}
