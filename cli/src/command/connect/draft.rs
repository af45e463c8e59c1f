//! What is known so far of a provider to connect, whoever told: flags, or answers to questions.

use std::fmt;

use prost_types::value::Kind;
use proto::admin::v1::credential_value::Value;
use proto::admin::v1::{
    AccessKeyPair, Adapter, AuthMode, CatalogEntry, ClientSecret, ConnectProviderRequest, ConnectedModel, Credential,
    CredentialType, CredentialValue, Model, Provider, Target, TestConnectionRequest,
};
use shared::catalog::nearest;
use shared::secret::Secret;

use super::super::catalog::entry;
use crate::input;

/// What the control plane has, against which answers are checked.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The project's name.
    pub(super) project: String,
    pub(super) catalog: Vec<CatalogEntry>,
    /// The names of the project's environments.
    pub(super) environments: Vec<String>,
}

/// A credential's value, in its parts, so that each can be asked for alone.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) kind: Option<CredentialType>,
    pub(super) access_key_id: String,
    pub(super) session_token: String,
    pub(super) tenant_id: String,
    pub(super) client_id: String,
    /// The part that nobody may see, or the service account's JSON.
    pub(super) secret: Option<Secret>,
    /// A Secret's name, in place of all others.
    pub(super) link: String,
}

impl fmt::Debug for Parts {
    /// Nothing that is, or belongs to, a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("kind", &self.kind).field("link", &self.link).finish_non_exhaustive()
    }
}

/// A provider on its way.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) known: Known,
    pub(super) provider_id: String,
    pub(super) provider: Provider,
    pub(super) credential_id: String,
    /// The credential, but for its value.
    pub(super) credential: Credential,
    pub(super) value: Parts,
    /// The models to make: what callers ask for, and the upstream's own name.
    pub(super) models: Vec<(String, String)>,
    pub(super) skip_validation: bool,
}

impl Parts {
    /// The parts of a value that was given whole.
    pub(super) fn of(value: Value) -> Self {
        let of = |kind| Self { kind: Some(kind), ..Self::default() };
        match value {
            Value::ApiKey(key) => Self { secret: given(key), ..of(CredentialType::ApiKey) },
            Value::AccessKeyPair(pair) => Self {
                access_key_id: pair.access_key_id,
                session_token: pair.session_token,
                secret: given(pair.secret_access_key),
                ..of(CredentialType::AccessKeyPair)
            },
            Value::ServiceAccountJson(json) => Self { secret: given(json), ..of(CredentialType::ServiceAccount) },
            Value::ClientSecret(client) => Self {
                tenant_id: client.tenant_id,
                client_id: client.client_id,
                secret: given(client.client_secret),
                ..of(CredentialType::ClientSecret)
            },
            Value::Secret(link) => Self { link, ..Self::default() },
        }
    }

    fn whole(&self, kind: Option<CredentialType>) -> Option<CredentialValue> {
        if !self.link.is_empty() {
            return Some(CredentialValue { value: Some(Value::Secret(self.link.clone())) });
        }
        // What was typed or read was text.
        let secret = self.secret.as_ref().and_then(|secret| input::text(secret).ok()).unwrap_or_default();
        let value = match kind? {
            CredentialType::ApiKey => Value::ApiKey(secret),
            CredentialType::AccessKeyPair => Value::AccessKeyPair(AccessKeyPair {
                access_key_id: self.access_key_id.clone(),
                secret_access_key: secret,
                session_token: self.session_token.clone(),
            }),
            CredentialType::ServiceAccount => Value::ServiceAccountJson(secret),
            CredentialType::ClientSecret => Value::ClientSecret(ClientSecret {
                tenant_id: self.tenant_id.clone(),
                client_id: self.client_id.clone(),
                client_secret: secret,
            }),
            CredentialType::Unspecified => return None,
        };
        Some(CredentialValue { value: Some(value) })
    }
}

/// A secret, if there is one.
pub(super) fn given(text: String) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::from(text))
}

impl Draft {
    /// The vendor's entry in the catalog.
    pub(super) fn entry(&self) -> Option<&CatalogEntry> {
        entry(&self.known.catalog, &self.provider.vendor)
    }

    /// Whether the catalog says where it is.
    pub(super) fn has_default_base_url(&self) -> bool {
        self.entry().is_some_and(|entry| !entry.default_base_url.is_empty())
    }

