//! TLS towards applications, where a certificate is given.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::TlsAcceptor;

use crate::config::Config;

/// Why a certificate can't be served with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{path} can't be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file holds no PEM of the kind that is needed.
    #[error("{path} is not PEM with what is needed in it")]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// The certificate and the key don't fit together, or can't be used.
    #[error("the certificate and its key can't be used")]
    Unusable(#[from] rustls::Error),
}

/// The acceptor, if both files are given.
pub(super) fn acceptor(config: &Config) -> Result<Option<TlsAcceptor>, TlsError> {
    let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) else { return Ok(None) };
    let not_pem = |path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::NotPem { path, source }
    };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&read(certificate)?).collect::<Result<_, _>>().map_err(not_pem(certificate))?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(not_pem(key))?;
    let mut server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

fn read(path: &PathBuf) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable { path: path.clone(), source })
}
