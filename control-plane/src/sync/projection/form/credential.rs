//! A credential's form: its values in clear, which stand on no other wire.

use proto::sync::v1;
use proto::sync::v1::credential_config::Value;
use shared::credential::CredentialType;

use crate::resource::{Credential, CredentialState};
use crate::view::OpenedValues;

/// The credential with its opened values.
pub(super) fn credential(
    credential: &Credential,
    state: CredentialState,
    opened: &OpenedValues,
) -> v1::CredentialConfig {
    let bytes = opened.value.to_bytes().expose_shared();
    let value = match opened.value.kind() {
        CredentialType::ApiKey => Value::ApiKey(bytes),
        CredentialType::AccessKeyPair => Value::AccessKeyPair(bytes),
        CredentialType::ServiceAccount => Value::ServiceAccountJson(bytes),
        CredentialType::ClientSecret => Value::ClientSecret(bytes),
    };
    v1::CredentialConfig {
        value: Some(value),
        additional_key: opened.additional_key.as_ref().map(|key| key.expose_shared()).unwrap_or_default(),
        quota_group: credential.quota_group.clone().unwrap_or_default(),
        value_version: credential.value.version,
        weight: credential.weight.get(),
        unverified: state == CredentialState::Unverified,
    }
}

#[cfg(test)]
mod tests;
