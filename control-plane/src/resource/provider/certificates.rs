//! Certificate authorities that are trusted beside the system's.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::error::{FieldReason, FieldViolations};

/// The most bytes of them.
const MOST_BYTES: usize = 32 * 1024;

/// The authorities as PEM: each has to be one that a connection can be checked against.
pub(super) fn read_ca_certificates(given: &str, violations: &mut FieldViolations) -> String {
    let given = given.trim();
    if given.is_empty() {
        return String::new();
    }
    let problem = if given.len() > MOST_BYTES {
        Some((FieldReason::TooLong, "use at most 32 KiB"))
    } else if given.contains("PRIVATE KEY") {
        Some((FieldReason::Malformed, "leave out the private key: certificates go to every proxy in clear"))
    } else if !are_authorities(given) {
        Some((FieldReason::Malformed, "give certificates of authorities as PEM (-----BEGIN CERTIFICATE-----)"))
    } else {
        None
    };
    match problem {
        Some((reason, description)) => {
            violations.add("ca_certificates", reason, description);
            String::new()
        }
        None => format!("{given}\n"),
    }
}

fn are_authorities(pem: &str) -> bool {
    let mut roots = RootCertStore::empty();
    let good = CertificateDer::pem_slice_iter(pem.as_bytes()).all(|der| der.is_ok_and(|der| roots.add(der).is_ok()));
    good && !roots.is_empty()
}
