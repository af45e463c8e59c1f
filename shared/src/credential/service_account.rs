//! A Google service account, as its JSON has it.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use ring::signature::RsaKeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use zeroize::Zeroize as _;

use super::stand_in::is_on_this_machine;
use crate::secret::Secret;

/// The most bytes that a service account's JSON may have; Google's have about 2,400.
const MOST_BYTES: usize = 16 * 1024;

/// A service account: its JSON as it was given, and what minting a token needs of it.
#[derive(Clone)]
pub struct ServiceAccount {
    json: Secret,
    parts: Arc<Parts>,
}

struct Parts {
    client_email: String,
    private_key_id: String,
    private_key: Secret,
    token_uri: String,
    project_id: Option<String>,
}

/// Why a text is not a service account that may be used. It says nothing of the private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceAccountError {
    /// It has more than 16 KiB.
    #[error("give the JSON of one service account's key, which has at most 16 KiB")]
    TooLarge,
    /// It is not JSON, or lacks a field, or one is not the text that it should be.
    #[error(
        "give the whole JSON of a service account's key, with type, client_email, private_key, private_key_id and token_uri"
    )]
    Malformed,
    /// It is JSON of another kind of account.
    #[error("give the key of a service account: its type is \"service_account\"")]
    OtherType,
    /// Its tokens come from a place that is not Google's: a pasted file would choose where a signed assertion goes.
    #[error("its token_uri has to be https:// at a host of googleapis.com")]
    ForeignTokenUri,
    /// Its private key can't be read.
    #[error("its private_key has to be an RSA key of at least 2048 bits as PKCS #8 PEM")]
    PrivateKey,
}

impl ServiceAccount {
    /// Reads a service account's JSON. Its private key is one that can sign, and its tokens come from Google, or from a stand-in on this
    /// machine, which only an installation that allows private upstreams calls.
    ///
    /// # Errors
    ///
    /// When it is none that may be used; the error says what to do.
    pub fn parse(json: Secret) -> Result<Self, ServiceAccountError> {
        #[derive(Deserialize)]
        struct Kind {
            r#type: String,
        }
        #[derive(Deserialize)]
        struct File {
            client_email: String,
            private_key: String,
            private_key_id: String,
            token_uri: String,
            project_id: Option<String>,
        }
        if json.len() > MOST_BYTES {
            return Err(ServiceAccountError::TooLarge);
        }
        let malformed = |_| ServiceAccountError::Malformed;
        let kind: Kind = serde_json::from_slice(json.expose()).map_err(malformed)?;
        if kind.r#type != "service_account" {
            return Err(ServiceAccountError::OtherType);
        }
        let file: File = serde_json::from_slice(json.expose()).map_err(malformed)?;
        let private_key = private_key(&Secret::from(file.private_key))?;
        let is_text = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !file.client_email.contains('@') || !is_text(&file.client_email) || !is_text(&file.private_key_id) {
            return Err(ServiceAccountError::Malformed);
        }
        if !may_mint(&file.token_uri) {
            return Err(ServiceAccountError::ForeignTokenUri);
        }
        let File { client_email, private_key_id, token_uri, project_id, .. } = file;
        let parts = Parts { client_email, private_key_id, private_key, token_uri, project_id };
        Ok(Self { json, parts: Arc::new(parts) })
    }

    /// The JSON as it was given.
    #[must_use]
    pub fn json(&self) -> &Secret {
        &self.json
    }

    /// The account's e-mail, which people may see.
    #[must_use]
    pub fn client_email(&self) -> &str {
        &self.parts.client_email
    }

    /// Names the key that signs.
    #[must_use]
    pub fn private_key_id(&self) -> &str {
        &self.parts.private_key_id
    }

    /// The key that signs: an RSA key as PKCS #8 DER, which can be read.
    #[must_use]
    pub fn private_key(&self) -> &Secret {
        &self.parts.private_key
    }

    /// Where tokens are minted, as the JSON says it.
    #[must_use]
    pub fn token_uri(&self) -> &str {
        &self.parts.token_uri
    }

    /// The project that it belongs to.
    #[must_use]
    pub fn project_id(&self) -> Option<&str> {
        self.parts.project_id.as_deref()
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccount(..)")
    }
}

fn private_key(pem: &Secret) -> Result<Secret, ServiceAccountError> {
    let mut key = PrivatePkcs8KeyDer::from_pem_slice(pem.expose()).map_err(|_| ServiceAccountError::PrivateKey)?;
    let der = Secret::new(key.secret_pkcs8_der().to_vec());
    key.zeroize();
    RsaKeyPair::from_pkcs8(der.expose()).map_err(|_| ServiceAccountError::PrivateKey)?;
    Ok(der)
}

/// Whether a token URI is Google's, or a stand-in for it.
fn may_mint(token_uri: &str) -> bool {
    // What the parser leaves out, the audience of an assertion would still say.
    let Ok(uri) = token_uri.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    if token_uri.contains('#') {
        return false;
    }
    let host = authority.as_str().strip_suffix(":443").unwrap_or(authority.as_str()).to_ascii_lowercase();
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let is_googles = uri.scheme() == Some(&Scheme::HTTPS) && is_name && host.ends_with(".googleapis.com");
    is_googles || is_on_this_machine(&uri)
}

#[cfg(test)]
mod tests;
