//! What a probe of a provider came to, and what each outcome proves.

use super::evidence::Finding;
use crate::resource::{CredentialStatus, Health, HealthReason};

/// What a probe of the provider came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProbeOutcome {
    /// A paid request was served: nothing is wrong.
    Served,
    /// The provider knows the credential.
    Passed,
    /// It knows it, but the credential may not list models.
    Limited,
    /// It knows it, which says nothing of whether a model may be used: a token was minted, a catalog was listed or refused.
    Recognized,
    /// The provider has nothing that could be asked without cost.
    Unverifiable,
    /// It refuses it.
    Rejected,
    /// The account has no credit or quota left.
    Exhausted,
    /// The provider, or this credential, has no such model. Of paid checks only.
    ModelUnknown,
    /// Something answered that is not this API.
    EndpointWrong,
    /// The provider does not serve the place that we call from, or is not in the region that it is said to be in.
    RegionWrong,
    /// No answer, or one that says nothing of the credential.
    Unreachable,
    /// No connection that can be trusted.
    TlsFailed,
}

impl ProbeOutcome {
    /// Every one of them.
    pub const ALL: [Self; 12] = [
        Self::Served,
        Self::Passed,
        Self::Limited,
        Self::Recognized,
        Self::Unverifiable,
        Self::Rejected,
        Self::Exhausted,
        Self::ModelUnknown,
        Self::EndpointWrong,
        Self::RegionWrong,
        Self::Unreachable,
        Self::TlsFailed,
    ];

    /// The reason of the error table; `None` for what is no problem.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Served | Self::Passed | Self::Recognized | Self::Unverifiable => None,
            Self::Limited | Self::Rejected | Self::Exhausted => Some("CREDENTIAL_REJECTED"),
            Self::ModelUnknown => Some("MODEL_UNKNOWN"),
            Self::EndpointWrong => Some("ENDPOINT_WRONG"),
            Self::RegionWrong => Some("REGION_WRONG"),
            Self::Unreachable => Some("UPSTREAM_UNREACHABLE"),
            Self::TlsFailed => Some("TLS_FAILED"),
        }
    }

    /// What the provider's own word says against the credential; `None` where it says nothing against it.
    pub(super) fn bad(self) -> Option<HealthReason> {
        match self {
            Self::Rejected => Some(HealthReason::Rejected),
            Self::Exhausted => Some(HealthReason::Exhausted),
            Self::Served
            | Self::Passed
            | Self::Limited
            | Self::Recognized
            | Self::Unverifiable
            | Self::ModelUnknown
            | Self::EndpointWrong
            | Self::RegionWrong
            | Self::Unreachable
            | Self::TlsFailed => None,
        }
    }

    /// Whether the provider was not reached, so that nothing is known that was not known before.
    pub(super) fn is_unreached(self) -> bool {
        match self {
            Self::EndpointWrong | Self::RegionWrong | Self::Unreachable | Self::TlsFailed => true,
            Self::Served
            | Self::Passed
            | Self::Limited
            | Self::Recognized
            | Self::Unverifiable
            | Self::Rejected
            | Self::Exhausted
            | Self::ModelUnknown => false,
        }
    }

    /// Whether it proves that a finding is wrong. A list of models knows nothing of an account's credit; a minted token or a list that
    /// anybody gets knows nothing of whether requests are let in.
    pub(super) fn refutes(self, finding: Finding) -> bool {
        match self {
            Self::Served => true,
            Self::Passed | Self::Limited => finding == Finding::Rejected,
            Self::Recognized
            | Self::Unverifiable
            | Self::Rejected
            | Self::Exhausted
            | Self::ModelUnknown
            | Self::EndpointWrong
            | Self::RegionWrong
            | Self::Unreachable
            | Self::TlsFailed => false,
        }
    }
}

/// What is known of a credential after a probe that nobody's finding caused, or that settled the finding. An outcome that says nothing of
/// the credential keeps what was known; one that says too little lets it serve until the first use tells.
pub(super) fn verdict(before: &CredentialStatus, outcome: ProbeOutcome) -> (Health, Option<HealthReason>) {
    match outcome {
        ProbeOutcome::Served | ProbeOutcome::Passed => (Health::Active, None),
        ProbeOutcome::Limited => (Health::Active, Some(HealthReason::Limited)),
        ProbeOutcome::Rejected => (Health::Inactive, Some(HealthReason::Rejected)),
        ProbeOutcome::Exhausted => (Health::Inactive, Some(HealthReason::Exhausted)),
        ProbeOutcome::Recognized | ProbeOutcome::Unverifiable => match before.health {
            Health::Active => unreachable_no_more(before),
            Health::Unverified | Health::Inactive => ON_PROBATION,
        },
        ProbeOutcome::ModelUnknown => unreachable_no_more(before),
        ProbeOutcome::EndpointWrong
        | ProbeOutcome::RegionWrong
        | ProbeOutcome::Unreachable
        | ProbeOutcome::TlsFailed => match before.health {
            Health::Inactive => (Health::Inactive, before.reason),
            Health::Unverified | Health::Active => (before.health, Some(HealthReason::Unreachable)),
        },
    }
}

/// It serves, and the first use tells.
pub(super) const ON_PROBATION: (Health, Option<HealthReason>) = (Health::Unverified, Some(HealthReason::NotYetUsed));

/// What was known, of a provider that was reached.
pub(super) fn unreachable_no_more(before: &CredentialStatus) -> (Health, Option<HealthReason>) {
    match (before.health, before.reason) {
        (Health::Unverified, _) => ON_PROBATION,
        (health, Some(HealthReason::Unreachable)) => (health, None),
        known => known,
    }
}
