//! How requests authenticate upstream.

use proto::admin::v1;
use shared::adapter::{AdapterKind, Place, Settings, adapter};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::catalog;
use shared::credential::CredentialType;

use crate::error::{FieldReason, FieldViolations};
use crate::resource::{Rules, Source};

/// How requests authenticate upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// With the provider's credentials.
    Managed,
    /// Not at all.
    None,
    /// With the caller's own provider key, which is stored nowhere.
    Passthrough,
}

impl AuthMode {
    /// As the API spells it, without its prefix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "MANAGED",
            Self::None => "NONE",
            Self::Passthrough => "PASSTHROUGH",
        }
    }

    /// As the API has it.
    #[must_use]
    pub fn to_message(self) -> v1::AuthMode {
        match self {
            Self::Managed => v1::AuthMode::Managed,
            Self::None => v1::AuthMode::None,
            Self::Passthrough => v1::AuthMode::Passthrough,
        }
    }
}

/// The mode. A caller's own key can pass only where it is one header: what signs or mints holds more than a request can bring.
pub(super) fn read_auth_mode(
    given: i32,
    kind: Option<AdapterKind>,
    rules: &Rules<'_>,
    violations: &mut FieldViolations,
) -> AuthMode {
    let mode = match v1::AuthMode::try_from(given) {
        Ok(v1::AuthMode::Unspecified | v1::AuthMode::Managed) => AuthMode::Managed,
        Ok(v1::AuthMode::None) => AuthMode::None,
        Ok(v1::AuthMode::Passthrough) => AuthMode::Passthrough,
        Err(_) => {
            violations.add("auth_mode", FieldReason::Unsupported, format!("this version has no auth mode {given}"));
            AuthMode::Managed
        }
    };
    if mode == AuthMode::Passthrough && rules.source == Source::Request && kind.is_some_and(signs_or_mints) {
        let description =
            "a caller's own key can't pass here: this adapter's requests are signed, or carry minted tokens";
        violations.add("auth_mode", FieldReason::Unsupported, description);
    }
    mode
}

/// Whether what usually authenticates there is no header: a signature, or a minted token. That such an upstream has keys, too, does not make
/// it one to which any caller's own authentication could be passed.
fn signs_or_mints(kind: AdapterKind) -> bool {
    let usual = catalog::credential_types(kind).first();
    usual != Some(&CredentialType::ApiKey) || own_key_header(kind).is_none()
}

/// The header in which an adapter's keys go where the provider names none; `None` where its requests are signed, or carry minted tokens.
pub(super) fn own_key_header(kind: AdapterKind) -> Option<http::HeaderName> {
    // Which header it is does not depend on where the provider is, so that any place does.
    let base_url = BaseUrl::parse(kind, "https://upstream.example", AddressPolicy::Public).ok()?;
    let settings = Settings::default();
    let place = Place { base_url, region: None, settings, key_header: None, additional_key_header: None };
    adapter(kind).own_key_header(&place)
}