    /// The known vendor that an unknown one is likely to mean.
    pub(super) fn likely_vendor(&self) -> Option<&'static str> {
        if self.entry().is_some() { None } else { nearest(&self.provider.vendor) }
    }

    /// The API that it speaks; unspecified while nobody can say.
    pub(super) fn adapter(&self) -> Adapter {
        match (self.provider.adapter(), self.entry()) {
            (Adapter::Unspecified, Some(entry)) => entry.adapter(),
            (adapter, _) => adapter,
        }
    }

    /// The types of credential that it may take: the vendor's, or those of all vendors that speak the API.
    pub(super) fn types(&self) -> Vec<CredentialType> {
        let adapter = self.adapter();
        let entries: Vec<_> = match self.entry() {
            Some(entry) => vec![entry],
            None => self.known.catalog.iter().filter(|entry| entry.adapter() == adapter).collect(),
        };
        let mut types = Vec::new();
        // The usual one stays first.
        for kind in entries.into_iter().flat_map(CatalogEntry::credential_types) {
            if !types.contains(&kind) {
                types.push(kind);
            }
        }
        if types.is_empty() && self.entry().is_none() { vec![CredentialType::ApiKey] } else { types }
    }

    /// The credential's type, once it is clear.
    pub(super) fn kind(&self) -> Option<CredentialType> {
        let types = self.types();
        match (self.value.kind, &*types) {
            (Some(kind), types) if types.contains(&kind) => Some(kind),
            (_, [only]) => Some(*only),
            _ => None,
        }
    }

    /// Whether it has a credential of its own.
    pub(super) fn takes_credential(&self) -> bool {
        match self.provider.auth_mode() {
            AuthMode::Unspecified => !self.has_no_types(),
            AuthMode::Managed => true,
            AuthMode::None | AuthMode::Passthrough => false,
        }
    }

    fn has_no_types(&self) -> bool {
        self.entry().is_some_and(|entry| entry.credential_types.is_empty())
    }

    /// What people call it: what was said, or what the catalog calls the vendor.
    pub(super) fn display_name(&self) -> String {
        match (&*self.provider.display_name, self.entry()) {
            ("", Some(entry)) => entry.display_name.clone(),
            ("", None) => self.provider.vendor.clone(),
            (given, _) => given.to_owned(),
        }
    }

    /// A text of the provider's `config`; empty where it says nothing.
    pub(super) fn config(&self, key: &str) -> String {
        let value = self.provider.config.as_ref().and_then(|config| config.fields.get(key)?.kind.clone());
        if let Some(Kind::StringValue(text)) = value { text } else { String::new() }
    }

    /// Sets a text of the provider's `config`; an empty one is taken out.
    pub(super) fn set_config(&mut self, key: &str, text: &str) {
        if text.is_empty() {
            self.provider.config.as_mut().and_then(|config| config.fields.remove(key));
            return;
        }
        let value = prost_types::Value { kind: Some(Kind::StringValue(text.to_owned())) };
        self.provider.config.get_or_insert_default().fields.insert(key.to_owned(), value);
    }

    /// Whether callers may reach an upstream model.
    pub(super) fn exposes(&self, upstream_model: &str) -> bool {
        let exposed = &self.provider.exposed_models;
        exposed.iter().any(|model| model.upstream_model == "*" || model.upstream_model == upstream_model)
    }

    /// The test of what the first part says. Later parts change nothing of it.
    pub(super) fn test_request(&self) -> TestConnectionRequest {
        let provider = Provider {
            display_name: self.provider.vendor.clone(),
            environments: Vec::new(),
            exposed_models: Vec::new(),
            default_model: String::new(),
            ..self.provider()
        };
        TestConnectionRequest {
            parent: self.known.project.clone(),
            provider: Some(provider),
            credential: self.whole_credential(),
            paid_check_model: String::new(),
        }
    }

    /// The one request that makes all of it.
    pub(super) fn request(&self) -> ConnectProviderRequest {
        let model = |(id, upstream_model): &(String, String)| ConnectedModel {
            model_id: id.clone(),
            model: Some(Model {
                targets: vec![Target { upstream_model: upstream_model.clone(), ..Default::default() }],
                ..Default::default()
            }),
        };
        ConnectProviderRequest {
            parent: self.known.project.clone(),
            provider_id: self.provider_id.clone(),
            provider: Some(self.provider()),
            credential_id: self.credential_id.clone(),
            credential: self.whole_credential(),
            models: self.models.iter().map(model).collect(),
            skip_validation: self.skip_validation,
            ..Default::default()
        }
    }

    fn provider(&self) -> Provider {
        let mut provider = Provider { display_name: self.display_name(), ..self.provider.clone() };
        if self.has_no_types() && provider.auth_mode() == AuthMode::Unspecified {
            provider.set_auth_mode(AuthMode::None);
        }
        provider
    }

    fn whole_credential(&self) -> Option<Credential> {
        let value = || self.value.whole(self.kind());
        self.takes_credential().then(|| Credential { value: value(), ..self.credential.clone() })
    }
}
