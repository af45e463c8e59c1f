//! What authenticates to a provider, in the forms that providers take: a key, a pair, a service account, a client secret.
//!
//! A value is parsed where an admin gives it and again where a proxy gets it; in between it is one secret's bytes, so that a type of value
//! can't be forgotten by what seals, sends or wipes them.

mod service_account;
mod stand_in;

use http::Uri;

use crate::secret::Secret;

pub use service_account::{ServiceAccount, ServiceAccountError};

/// What kind of credential it is. A closed set: what a vendor takes stands in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialType {
    /// One key, sent as it is.
    ApiKey,
    /// An access key id with its secret, which signs and is never sent.
    AccessKeyPair,
    /// A Google service account's JSON, from which short-lived tokens are minted.
    ServiceAccount,
    /// A client of Microsoft Entra, from which short-lived tokens are minted.
    ClientSecret,
}

/// A credential's value.
#[derive(Debug, Clone)]
pub enum CredentialValue {
    /// One key.
    ApiKey(Secret),
    /// A pair.
    AccessKeyPair(AccessKeyPair),
    /// A service account.
    ServiceAccount(ServiceAccount),
    /// A client with its secret.
    ClientSecret(ClientSecret),
}

/// An access key id with its secret, and the token of the session that made them, if one did.
#[derive(Debug, Clone)]
pub struct AccessKeyPair {
    /// Names the key; it stands in every signature.
    pub access_key_id: Secret,
    /// Signs.
    pub secret_access_key: Secret,
    /// Sent with every request where the pair is a session's.
    pub session_token: Option<Secret>,
}

/// A client of Microsoft Entra.
#[derive(Debug, Clone)]
pub struct ClientSecret {
    /// The directory, a GUID or a domain.
    pub tenant_id: String,
    /// The application.
    pub client_id: String,
    /// What it proves itself with.
    pub client_secret: Secret,
}

/// Bytes that are no value of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a value of this type")]
pub struct NotAValue;

impl CredentialValue {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> CredentialType {
        match self {
            Self::ApiKey(_) => CredentialType::ApiKey,
            Self::AccessKeyPair(_) => CredentialType::AccessKeyPair,
            Self::ServiceAccount(_) => CredentialType::ServiceAccount,
            Self::ClientSecret(_) => CredentialType::ClientSecret,
        }
    }

    /// What people may see of it: the masked key, the masked access key id, the account's e-mail, the client's id.
    #[must_use]
    pub fn mask(&self) -> String {
        match self {
            Self::ApiKey(key) => key.mask(),
            Self::AccessKeyPair(pair) => pair.access_key_id.mask(),
            Self::ServiceAccount(account) => account.client_email().to_owned(),
            Self::ClientSecret(client) => client.client_id.clone(),
        }
    }

    /// Its bytes, for sealing and for the sync stream. A key is its own bytes, a service account its JSON; what has parts has them one after
    /// the other, each behind its length as four little-endian bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Secret {
        match self {
            Self::ApiKey(key) => key.clone(),
            Self::AccessKeyPair(pair) => {
                let token = pair.session_token.as_ref().map(Secret::expose).unwrap_or_default();
                joined(&[pair.access_key_id.expose(), pair.secret_access_key.expose(), token])
            }
            Self::ServiceAccount(account) => account.json().clone(),
            Self::ClientSecret(client) => {
                joined(&[client.tenant_id.as_bytes(), client.client_id.as_bytes(), client.client_secret.expose()])
            }
        }
    }

    /// The value of such bytes.
    ///
    /// # Errors
    ///
    /// When they are none of the type.
    pub fn from_bytes(kind: CredentialType, bytes: Secret) -> Result<Self, NotAValue> {
        match kind {
            CredentialType::ApiKey if bytes.is_empty() => Err(NotAValue),
            CredentialType::ApiKey => Ok(Self::ApiKey(bytes)),
            CredentialType::AccessKeyPair => {
                let [id, secret, token] = split(bytes.expose())?;
                let session_token = (!token.is_empty()).then(|| Secret::new(token.to_vec()));
                let (access_key_id, secret_access_key) = (Secret::new(id.to_vec()), Secret::new(secret.to_vec()));
                Ok(Self::AccessKeyPair(AccessKeyPair { access_key_id, secret_access_key, session_token }))
            }
            CredentialType::ServiceAccount => {
                ServiceAccount::parse(bytes).map(Self::ServiceAccount).map_err(|_| NotAValue)
            }
            CredentialType::ClientSecret => {
                let [tenant, client, secret] = split(bytes.expose())?;
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NotAValue);
                let (tenant_id, client_id) = (text(tenant)?, text(client)?);
                let client_secret = Secret::new(secret.to_vec());
                Ok(Self::ClientSecret(ClientSecret { tenant_id, client_id, client_secret }))
            }
        }
    }
}

