//! Credentials: what authenticates to a provider.
//!
//! What an admin set ([`Credential`]) and what was observed ([`CredentialStatus`]) are two records; the state that the API shows is made of
//! both and of the provider, by [`Credential::state`].

use std::time::SystemTime;

use shared::base_url::Origin;
use shared::name::CredentialName;

use super::{Provider, Resource};
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

impl Resource for Credential {
    type Name = CredentialName;
    const KIND: &'static str = "Credential";
    const UID_PREFIX: &'static str = "crd_";
}
