//! What was observed of a credential's value, and the state that the API makes of it.

use std::time::SystemTime;

use proto::admin::v1;

use crate::resource::field;

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
    /// The provider's origin is none that the value may be sent to.
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

impl CredentialState {
    /// Every state, in the order of the API.
    pub const ALL: [Self; 4] = [Self::Unverified, Self::Active, Self::Inactive, Self::Disabled];

    /// Whether proxies get the credential.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, Self::Unverified | Self::Active)
    }

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