impl ClientSecret {
    /// Where its tokens are minted at an authority, `login.microsoftonline.com` or another cloud's; `None` where its directory is neither
    /// a GUID nor a domain. A directory may also be a stand-in on this machine, `http://127.0.0.1:8080/tenant`, which only an
    /// installation that allows private upstreams calls.
    #[must_use]
    pub fn token_uri(&self, authority: &str) -> Option<Uri> {
        let tenant = &self.tenant_id;
        if let Some(uri) = tenant.parse().ok().filter(stand_in::is_on_this_machine) {
            return format!("{}/oauth2/v2.0/token", uri.to_string().trim_end_matches('/')).parse().ok();
        }
        let is_name = tenant.starts_with(|first: char| first.is_ascii_alphanumeric())
            && tenant.len() <= 253
            && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        if is_name { format!("https://{authority}/{tenant}/oauth2/v2.0/token").parse().ok() } else { None }
    }
}

impl CredentialType {
    /// Whether the value itself, or a token made from it that is good elsewhere too, goes to the provider. A pair only signs: a signature is
    /// good for one host, so a pair is not bound to one.
    #[must_use]
    pub fn is_bound_to_origin(self) -> bool {
        match self {
            Self::ApiKey | Self::ServiceAccount | Self::ClientSecret => true,
            Self::AccessKeyPair => false,
        }
    }
}

fn joined(parts: &[&[u8]]) -> Secret {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        // A value is a few kilobytes at the most.
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    Secret::new(bytes)
}

fn split<const N: usize>(mut bytes: &[u8]) -> Result<[&[u8]; N], NotAValue> {
    let mut parts = [[].as_slice(); N];
    for part in &mut parts {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(NotAValue)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| NotAValue)?;
        (*part, bytes) = rest.split_at_checked(length).ok_or(NotAValue)?;
    }
    if bytes.is_empty() { Ok(parts) } else { Err(NotAValue) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_directory_chooses_no_host_but_this_machine() {
        let uri = |tenant: &str| {
            let client_secret = Secret::from("s".to_owned());
            let client = ClientSecret { tenant_id: tenant.to_owned(), client_id: "c".to_owned(), client_secret };
            client.token_uri("login.microsoftonline.com").map(|uri| uri.to_string())
        };
        for tenant in ["contoso.onmicrosoft.com", "72f988bf-86f1-41af-91ab-2d7cd011db47"] {
            let expected = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
            assert_eq!(uri(tenant), Some(expected));
        }
        let stand_in = "http://127.0.0.1:8080/tenant";
        assert_eq!(uri(stand_in), Some(format!("{stand_in}/oauth2/v2.0/token")));
        for tenant in [
            "",
            "..",
            "a/b",
            "a?b",
            "a#b",
            "a@b",
            "https://127.0.0.1/x",
            "http://localhost/x",
            "http://127.0.0.1.example.com/x",
            "http://127.0.0.1@example.com/x",
            "http://user@127.0.0.1/x",
            "http://127.0.0.1/x?y=",
            "http://10.0.0.1/x",
            "https://example.com",
        ] {
            assert_eq!(uri(tenant), None, "{tenant}");
        }
    }

    proptest! {
        #[test]
        fn a_pair_is_the_same_after_its_bytes(id in ".{1,40}", secret in ".{1,60}", token in ".{0,80}") {
            let secret_of = |text: &str| Secret::from(text.to_owned());
            let session_token = (!token.is_empty()).then(|| secret_of(&token));
            let pair = AccessKeyPair { access_key_id: secret_of(&id), secret_access_key: secret_of(&secret), session_token };
            let bytes = CredentialValue::AccessKeyPair(pair).to_bytes();
            let Ok(CredentialValue::AccessKeyPair(read)) = CredentialValue::from_bytes(CredentialType::AccessKeyPair, bytes) else {
                panic!("the bytes are a pair's")
            };
            prop_assert_eq!(read.access_key_id.expose(), id.as_bytes());
            prop_assert_eq!(read.secret_access_key.expose(), secret.as_bytes());
            prop_assert_eq!(read.session_token.map(|token| token.expose().to_vec()).unwrap_or_default(), token.as_bytes());
        }

        #[test]
        fn bytes_that_are_no_value_are_refused(bytes: Vec<u8>) {
            for kind in [CredentialType::AccessKeyPair, CredentialType::ServiceAccount, CredentialType::ClientSecret] {
                let _ = CredentialValue::from_bytes(kind, Secret::new(bytes.clone()));
            }
        }
    }
}
