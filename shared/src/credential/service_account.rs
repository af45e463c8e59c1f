//! A Google service account, as its JSON has it.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use crate::secret::Secret;

/// A service account: its JSON as it was given, and what minting a token needs of it.
#[derive(Clone)]
pub struct ServiceAccount {
    json: Secret,
    parts: Arc<Parts>,
}

#[derive(Debug)]
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
    /// It is not JSON, or lacks a field.
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
    #[error("its private_key has to be an RSA key as PKCS #8 PEM")]
    PrivateKey,
}

impl ServiceAccount {
    /// Reads a service account's JSON.
    ///
    /// # Errors
    ///
    /// When it is none that may be used; the error says what to do.
    pub fn parse(json: Secret) -> Result<Self, ServiceAccountError> {
        #[derive(Deserialize)]
        struct File {
            r#type: String,
            client_email: String,
            private_key: String,
            private_key_id: String,
            token_uri: String,
            project_id: Option<String>,
        }
        let file: File = serde_json::from_slice(json.expose()).map_err(|_| ServiceAccountError::Malformed)?;
        let private_key = Secret::from(file.private_key);
        if file.r#type != "service_account" {
            return Err(ServiceAccountError::OtherType);
        }
        Ok(Self {
            json,
            parts: Arc::new(Parts {
                client_email: file.client_email,
                private_key_id: file.private_key_id,
                private_key,
                token_uri: file.token_uri,
                project_id: file.project_id,
            }),
        })
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

    /// The key that signs, as PEM.
    #[must_use]
    pub fn private_key(&self) -> &Secret {
        &self.parts.private_key
    }

    /// Where tokens are minted.
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
