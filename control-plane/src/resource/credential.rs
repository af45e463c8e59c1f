//! Credentials: what authenticates to a provider.
//!
//! What an admin set ([`Credential`]) and what was observed ([`CredentialStatus`]) are two records; the state that the API shows is made of
//! both and of the provider, by [`Credential::state`].

use std::time::SystemTime;

use proto::admin::v1;
use proto::admin::v1::credential_value::Value;
use shared::base_url::Origin;
use shared::name::CredentialName;
use shared::secret::Secret;

use super::{Header, Merge, Provider, Reference, Resource, Rules, field, mask};
use crate::error::{FieldReason, FieldViolations};
use crate::store::seal::Sealed;

/// What an admin sets of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What people call it.
    pub display_name: String,
    /// The secret.
    pub value: SealedValue,
    /// Its share of the provider's requests.
    pub weight: Weight,
    /// Taken out by an admin.
    pub disabled: bool,
    /// Who answers for it.
    pub owner: String,
    /// When its owner means to replace it.
    pub expire_time: Option<SystemTime>,
}

/// What an admin sets of a credential beside its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSettings {
    /// What people call it.
    pub display_name: String,
    /// Its share of the provider's requests.
    pub weight: Weight,
    /// Taken out by an admin.
    pub disabled: bool,
    /// Who answers for it.
    pub owner: String,
    /// When its owner means to replace it.
    pub expire_time: Option<SystemTime>,
}

/// A secret in the form in which it is kept: sealed, and bound to where it may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The ciphertext.
    pub sealed: Sealed,
    /// What people may see of it.
    pub masked: String,
    /// Counts the values that the credential has had, from 1.
    pub version: u64,
    /// The provider's origin when the value was given; it is sent nowhere else.
    pub origin: Origin,
}

/// A share of requests, 0 to 100; 0 drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u8);

impl Weight {
    /// The weight of whoever says nothing.
    pub const DEFAULT: Self = Self(1);

    /// The weight, if it is one.
    #[must_use]
    pub fn new(weight: u32) -> Option<Self> {
        u8::try_from(weight).ok().filter(|weight| *weight <= 100).map(Self)
    }

    /// As a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.into()
    }
}

/// What was observed of a credential's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialStatus {
    /// Which value it was observed of.
    pub value_version: u64,
    /// What is known of the value.
    pub health: Health,
    /// Why.
    pub reason: Option<HealthReason>,
    /// When the provider was last asked.
    pub last_check_time: Option<SystemTime>,
    /// What the last check or report found wrong.
    pub last_error: Option<CredentialProblem>,
}

/// What is known of a credential's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing yet. It serves.
    Unverified,
    /// It is good. It serves.
    Active,
    /// It does not serve.
    Inactive,
}

/// Why a credential's health is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthReason {
    /// The provider refuses it.
    Rejected,
    /// The account has no credit or quota left.
    Exhausted,
    /// It works, but lacks a scope.
    Limited,
    /// The provider could not be asked.
    Unreachable,
    /// The first use will tell.
    NotYetUsed,
    /// The provider's origin is another one than when the value was given.
    DestinationChanged,
}

/// What a check or a report found wrong. Never an upstream's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialProblem {
    /// The reason of the error table, `CREDENTIAL_REJECTED` and its like.
    pub reason: String,
    /// The upstream's HTTP status; `None` without an answer.
    pub upstream_status: Option<u16>,
    /// What happened and what to check.
    pub message: String,
    /// When.
    pub time: SystemTime,
}

/// The state that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CredentialState {
    /// Serves; the first request will tell.
    Unverified,
    /// Serves.
    Active,
    /// Does not serve.
    Inactive,
    /// Taken out by an admin.
    Disabled,
}

impl Credential {
    /// The state and its reason, of what an admin set, what was observed, and where the provider is now.
    #[must_use]
    pub fn state(&self, status: &CredentialStatus, provider: &Provider) -> (CredentialState, Option<HealthReason>) {
        if self.disabled {
            return (CredentialState::Disabled, status.reason);
        }
        if self.value.origin != provider.base_url.origin() {
            return (CredentialState::Inactive, Some(HealthReason::DestinationChanged));
        }
        let state = match status.health {
            Health::Unverified => CredentialState::Unverified,
            Health::Active => CredentialState::Active,
            Health::Inactive => CredentialState::Inactive,
        };
        (state, status.reason)
    }
}

impl CredentialState {
    /// Whether proxies get the credential.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, Self::Unverified | Self::Active)
    }
}

impl CredentialSettings {
    /// Reads what is not the value, so that a request can be refused before anything is sealed or asked of a provider.
    #[must_use]
    pub fn read(message: v1::Credential, name: &CredentialName, violations: &mut FieldViolations) -> Self {
        if v1::CredentialType::try_from(message.r#type).is_err() {
            let description = format!("this version has no credential type {}", message.r#type);
            violations.add("type", FieldReason::Unsupported, description);
        }
        Self {
            display_name: field::display_name_or_id(message.display_name, name, violations),
            weight: field::weight(message.weight, "weight", violations),
            disabled: message.disabled,
            owner: field::owner(message.owner, violations),
            expire_time: field::time(message.expire_time, "expire_time", violations),
        }
    }

    /// The credential with a value.
    #[must_use]
    pub fn with_value(self, value: SealedValue) -> Credential {
        let Self { display_name, weight, disabled, owner, expire_time } = self;
        Credential { display_name, value, weight, disabled, owner, expire_time }
    }
}

impl Credential {
    /// The field that a sealed value is bound to.
    pub const VALUE_FIELD: &str = "value";

