//! Types of credentials: their form in the API, and who takes which.

use proto::admin::v1;
use shared::adapter::AdapterKind;
use shared::credential::CredentialType;

use crate::error::{FieldReason, FieldViolations};

/// Whether a vendor takes credentials of a type.
#[must_use]
pub fn takes(_vendor: &str, adapter: AdapterKind, kind: CredentialType) -> bool {
    // Vendors with an API of their own take what their adapter can sign with, and all others are behind one of these.
    match adapter {
        AdapterKind::OpenAi | AdapterKind::Anthropic | AdapterKind::Gemini | AdapterKind::Cohere => {
            kind == CredentialType::ApiKey
        }
        AdapterKind::AzureOpenAi => matches!(kind, CredentialType::ApiKey | CredentialType::ClientSecret),
        AdapterKind::Vertex => matches!(kind, CredentialType::ApiKey | CredentialType::ServiceAccount),
        AdapterKind::Bedrock => matches!(kind, CredentialType::ApiKey | CredentialType::AccessKeyPair),
    }
}

/// A type as the API has it.
#[must_use]
pub fn kind_to_message(kind: CredentialType) -> v1::CredentialType {
    match kind {
        CredentialType::ApiKey => v1::CredentialType::ApiKey,
        CredentialType::AccessKeyPair => v1::CredentialType::AccessKeyPair,
        CredentialType::ServiceAccount => v1::CredentialType::ServiceAccount,
        CredentialType::ClientSecret => v1::CredentialType::ClientSecret,
    }
}

/// A type as the API spells it, without its prefix.
#[must_use]
pub fn kind_as_str(kind: CredentialType) -> &'static str {
    match kind {
        CredentialType::ApiKey => "API_KEY",
        CredentialType::AccessKeyPair => "ACCESS_KEY_PAIR",
        CredentialType::ServiceAccount => "SERVICE_ACCOUNT",
        CredentialType::ClientSecret => "CLIENT_SECRET",
    }
}

/// The type of a number of the API; `None` where it is absent.
#[must_use]
pub fn kind_of_message(given: i32, violations: &mut FieldViolations) -> Option<CredentialType> {
    match v1::CredentialType::try_from(given) {
        Ok(v1::CredentialType::Unspecified) => None,
        Ok(v1::CredentialType::ApiKey) => Some(CredentialType::ApiKey),
        Ok(v1::CredentialType::AccessKeyPair) => Some(CredentialType::AccessKeyPair),
        Ok(v1::CredentialType::ServiceAccount) => Some(CredentialType::ServiceAccount),
        Ok(v1::CredentialType::ClientSecret) => Some(CredentialType::ClientSecret),
        Err(_) => {
            violations.add("type", FieldReason::Unsupported, format!("this version has no credential type {given}"));
            None
        }
    }
}
