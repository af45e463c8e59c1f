//! Types of credentials: their form in the API, and who takes which.

use proto::admin::v1;
use shared::adapter::AdapterKind;
use shared::catalog;
use shared::credential::CredentialType;

use crate::error::{FieldReason, FieldViolations};

/// The types that a vendor takes, the usual one first: by the catalog, and outside of it whatever the adapter can sign with. A known vendor
/// behind another adapter than its own is as good as unknown.
#[must_use]
pub fn taken(vendor: &str, adapter: AdapterKind) -> &'static [CredentialType] {
    let known = catalog::entry(vendor).filter(|entry| entry.adapter == adapter);
    known.map_or_else(|| catalog::credential_types(adapter), |entry| entry.credential_types)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_takes_what_the_catalog_says_and_an_unknown_one_what_its_adapter_signs_with() {
        use AdapterKind::{Anthropic, AzureOpenAi, Bedrock, OpenAi, Vertex};
        use CredentialType::{AccessKeyPair, ApiKey, ClientSecret, ServiceAccount};
        let all = [ApiKey, AccessKeyPair, ServiceAccount, ClientSecret];
        for (vendor, adapter, expected) in [
            ("openai", OpenAi, [true, false, false, false]),
            ("anthropic", Anthropic, [true, false, false, false]),
            ("azure", AzureOpenAi, [true, false, false, true]),
            ("bedrock", Bedrock, [true, true, false, false]),
            ("vertex", Vertex, [true, false, true, false]),
            ("my-vllm", OpenAi, [true, false, false, false]),
            ("my-bedrock", Bedrock, [true, true, false, false]),
            // A known vendor's name with another adapter says nothing of what that adapter signs with.
            ("openai", Bedrock, [true, true, false, false]),
        ] {
            assert_eq!(all.map(|kind| taken(vendor, adapter).contains(&kind)), expected, "{vendor} {adapter:?}");
        }
    }

    #[test]
    fn types_are_the_same_after_their_numbers() {
        let mut violations = FieldViolations::new();
        for kind in [
            CredentialType::ApiKey,
            CredentialType::AccessKeyPair,
            CredentialType::ServiceAccount,
            CredentialType::ClientSecret,
        ] {
            let message = kind_to_message(kind);
            assert_eq!(kind_of_message(message.into(), &mut violations), Some(kind));
            assert_eq!(message.as_str_name(), format!("CREDENTIAL_TYPE_{}", kind_as_str(kind)));
        }
        assert_eq!(kind_of_message(0, &mut violations), None);
        assert!(violations.is_empty());
        assert_eq!(kind_of_message(99, &mut violations), None);
        assert!(!violations.is_empty());
    }
}