    /// The longest API key.
    pub const API_KEY_BYTES: usize = 4096;

    /// Reads a value that an admin gave. Nothing of it is in a violation.
    #[must_use]
    pub fn read_value(given: Option<v1::CredentialValue>, violations: &mut FieldViolations) -> Option<Secret> {
        let Some(Value::ApiKey(key)) = given.and_then(|given| given.value) else {
            violations.add("value", FieldReason::Required, "give the credential's value");
            return None;
        };
        let fits = (1..=Self::API_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        let key = Secret::from(key);
        if !fits {
            let description = format!("use 1 to {} visible ASCII characters", Self::API_KEY_BYTES);
            violations.add("value.api_key", FieldReason::Malformed, description);
        }
        fits.then_some(key)
    }
}

impl CredentialState {
    /// Every state, in the order of the API.
    pub const ALL: [Self; 4] = [Self::Unverified, Self::Active, Self::Inactive, Self::Disabled];

    /// As the API has it.
    #[must_use]
    pub fn to_message(self) -> v1::CredentialState {
        match self {
            Self::Unverified => v1::CredentialState::Unverified,
            Self::Active => v1::CredentialState::Active,
            Self::Inactive => v1::CredentialState::Inactive,
            Self::Disabled => v1::CredentialState::Disabled,
        }
    }
}

impl HealthReason {
    /// As the API has it.
    #[must_use]
    pub fn to_message(self) -> v1::CredentialStateReason {
        match self {
            Self::Rejected => v1::CredentialStateReason::Rejected,
            Self::Exhausted => v1::CredentialStateReason::Exhausted,
            Self::Limited => v1::CredentialStateReason::Limited,
            Self::Unreachable => v1::CredentialStateReason::Unreachable,
            Self::NotYetUsed => v1::CredentialStateReason::NotYetUsed,
            Self::DestinationChanged => v1::CredentialStateReason::DestinationChanged,
        }
    }
}

impl CredentialProblem {
    /// As the API has it.
    #[must_use]
    pub fn to_message(&self) -> v1::CredentialError {
        v1::CredentialError {
            reason: self.reason.clone(),
            upstream_status: self.upstream_status.map_or(0, u32::from),
            message: self.message.clone(),
            time: Some(field::timestamp(self.time)),
        }
    }
}

impl Default for CredentialStatus {
    /// What is known of a value that nobody has asked about.
    fn default() -> Self {
        Self { value_version: 0, health: Health::Unverified, reason: None, last_check_time: None, last_error: None }
    }
}

impl Resource for Credential {
    type Name = CredentialName;
    type Message = v1::Credential;
    type Hidden = SealedValue;
    const KIND: &'static str = "Credential";
    const FIELD: &'static str = "credential";
    const UID_PREFIX: &'static str = "crd_";

    fn read(
        message: v1::Credential,
        name: &CredentialName,
        value: SealedValue,
        _rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        Some(CredentialSettings::read(message, name, violations).with_value(value))
    }

    fn write(&self) -> v1::Credential {
        v1::Credential {
            display_name: self.display_name.clone(),
            r#type: v1::CredentialType::ApiKey.into(),
            weight: Some(self.weight.get()),
            disabled: self.disabled,
            owner: self.owner.clone(),
            expire_time: self.expire_time.map(field::timestamp),
            masked_value: self.value.masked.clone(),
            version: self.value.version,
            ..Default::default()
        }
    }

    fn hidden(&self) -> SealedValue {
        self.value.clone()
    }

    /// `value` is set in the answer only where the update gives a new one: without one, the stored value stays, whatever the mask.
    fn apply(mut current: v1::Credential, given: v1::Credential, merge: &mut Merge<'_>) -> v1::Credential {
        let v1::Credential {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
            r#type,
            value,
            weight,
            disabled,
            owner,
            expire_time,
            masked_value: _,
            version: _,
            state: _,
            state_reason: _,
            last_check_time: _,
            last_error: _,
            ..
        } = given;
        merge.ignored(&mask::HEADER);
        merge.ignored(&["masked_value", "version", "state", "state_reason", "last_check_time", "last_error"]);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("type", &current.r#type, &r#type);
        merge.set("value", &mut current.value, value.clone());
        merge.set("value.api_key", &mut current.value, value);
        merge.set("weight", &mut current.weight, weight);
        merge.set("disabled", &mut current.disabled, disabled);
        merge.set("owner", &mut current.owner, owner);
        merge.set("expire_time", &mut current.expire_time, expire_time);
        current
    }

    fn header(message: &mut v1::Credential) -> Header<'_> {
        Header {
            name: &mut message.name,
            uid: &mut message.uid,
            etag: &mut message.etag,
            revision: &mut message.revision,
            generation: &mut message.generation,
            create_time: &mut message.create_time,
            update_time: &mut message.update_time,
        }
    }

    fn display_name(&self) -> &str {
        &self.display_name
    }

    fn display_name_of(message: &v1::Credential) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}
