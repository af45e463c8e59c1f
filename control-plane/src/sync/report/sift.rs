//! What of a batch a proxy may speak of: what exists, in its own environments.

use proto::sync::v1;
use shared::name::{CallerKeyName, CredentialName, ProviderName, ResourceName as _};

use super::super::fleet;
use crate::health::evidence::Evidence;
use crate::resource::Proxy;
use crate::view::View;

/// What was used, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Used {
    /// A credential, and which of its values.
    Credential(CredentialName, u64),
    /// A provider.
    Provider(ProviderName),
    /// A caller key.
    CallerKey(CallerKeyName),
}

impl Used {
    /// Reads a use; `None` where it names nothing of the kinds that are used.
    pub(super) fn read(wire: &v1::Use) -> Option<Self> {
        let name = wire.name.as_str();
        let credential = || Some(Self::Credential(name.parse().ok()?, wire.value_version));
        let provider = || Some(Self::Provider(name.parse().ok()?));
        let caller_key = || Some(Self::CallerKey(name.parse().ok()?));
        credential().or_else(provider).or_else(caller_key)
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Credential(name, _) => name.as_str(),
            Self::Provider(name) => name.as_str(),
            Self::CallerKey(name) => name.as_str(),
        }
    }

    /// Whether it exists and the proxy has it.
    pub(super) fn is_granted(&self, view: &View, record: &Proxy) -> bool {
        match self {
            Self::Credential(name, _) => view.credentials.contains_key(name) && has(view, record, &name.provider()),
            Self::Provider(name) => has(view, record, name),
            Self::CallerKey(name) => {
                view.caller_keys.get(name).is_some_and(|key| fleet::is_granted(record, &key.spec.environment))
            }
        }
    }
}

/// Whether the proxy has the credential that the evidence is of.
pub(super) fn may_speak_of(view: &View, record: &Proxy, evidence: &Evidence) -> bool {
    view.credentials.contains_key(&evidence.credential) && has(view, record, &evidence.credential.provider())
}

/// Whether the provider is active in one of the proxy's environments.
pub(super) fn has(view: &View, record: &Proxy, provider: &ProviderName) -> bool {
    let Some(provider) = view.providers.get(provider) else { return false };
    provider.spec.environments.iter().any(|environment| fleet::is_granted(record, environment))
}
