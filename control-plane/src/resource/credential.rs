//! Credentials: what authenticates to a provider.
//!
//! What an admin set ([`Credential`]) and what was observed ([`CredentialStatus`]) are two records; the state that the API shows is made of
//! both and of the provider, by [`Credential::state`].

mod given;
mod kind;
mod status;
mod value;

pub use given::{API_KEY_BYTES, GivenValue, read_additional_key, read_own_value, value_path};
pub use kind::{kind_as_str, kind_of_message, kind_to_message, taken};
pub use status::{CredentialProblem, CredentialState, CredentialStatus, Health, HealthReason};
pub use value::{AdditionalKey, Destinations, HeldValue, SealedField, SealedValue, StoredValue};

use std::time::SystemTime;

use proto::admin::v1;
use shared::base_url::Origin;
use shared::name::{CredentialName, SecretName};

use super::{Header, Merge, Provider, Reference, Resource, Rules, field, mask};
use crate::error::{FieldReason, FieldViolations};

/// The most characters of a quota group.
const QUOTA_GROUP_CHARACTERS: usize = 63;

/// What an admin sets of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What people call it.
    pub display_name: String,
    /// The secret.
    pub value: StoredValue,
    /// The second key, for providers that want two.
    pub additional_key: Option<AdditionalKey>,
    /// Its share of the provider's requests.
    pub weight: Weight,
    /// The upstream account whose rate limits it shares with others of the project; `None` means with nobody.
    pub quota_group: Option<String>,
    /// Taken out by an admin.
    pub disabled: bool,
    /// Who answers for it.
    pub owner: String,
    /// When its owner means to replace it.
    pub expire_time: Option<SystemTime>,
}

/// What an admin sets of a credential beside its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSettings {
    /// What people call it.
    pub display_name: String,
    /// Its share of the provider's requests.
    pub weight: Weight,
    /// The upstream account whose rate limits it shares.
    pub quota_group: Option<String>,
    /// Taken out by an admin.
    pub disabled: bool,
    /// Who answers for it.
    pub owner: String,
    /// When its owner means to replace it.
    pub expire_time: Option<SystemTime>,
}

/// A credential's secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialValues {
    /// The secret.
    pub value: StoredValue,
    /// The second key, for providers that want two.
    pub additional_key: Option<AdditionalKey>,
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

impl Credential {
    /// The state and its reason, of what an admin set, what was observed, and where the provider is now.
    #[must_use]
    pub fn state(&self, status: &CredentialStatus, provider: &Provider) -> (CredentialState, Option<HealthReason>) {
        if self.disabled {
            return (CredentialState::Disabled, status.reason);
        }
        if !self.may_be_sent_to(&provider.base_url.origin()) {
            return (CredentialState::Inactive, Some(HealthReason::DestinationChanged));
        }
        let state = match status.health {
            Health::Unverified => CredentialState::Unverified,
            Health::Active => CredentialState::Active,
            Health::Inactive => CredentialState::Inactive,
        };
        (state, status.reason)
    }

    /// Whether all of its values may be sent there.
    #[must_use]
    pub fn may_be_sent_to(&self, origin: &Origin) -> bool {
        let additional = self.additional_key.as_ref();
        self.value.destinations.allow(origin) && additional.is_none_or(|key| key.destinations.allow(origin))
    }

    /// The Secret that it is linked to.
    #[must_use]
    pub fn linked_secret(&self) -> Option<&SecretName> {
        match &self.value.held {
            HeldValue::Here(_) => None,
            HeldValue::In(name) => Some(name),
        }
    }

    /// Its values.
    #[must_use]
    pub fn values(&self) -> CredentialValues {
        CredentialValues { value: self.value.clone(), additional_key: self.additional_key.clone() }
    }
}

impl CredentialSettings {
    /// Reads what is not a value, so that a request can be refused before anything is sealed or asked of a provider.
    #[must_use]
    pub fn read(message: v1::Credential, name: &CredentialName, violations: &mut FieldViolations) -> Self {
        Self {
            display_name: field::display_name_or_id(message.display_name, name, violations),
            weight: field::weight(message.weight, "weight", violations),
            quota_group: read_quota_group(message.quota_group, violations),
            disabled: message.disabled,
            owner: field::owner(message.owner, violations),
            expire_time: field::time(message.expire_time, "expire_time", violations),
        }
    }

    /// The credential with its values.
    #[must_use]
    pub fn with_values(self, values: CredentialValues) -> Credential {
        let Self { display_name, weight, quota_group, disabled, owner, expire_time } = self;
        let CredentialValues { value, additional_key } = values;
        Credential { display_name, value, additional_key, weight, quota_group, disabled, owner, expire_time }
    }
}

fn read_quota_group(given: String, violations: &mut FieldViolations) -> Option<String> {
    if given.is_empty() {
        return None;
    }
    let fits = given.chars().count() <= QUOTA_GROUP_CHARACTERS
        && given.trim() == given
        && !given.chars().any(char::is_control);
    if !fits {
        let description = format!(
            "use up to {QUOTA_GROUP_CHARACTERS} characters, without spaces at either end and control characters"
        );
        violations.add("quota_group", FieldReason::Malformed, description);
    }
    Some(given)
}

impl Resource for Credential {
    type Name = CredentialName;
    type Message = v1::Credential;
    type Hidden = CredentialValues;
    const KIND: &'static str = "Credential";
    const FIELD: &'static str = "credential";
    const UID_PREFIX: &'static str = "crd_";

    fn read(
        message: v1::Credential,
        name: &CredentialName,
        values: CredentialValues,
        _rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        Some(CredentialSettings::read(message, name, violations).with_values(values))
    }

    fn write(&self) -> v1::Credential {
        v1::Credential {
            display_name: self.display_name.clone(),
            r#type: kind_to_message(self.value.kind).into(),
            weight: Some(self.weight.get()),
            disabled: self.disabled,
            owner: self.owner.clone(),
            expire_time: self.expire_time.map(field::timestamp),
            masked_value: self.value.masked.clone(),
            version: self.value.version,
            additional_key_set: self.additional_key.is_some(),
            quota_group: self.quota_group.clone().unwrap_or_default(),
            linked_secret: self.linked_secret().map(ToString::to_string).unwrap_or_default(),
            ..Default::default()
        }
    }

    fn hidden(&self) -> CredentialValues {
        self.values()
    }

    /// `value` and `additional_key` are set in the answer only where the update gives new ones: without, the stored ones stay.
    /// `additional_key_set` is off where the update takes the stored one away.
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
            additional_key,
            additional_key_set: _,
            quota_group,
            linked_secret: _,
            last_used_time: _,
        } = given;
        merge.ignored(&mask::HEADER);
        merge.ignored(&["masked_value", "version", "state", "state_reason", "last_check_time", "last_error"]);
        merge.ignored(&["additional_key_set", "linked_secret", "last_used_time"]);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("type", &current.r#type, &r#type);
        given::apply_value(&mut current.value, value, merge);
        if merge.names("additional_key") && additional_key.is_empty() {
            current.additional_key_set = false;
        }
        merge.set("additional_key", &mut current.additional_key, additional_key);
        merge.set("quota_group", &mut current.quota_group, quota_group);
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
        self.linked_secret().cloned().map(Reference::Secret).into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
