//! What the health engine counts. All names begin with `keyplane_health_`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::ProbeOutcome;
use super::evidence::Finding;
use crate::resource::CredentialState;

/// Counters and gauges of the health engine.
#[derive(Debug, Default)]
pub struct Metrics {
    /// `probes_total{outcome}`: providers asked about stored credentials.
    pub probes: Family<OutcomeLabel, Counter>,
    /// `evidence_total{finding}`: findings of proxies that were weighed.
    pub evidence: Family<FindingLabel, Counter>,
    /// `evidence_coalesced_total`: findings that said what another one, which waits already, says; or that found no room to wait.
    pub evidence_coalesced: Counter,
    /// `taken_out_total`: credentials taken from the fleet.
    pub taken_out: Counter,
    /// `credentials{state}`: as the API shows them, half a minute old at the most.
    pub credentials: Family<StateLabel, Gauge>,
}

impl Metrics {
    /// Registers everything under `keyplane_health_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("keyplane_health");
        registry.register("probes", "Providers asked about stored credentials, by the outcome", self.probes.clone());
        registry.register("evidence", "Findings of proxies that were weighed", self.evidence.clone());
        registry.register(
            "evidence_coalesced",
            "Findings that said nothing new while others waited, or found no room to wait",
            self.evidence_coalesced.clone(),
        );
        registry.register("taken_out", "Credentials taken from the fleet", self.taken_out.clone());
        registry.register("credentials", "Credentials by state", self.credentials.clone());
    }

    pub(super) fn probed(&self, outcome: ProbeOutcome) {
        self.probes.get_or_create(&OutcomeLabel { outcome: outcome.into() }).inc();
    }

    pub(super) fn weighed(&self, finding: Finding) {
        self.evidence.get_or_create(&FindingLabel { finding: finding.into() }).inc();
    }

    /// Sets how many credentials are in each state, in the order of [`CredentialState::ALL`].
    pub(super) fn count(&self, counts: [i64; 4]) {
        for (state, count) in CredentialState::ALL.into_iter().zip(counts) {
            self.credentials.get_or_create(&StateLabel { state: state.into() }).set(count);
        }
    }
}

/// The label of `probes_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    outcome: OutcomeWord,
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "each is an outcome of the same name")]
pub enum OutcomeWord {
    Served,
    Passed,
    Limited,
    Recognized,
    Unverifiable,
    Rejected,
    Exhausted,
    ModelUnknown,
    EndpointWrong,
    RegionWrong,
    Unreachable,
    TlsFailed,
}

impl From<ProbeOutcome> for OutcomeWord {
    fn from(outcome: ProbeOutcome) -> Self {
        match outcome {
            ProbeOutcome::Served => Self::Served,
            ProbeOutcome::Passed => Self::Passed,
            ProbeOutcome::Limited => Self::Limited,
            ProbeOutcome::Recognized => Self::Recognized,
            ProbeOutcome::Unverifiable => Self::Unverifiable,
            ProbeOutcome::Rejected => Self::Rejected,
            ProbeOutcome::Exhausted => Self::Exhausted,
            ProbeOutcome::ModelUnknown => Self::ModelUnknown,
            ProbeOutcome::EndpointWrong => Self::EndpointWrong,
            ProbeOutcome::RegionWrong => Self::RegionWrong,
            ProbeOutcome::Unreachable => Self::Unreachable,
            ProbeOutcome::TlsFailed => Self::TlsFailed,
        }
    }
}

/// The label of `evidence_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FindingLabel {
    finding: FindingWord,
}

/// What a proxy found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "each is a finding of the same name")]
pub enum FindingWord {
    Served,
    Rejected,
    Denied,
    Exhausted,
    RateLimited,
}

impl From<Finding> for FindingWord {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Served => Self::Served,
            Finding::Rejected => Self::Rejected,
            Finding::Denied => Self::Denied,
            Finding::Exhausted => Self::Exhausted,
            Finding::RateLimited => Self::RateLimited,
        }
    }
}

/// The label of `credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StateLabel {
    state: StateWord,
}

/// A credential's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "each is a state of the same name")]
pub enum StateWord {
    Unverified,
    Active,
    Inactive,
    Disabled,
}

impl From<CredentialState> for StateWord {
    fn from(state: CredentialState) -> Self {
        match state {
            CredentialState::Unverified => Self::Unverified,
            CredentialState::Active => Self::Active,
            CredentialState::Inactive => Self::Inactive,
            CredentialState::Disabled => Self::Disabled,
        }
    }
}
